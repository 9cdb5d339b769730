"""Layers of an engine and their tensors, however TensorRT describes them: in its log, or by its inspector."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from math import prod

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.core.graph import Tensor

_NODE = re.compile(r"\[ONNX Layer: (.*)\]", re.DOTALL)
_BETWEEN = re.compile("[\x1e\x1f]")
_HOLDER = "Constant"
"""The kind of a layer that does nothing but hold a constant."""
ANY_SIZE = (1 << 31) - 1
"""The largest that TensorRT has for an axis."""
_DTYPES = {
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "BF16": "bfloat16",
    "FP8": "float8e4m3fn",
    "FP4": "float4e2m1",
    "E8M0": "float8e8m0",
}


@dataclass(frozen=True, slots=True)
class PlanTensor:
    """A tensor that a layer reads, holds or writes.

    Attributes:
        name: TensorRT's own, "" when it is not told.
        dtype: numpy's name of its type, "" when it is not told.
        sizes: by axis, -1 where one is left open; None when they are not told.
    """

    name: str
    dtype: str
    sizes: tuple[int, ...] | None

    @property
    def elements(self) -> int:
        """How many there are, 0 or less where a size is left open or not told."""
        return 0 if self.sizes is None else prod(self.sizes)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of its elements, None where sizes or type are not told."""
        if self.sizes is None or min(self.sizes, default=0) < 0:
            return None
        return Tensor(self.name, self.dtype, self.sizes).size_bytes


@dataclass(frozen=True, slots=True)
class PlanLayer:
    """One layer of an engine.

    Attributes:
        name: TensorRT's own; several layers may have the same.
        kind: its LayerType, "" when only names are told.
        inputs: that it reads.
        constants: weights that lie in the engine, as far as they are told.
        jumps_to: names of layers that may run after it in place of the next, back to which a loop begins its next turn;
            None when that is not told.
        tells_inputs: whether `inputs` are all that it reads; in what this tool wrote they are the user's tensors.
        tells_constants: whether they are all told; TensorRT 10.16 tells them of few kinds of layers.
        outputs: that it writes.
        tactic: the kernel, "" when it is chosen where the engine runs, or not told.
        nodes: of the ONNX file that it stands for by its metadata, in the order given; None when it has no metadata.
    """

    name: str
    kind: str = ""
    inputs: tuple[PlanTensor, ...] = ()
    constants: tuple[PlanTensor, ...] = ()
    outputs: tuple[PlanTensor, ...] = ()
    tactic: str = ""
    nodes: tuple[str, ...] | None = None
    jumps_to: tuple[str, ...] | None = None
    tells_inputs: bool = True
    tells_constants: bool = True

    @property
    def moved_bytes(self) -> int | None:
        """Bytes of all that it is told to read and write; None where a size or a type is not told.

        A tensor that it reads several times with one size is read once; with several sizes they are parts of it.
        """
        sides = ((*self.inputs, *self.constants), self.outputs)
        each = [size for side in sides for size in {(item.name, item.sizes): item.size_bytes for item in side}.values()]
        is_untold = None in each or not each or not self.tells_inputs
        return None if is_untold else sum(size or 0 for size in each)

    @property
    def told_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of what it writes, as far as they are told."""
        return tuple(out.sizes for out in self.outputs if out.sizes is not None and min(out.sizes, default=0) >= 0)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The backend whose profile this tool wrote in the shapes of trtexec, and the version of its library."""

    backend: str
    version: str

    @property
    def is_tensorrt(self) -> bool:
        """Whether it is TensorRT or TensorRT-RTX itself."""
        return self.backend.startswith("tensorrt")


OF_TRTEXEC = Runtime("tensorrt", "")
"""What ran the files of trtexec itself; they do not tell the version."""


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """All layers in execution order, and what else is told.

    Attributes:
        layers: of the engine.
        bindings: names of its inputs and outputs.
        inputs: of the engine, where they are told by themselves; else they are those that its layers read.
        ranges: the sizes that it takes, by input and optimisation profile; those without a known end are `ANY_SIZE` at
            most.
        runtime: what ran it: TensorRT, unless this tool wrote another one down.
    """

    layers: tuple[PlanLayer, ...]
    bindings: tuple[str, ...] = ()
    inputs: tuple[PlanTensor, ...] = ()
    ranges: Mapping[str, tuple[ShapeBounds, ...]] = field(default_factory=dict)
    runtime: Runtime = OF_TRTEXEC


def with_told_constants(info: LayerInfo) -> LayerInfo:
    """The layers, with `tells_constants` also of those that have constants among their inputs.

    TensorRT 10.5 lists them there (`__mye583_dconst`): tensors that are none of the engine's own inputs, and that no
    layer makes but one that holds a constant.
    """
    made = {tensor.name for layer in info.layers if layer.kind != _HOLDER for tensor in layer.outputs}
    known = made.union(info.bindings, ("",))
    return replace(info, layers=tuple(_told(layer, known) if info.bindings else layer for layer in info.layers))


def _told(layer: PlanLayer, known: Container[str]) -> PlanLayer:
    is_told = layer.tells_constants or any(tensor.name not in known for tensor in layer.inputs)
    return layer if is_told == layer.tells_constants else replace(layer, tells_constants=is_told)


def dtype_name(said: str) -> str:
    """A type of TensorRT by numpy's name."""
    return _DTYPES.get(said, said.lower())


def node_names(metadata: str) -> tuple[str, ...]:
    """The nodes that a layer's metadata names, each once."""
    found = (_NODE.fullmatch(part.strip()) for part in _BETWEEN.split(metadata))
    return tuple(dict.fromkeys(match[1] for match in found if match is not None))
