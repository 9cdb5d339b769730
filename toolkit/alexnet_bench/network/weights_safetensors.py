"""Tensors of a safetensors file, bfloat16 included, which numpy has no type for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, deserialize

from alexnet_bench.core.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}


def read_safetensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """Tensor name -> array, in the file's types; bfloat16 as float32.

    Raises:
        WeightsError: the file is truncated or no safetensors file, or a tensor has a type that holds no weights.
    """
    try:
        entries = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]  # its stub has no types
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file: {error}", "fetch or write it again") from error
    return {name: _array(path, name, entry["dtype"], entry["data"], entry["shape"]) for name, entry in entries}


def _array(path: Path, name: str, dtype: str, content: bytes, shape: list[int]) -> NDArray[np.generic]:
    if dtype == "BF16":
        # A bfloat16 is the upper half of a float32.
        return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if dtype not in _TYPES:
        raise WeightsError(f"{path}: {name} is of type {dtype}", "save the weights as F32, F16 or BF16")
    return np.frombuffer(content, _TYPES[dtype]).reshape(shape)
