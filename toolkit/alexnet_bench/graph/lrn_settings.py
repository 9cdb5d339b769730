"""Which LRN every runtime computes, and computes right."""

from __future__ import annotations

_LARGEST_BIAS = 2**31 - 1


def not_portable(size: int, bias: float) -> str:
    """The setting of an LRN that not every runtime goes by, "" where all of them do.

    OpenVINO 2026.4.1 cuts the bias off to a 32-bit integer, and takes an even size for the odd one below it; ONNX
    Runtime and TensorRT refuse an even one.
    """
    if size % 2 == 0:
        return f"size {size}"
    is_whole = float(bias).is_integer() and abs(bias) <= _LARGEST_BIAS
    return "" if is_whole else f"bias {bias:.7g}"
