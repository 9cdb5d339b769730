"""What a runtime gives as an output, as an array that a file can hold without pickling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

_OBJECTS, _BYTES = "O", "S"
"""Numpy's letters for arrays of Python's objects and of bytes."""


def as_arrays(names: Sequence[str], values: Iterable[object]) -> list[np.ndarray]:
    """Outputs as arrays; text in numpy's fixed-width unicode, a sequence of equal shapes along a new first axis.

    Args:
        names: of the outputs, for messages.
        values: an array for each, or a list of arrays for a sequence.

    Raises:
        BackendRefusal: one is nothing that an array can hold.
    """
    return [_array(name, value) for name, value in zip(names, values, strict=True)]


def _array(name: str, value: object) -> np.ndarray:
    import numpy as np

    pieces = [np.asarray(piece) for piece in value] if isinstance(value, list) else []
    if len({piece.shape for piece in pieces}) > 1:
        shapes = " and ".join(str(list(shape)) for shape in sorted({piece.shape for piece in pieces})[:2])
        raise _refused(name, f"a sequence of tensors of different shapes, such as {shapes}")
    array = np.stack(pieces) if pieces else np.asarray(value)
    return _text(name, array) if array.dtype.kind in (_OBJECTS, _BYTES) else array


def _text(name: str, array: np.ndarray) -> np.ndarray:
    """Text of one width; bytes are UTF-8, and those that are not are escaped.

    Raises:
        BackendRefusal: it holds other objects.
    """
    import numpy as np

    words = [_word(name, item) for item in array.reshape(-1)]
    return np.array(words, np.str_).reshape(array.shape)


def _word(name: str, item: Any) -> str:
    if isinstance(item, bytes):
        return item.decode(errors="backslashreplace")
    if not isinstance(item, str):
        kind = "empty" if item is None else f"of {printable(type(item).__name__)} objects"
        raise _refused(name, kind)
    return item


def _refused(name: str, what: str) -> BackendRefusal:
    return BackendRefusal(
        f"output {printable(name)} is {what}, which cannot be stored as one array", "take it out of the model's outputs"
    )
