"""ELF files that say what they are linked to, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_BASE = 0x400000
"""Where the file would lie in memory, so that addresses are no offsets."""


def elf(needed: Sequence[str], *, base: int = _BASE) -> bytes:
    """A 64-bit shared library: a header, two segments, the names, and the dynamic section."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    offsets = [names.index(b"\0" + name.encode() + b"\0") + 1 for name in needed]
    names_at = 0x40 + 2 * 0x38
    dynamic_at = names_at + len(names)
    tags = [(1, offset) for offset in offsets] + [(5, base + names_at), (0, 0), (1, 10**6)]
    dynamic = b"".join(struct.pack("<qQ", tag, value) for tag, value in tags)
    size = dynamic_at + len(dynamic)
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0x40, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    section = struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, base + dynamic_at, 0, len(dynamic), len(dynamic), 8)
    return header + load + section + names + dynamic
