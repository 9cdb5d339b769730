"""Layers of an engine and their tensors, however TensorRT describes them: in its log, or by its inspector."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


def dtype_name(said: str) -> str:
    """A type of TensorRT by numpy's name."""
    return _DTYPES.get(said, said.lower())


def node_names(metadata: str) -> tuple[str, ...]:
    """The nodes that a layer's metadata names, each once."""
    found = (_NODE.fullmatch(part.strip()) for part in _BETWEEN.split(metadata))
    return tuple(dict.fromkeys(match[1] for match in found if match is not None))
