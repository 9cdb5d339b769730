"""How many bytes of its weights an engine keeps on the device while it streams the others."""

from __future__ import annotations

_BINDINGS_BITS = 32
"""TensorRT's Python module (python/src/infer/pyCore.cpp, 10.x and 11.x) hands its proposal on as an int32_t."""


def automatic_budget(told: int, streamable_bytes: int, free_bytes: int) -> int | None:
    """TensorRT's own proposal, of which its Python module may have cut off the upper bits.

    It proposes no more than can be streamed, and no more than is free: the most that has the lower bits that are told,
    and keeps to both.

    Args:
        told: by the Python module; negative where bit 31 is set.
        streamable_bytes: of all weights that can be streamed.
        free_bytes: on the device, without what the engine's activations take.

    Returns:
        the budget, None where no proposal can have been told so.
    """
    wrap = 1 << _BINDINGS_BITS
    low = told % wrap
    if told >= wrap // 2 or low > streamable_bytes:  # told whole, or an error's negative number
        return told if told >= 0 else None
    return low + max(0, min(streamable_bytes, free_bytes) - low) // wrap * wrap
