"""A program of its own, of Python's library alone: prints what the driver says of CUDA's first device, as JSON.

CUDA must not be used in a process that forks later, and cannot be given back; so it is asked for in one that ends.
Nothing is printed where there is no driver or no device. No context is made.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

LIBRARY = "libcuda.so.1"
_NAME_BYTES = 256
_GROUPS = (4, 2, 2, 2, 6)
"""Of the bytes of an UUID, as `nvidia-smi -L` writes it."""


def ask(library: Any) -> dict[str, str]:
    """The device with the number 0, as CUDA_VISIBLE_DEVICES and CUDA's own order have it; nothing where there is none.

    Args:
        library: the driver's, loaded.
    """
    device, version = ctypes.c_int(), ctypes.c_int()
    name, uuid = ctypes.create_string_buffer(_NAME_BYTES), ctypes.create_string_buffer(sum(_GROUPS))
    by_uuid = getattr(library, "cuDeviceGetUuid_v2", None) or library.cuDeviceGetUuid  # the former knows parts of cards
    failed = (
        library.cuInit(0)
        or library.cuDeviceGet(ctypes.byref(device), 0)
        or library.cuDeviceGetName(name, _NAME_BYTES, device)
        or by_uuid(uuid, device)
        or library.cuDriverGetVersion(ctypes.byref(version))
    )
    if failed:
        return {}
    digits = iter(uuid.raw.hex())
    groups = ("".join(next(digits) for _ in range(2 * size)) for size in _GROUPS)
    return {
        "name": name.value.decode(errors="replace"),
        "uuid": f"GPU-{'-'.join(groups)}",
        "cuda": f"{version.value // 1000}.{version.value % 1000 // 10}",
    }


def main() -> None:
    """Prints the answer."""
    try:
        found = ask(ctypes.CDLL(LIBRARY))
    except (OSError, AttributeError):  # no driver, or none that is known
        return
    if found:
        json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
