"""The layers of an engine as TensorRT describes them at the end of a verbose build.

One line for each layer: `Name: ..., LayerType: ..., Inputs: [...], ..., Metadata: [ONNX Layer: a][ONNX Layer: b]`, the
nodes of the metadata with 0x1E or 0x1F between them. Seen in TensorRT-RTX 1.7.1. Where the log does not list them, the
engine inspector is asked for its JSON.
"""

from __future__ import annotations

import json
import re
from math import prod

from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info, plan_layer
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor, dtype_name, node_names
from alexnet_bench.core.errors import BackendCrash

FIRST_LINE = "Layers:"
"""What the message begins with that describes the engine."""
_LAYER = re.compile(
    r"Name: (?P<name>.*?), LayerType: (?P<type>\w*), Inputs: \[(?P<inputs>.*?)\], Constants: \[(?P<constants>.*?)\], "
    r"Outputs: \[(?P<outputs>.*?)\], TacticName: (?P<tactic>.*?), StreamId: -?\d+.*?, Metadata: ?(?P<metadata>.*)"
)
_TENSOR = re.compile(r"\{ Name: (?P<name>.*?), Dimensions: \[(?P<dims>[-\d,]*)\],.*?Datatype: (?P<type>\w+)")


def read_plan_layers(text: str) -> list[PlanLayer]:
    """The layers in execution order.

    Args:
        text: the description, from `FIRST_LINE` on; or the inspector's JSON.

    Raises:
        BackendCrash: it is not written as expected, so that layers would be missing.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    lines = text.split("\n")
    begun = lines.index(FIRST_LINE) + 1 if FIRST_LINE in lines else len(lines)
    layers = []
    for line in lines[begun:]:
        if not line.strip():
            break
        match = _LAYER.fullmatch(line)
        if match is None:
            raise BackendCrash(f"TensorRT describes a layer in an unknown form: {line[:200]!r}")
        layers.append(_layer(match))
    if not layers:
        raise BackendCrash("TensorRT does not describe the layers of the engine that it built")
    return layers


def _from_json(text: str) -> list[PlanLayer]:
    try:
        found = parse_layer_info(json.loads(text, strict=False))
    except (ValueError, RecursionError) as error:
        raise BackendCrash(f"TensorRT describes the layers in an unknown form: {str(error)[:200]}") from None
    if not found.layers:
        raise BackendCrash("TensorRT does not describe the layers of the engine that it built")
    return [plan_layer(layer) for layer in found.layers]


def _layer(match: re.Match[str]) -> PlanLayer:
    return PlanLayer(
        match["name"],
        match["type"],
        _tensors(match["inputs"]),
        _tensors(match["constants"]),
        _tensors(match["outputs"]),
        match["tactic"],
        node_names(match["metadata"]),
    )


def _tensors(text: str) -> tuple[PlanTensor, ...]:
    return tuple(
        PlanTensor(dtype_name(match["type"]), prod(int(size) for size in match["dims"].split(",") if size))
        for match in _TENSOR.finditer(text)
    )
