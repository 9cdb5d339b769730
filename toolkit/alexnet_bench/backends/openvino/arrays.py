"""Arrays of bfloat16 between numpy, which has no such type, and OpenVINO, which hands their bits over as float16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_HIGH_BITS = 16
"""Of a float32: they are the bfloat16 below it."""


def is_bfloat16(port: Any) -> bool:
    """Whether an input or an output is of that type."""
    return str(port.element_type.get_type_name()) == "bf16"


def widened(halves: np.ndarray) -> np.ndarray:
    """The float32 of values whose bits are those of bfloat16, whatever 16-bit type they are said to be."""
    import numpy as np

    bits = np.ascontiguousarray(halves).view(np.uint16).astype(np.uint32)
    return (bits << _HIGH_BITS).view(np.float32).reshape(halves.shape)


def bfloat16_tensor(array: np.ndarray) -> Any:
    """A tensor of OpenVINO that holds floats rounded to the nearest bfloat16, ties to even.

    NaN stays NaN, and what is too large becomes infinite.
    """
    import numpy as np
    import openvino

    wide = np.ascontiguousarray(array, np.float32)
    bits = wide.view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> _HIGH_BITS) & 1)
    kept = np.where(np.isnan(wide), bits | 1 << (_HIGH_BITS + 6), rounded) >> _HIGH_BITS
    halves = kept.astype(np.uint16).reshape(array.shape)
    tensor = openvino.Tensor(openvino.Type.bf16, openvino.Shape(array.shape))
    tensor.data[...] = halves.view(tensor.data.dtype)
    return tensor
