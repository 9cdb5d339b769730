"""The layers of an engine as TensorRT describes them at the end of a verbose build.

One line for each layer: `Name: ..., LayerType: ..., Inputs: [...], ..., Metadata: [ONNX Layer: a][ONNX Layer: b]`, the
nodes of the metadata with 0x1E or 0x1F between them. Seen in TensorRT-RTX 1.7.1; the same comes from its inspector.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

from alexnet_bench.core.errors import BackendCrash

FIRST_LINE = "Layers:"
"""What the message begins with that describes the engine."""
_LAYER = re.compile(
    r"Name: (?P<name>.*?), LayerType: (?P<type>\w*), Inputs: \[(?P<inputs>.*?)\], Constants: \[(?P<constants>.*?)\], "
    r"Outputs: \[(?P<outputs>.*?)\], TacticName: (?P<tactic>.*?), StreamId: -?\d+.*?, Metadata: ?(?P<metadata>.*)"
)
_TENSOR = re.compile(r"\{ Name: (?P<name>.*?), Dimensions: \[(?P<dims>[-\d,]*)\],.*?Datatype: (?P<type>\w+)")
_NODE = re.compile(r"\[ONNX Layer: (.*)\]")
_BETWEEN = re.compile("[\x1e\x1f]")
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
    """A tensor that a layer reads or writes.

    Attributes:
        dtype: numpy's name of its type.
        elements: how many there are, 0 or less where a size is left open.
    """

    dtype: str
    elements: int


@dataclass(frozen=True, slots=True)
class PlanLayer:
    """One layer of an engine.

    Attributes:
        name: TensorRT's own.
        kind: its LayerType.
        inputs: that it reads.
        constants: weights that lie in the engine.
        outputs: that it writes.
        tactic: the kernel, "" when it is chosen where the engine runs.
        nodes: of the ONNX file that it stands for, in the order given.
    """

    name: str
    kind: str
    inputs: tuple[PlanTensor, ...]
    constants: tuple[PlanTensor, ...]
    outputs: tuple[PlanTensor, ...]
    tactic: str
    nodes: tuple[str, ...]


def read_plan_layers(text: str) -> list[PlanLayer]:
    """The layers in execution order.

    Args:
        text: the description, from `FIRST_LINE` on.

    Raises:
        BackendCrash: it is not written as expected, so that layers would be missing.
    """
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


def dtype_name(said: str) -> str:
    """A type of TensorRT by numpy's name."""
    return _DTYPES.get(said, said.lower())


def node_names(metadata: str) -> tuple[str, ...]:
    """The nodes that a layer's metadata names, each once."""
    found = (_NODE.fullmatch(part.strip()) for part in _BETWEEN.split(metadata))
    return tuple(dict.fromkeys(match[1] for match in found if match is not None))


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
