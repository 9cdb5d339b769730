"""The types that OpenVINO's kernels compute in, by numpy's names."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_bench.backends.openvino.record import MARK, Kernel, Record, SourceOp
from alexnet_bench.core.graph import is_float

DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "boolean": "bool",
    **{f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (4, 8, 16, 32, 64)},
}
_CONTROL_FLOW = ("If", "TensorIterator")
"""What has graphs inside, Loop and Scan included, and recurrent layers with lengths of their own."""
_PRODUCT = "FullyConnected"
_DATA, _WEIGHTS, _SCALES, _ZERO_POINTS = 0, 1, 3, 4
"""Which inputs of it these are; where the last two are left out, an empty constant of no type stands."""
_UNSIGNED, _SIGNED = ("uint8", "uint4"), ("int8", "int4")
_VECTOR = 16
"""Activations that are rounded at once."""


def dtype(said: str) -> str:
    """A type in OpenVINO's words by numpy's name; "" for what is none."""
    return DTYPES.get(said.lower(), "")


def compute_dtype(kernel: Kernel, record: Record) -> str:
    """The type that a kernel computes in, "" where that is not known.

    Of what has graphs inside, OpenVINO gives the type of a counter or of the first input. A body of the user's can hold
    anything; recurrent layers are computed in float32 where that is what all is computed in. Of a product of floats
    with weights in bytes it gives the type of the weights.
    """
    if kernel.kind in _CONTROL_FLOW:
        return "float32" if record.precision == "f32" and _is_recurrent(kernel, record.source) else ""
    data = _input(kernel, record, _DATA)[0] if kernel.kind == _PRODUCT else ""
    if is_float(data):
        return "int8" if _rounds(kernel, record) else data
    return dtype(kernel.precision)


def _is_recurrent(kernel: Kernel, source: Sequence[SourceOp]) -> bool:
    """Whether a kernel with a graph inside is what OpenVINO made of a recurrent layer, and not of a loop.

    Args:
        kernel: as compiled; named after the layer, with something behind it perhaps.
        source: the operators of the model.
    """
    names = [name.partition("/")[0] for name in kernel.stands_for]
    numbers = [int(name.removeprefix(MARK)) for name in names if name.startswith(MARK)]
    kinds = [source[number].kind for number in numbers] + [name.partition("_")[0] for name in names]
    return any(kind.endswith("Sequence") for kind in kinds)


def _rounds(kernel: Kernel, record: Record) -> bool:
    """Whether a product rounds its activations to bytes, which it may do in groups that weights of one scale divide.

    Whether this processor has the instructions is not known; without them it computes in floats.
    """
    group = record.rounded_together
    (weights, shape), (zeros, _) = _input(kernel, record, _WEIGHTS), _input(kernel, record, _ZERO_POINTS)
    if not (weights in _UNSIGNED or (weights in _SIGNED and not zeros)) or not group or not shape:
        return False
    several = [_input(kernel, record, index)[1] for index in (_SCALES, _ZERO_POINTS)]
    blocks = [of_rows[-1] for of_rows in several if len(of_rows) > 1]
    sizes = [shape[-1] // many for many in blocks if many > 1]
    return group % _VECTOR == 0 and group <= shape[-1] and all(size % group == 0 for size in sizes)


def _input(kernel: Kernel, record: Record, index: int) -> tuple[str, list[int]]:
    """Type and sizes of an input of a kernel; none where it has no such input."""
    if index >= len(kernel.inputs):
        return "", []
    source, port = kernel.inputs[index]
    maker = record.kernels[source]
    return dtype(maker.outputs[port]), (maker.sizes[port] or [] if port < len(maker.sizes) else [])
