"""The layers of an engine as the engine inspector of TensorRT gives them in JSON.

`trtexec --exportLayerInfo` writes the same: `{"Layers": [...], "Bindings": [...]}`. A layer is an object where the
engine was built with detailed profiling verbosity, else only its name. The type of a tensor stands in
`Format/Datatype`: "Half", and in older versions "Channel major FP16 format where channel % 8 == 0". Those give no
`Metadata` either. TensorRT 11 has `I/O Tensors` in place of `Bindings`: inputs and outputs with types and sizes.

What this tool writes has both, and the runtime of the profile as its `Runtime`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.backends.tensorrt.plan_tensors import (
    ANY_SIZE,
    OF_TRTEXEC,
    LayerInfo,
    PlanLayer,
    PlanTensor,
    Runtime,
    dtype_name,
    node_names,
    with_told_constants,
)

_DATATYPE = re.compile(
    r"\b(FP32|FP16|BF16|BFloat16|FP8|FP4|E8M0|Float|Half|U?Int(?:4|8|16|32|64)|Bool|Double)\b", re.IGNORECASE
)
_DATATYPES = ("Datatype", "Format/Datatype", "DataType")
"""Where the type of a tensor stands, in TensorRT 11, before it, and among `I/O Tensors`."""
_SPELLED = {"fp32": "float32", "fp16": "float16", "double": "float64"}
RUNTIME = "Runtime"
"""What ran the profile that was written in this shape: `{"Backend": "onnxruntime", "Version": "1.24.1"}`."""
_JUMPS = ("JumpTarget", "JumpTargetThen", "JumpTargetElse")
"""As the log of a build says it; whether the inspector does was not seen."""
_ENDS = "I/O Tensors"
_HELD = ("Weights", "Bias")
"""What a convolution says of its constants, as type and count."""


def parse_layer_info(found: object) -> LayerInfo:
    """The layers from the inspector's JSON, as Python's `json` gives it; keys that are not known are ignored.

    Raises:
        ValueError: it has another shape; the message says where.
    """
    if not isinstance(found, dict) or not isinstance(found.get("Layers"), list):
        raise ValueError("there is no list Layers")
    bindings = found.get("Bindings", [])
    if not isinstance(bindings, list) or not all(isinstance(name, str) for name in bindings):
        raise ValueError("Bindings are no list of names")
    layers = tuple(_layer(item, f"Layers[{index}]") for index, item in enumerate(found["Layers"]))
    runtime, ends = _runtime(found), dict(zip(_tensors(found, _ENDS, ""), found.get(_ENDS, ()), strict=True))
    info = LayerInfo(
        tuple(replace(layer, tells_inputs=False) for layer in layers) if runtime else layers,
        tuple(bindings) or tuple(tensor.name for tensor in ends),
        tuple(tensor for tensor, item in ends.items() if item.get("IOMode") == "Input"),
        {tensor.name: ranges for tensor, item in ends.items() if (ranges := _ranges(item, tensor.name))},
        runtime or OF_TRTEXEC,
    )
    return with_told_constants(info)


def _runtime(found: Mapping[str, object]) -> Runtime | None:
    told = found.get(RUNTIME)
    if not isinstance(told, dict):
        return None
    return Runtime(_text(told, "Backend", RUNTIME), _text(told, "Version", RUNTIME, default=""))


def _ranges(item: Mapping[str, object], name: str) -> tuple[ShapeBounds, ...]:
    """The sizes that an input may have in each optimisation profile; none where one does not tell the usual ones."""
    profiles = item.get("ProfileInfo")
    listed = [found for found in profiles if isinstance(found, dict)] if isinstance(profiles, list) else []
    ranges = [_bounds(found, name) for found in listed]
    return tuple(bounds for bounds in ranges if bounds is not None) if None not in ranges else ()


def _bounds(profile: Mapping[str, object], name: str) -> ShapeBounds | None:
    usual = _sizes(profile, "OptShape", name)
    if usual is None:
        return None
    least, most = (_sizes(profile, key, name) for key in ("MinShape", "MaxShape"))
    return ShapeBounds(least or (0,) * len(usual), usual, most or (ANY_SIZE,) * len(usual))


def _sizes(item: Mapping[str, object], key: str, where: str) -> tuple[int, ...] | None:
    sizes = item.get(key)
    if sizes is not None and not (isinstance(sizes, list) and all(map(_is_whole, sizes))):
        raise ValueError(f"{where}.{key} is no list of whole numbers")
    return None if sizes is None else tuple(sizes)


def _layer(item: object, where: str) -> PlanLayer:
    if isinstance(item, str):
        return PlanLayer(item)
    if not isinstance(item, dict):
        raise ValueError(f"{where} is neither an object nor a name")
    metadata = _text(item, "Metadata", where) if "Metadata" in item else None
    held = _held(item, where)
    return PlanLayer(
        _text(item, "Name", where),
        _text(item, "LayerType", where, default=""),
        _tensors(item, "Inputs", where),
        (*held, *_tensors(item, "Constants", where)),
        _tensors(item, "Outputs", where),
        _text(item, "TacticName", where, default=""),
        None if metadata is None else node_names(metadata),
        tuple(_text(item, key, where) for key in _JUMPS if key in item) or None,
        tells_constants=bool(held) or "Constants" in item,
    )


def _tensors(item: Mapping[str, object], key: str, where: str) -> tuple[PlanTensor, ...]:
    found, where = item.get(key, []), f"{where}.{key}".lstrip(".")
    if not isinstance(found, list) or not all(isinstance(tensor, dict) for tensor in found):
        raise ValueError(f"{where} is no list of tensors")
    return tuple(_tensor(tensor, f"{where}[{index}]") for index, tensor in enumerate(found))


def _tensor(item: Mapping[str, object], where: str) -> PlanTensor:
    sizes = _sizes(item, "Dimensions", where)
    said = next((_text(item, key, where) for key in _DATATYPES if key in item), "")
    return PlanTensor(_text(item, "Name", where), said_dtype(said), sizes)


def _held(item: Mapping[str, object], where: str) -> tuple[PlanTensor, ...]:
    tensors = []
    for key in _HELD:
        found = item.get(key)
        if isinstance(found, dict) and "Type" in found:
            count = found.get("Count")
            if not _is_whole(count) or not isinstance(count, int):
                raise ValueError(f"{where}.{key}.Count is no whole number")
            tensors.append(PlanTensor("", said_dtype(_text(found, "Type", f"{where}.{key}")), (count,)))
    return tuple(tensors)


def _text(item: Mapping[str, object], key: str, where: str, *, default: str | None = None) -> str:
    found = item.get(key, default)
    if not isinstance(found, str):
        raise ValueError(f"{where}.{key} is no text" if key in item else f"{where} has no {key}")
    return found


def said_dtype(said: str) -> str:
    """The type of a tensor by numpy's name, from what stands in `Format/Datatype`; "" where that names none."""
    match = _DATATYPE.search(said)
    if match is None:
        return ""
    word = match[1]
    return _SPELLED.get(word.lower()) or dtype_name(word)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
