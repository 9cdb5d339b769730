"""What an engine says of one of its inputs or outputs."""

from __future__ import annotations

from dataclasses import dataclass

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
}
"""What an engine may read and write here: the types that numpy has too."""


@dataclass(frozen=True, slots=True)
class EngineTensor:
    """An input or output of an engine.

    Attributes:
        name: of the model.
        dtype: numpy's name of its type.
        shape: -1 where the engine leaves a size open.
        is_input: or an output.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    is_input: bool

    @property
    def is_open_input(self) -> bool:
        """Whether it is an input whose sizes are the caller's choice."""
        return self.is_input and min(self.shape, default=0) < 0
