"""Which shared libraries an ELF file asks the loader for, without loading it.

Layout: System V ABI, "Object Files" (gabi 4.1), 64-bit and little-endian as on x86-64 and AArch64.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
"""Of a 64-bit file whose numbers are little-endian."""
_PROGRAM_HEADERS_AT, _PROGRAM_HEADER_SIZE_AT = 0x20, 0x36
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRING_TABLE = 1, 5
_MOST_ENTRIES = 1 << 16


class ElfError(ValueError):
    """A file that is no shared library of this machine's kind, or a damaged one."""


def needed_libraries(path: Path) -> tuple[str, ...]:
    """The names of the libraries that a shared library is linked to (DT_NEEDED), in order.

    Raises:
        ElfError: it is no 64-bit little-endian ELF file, or a damaged one.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise ElfError("it is no 64-bit ELF file")
        # Mapped, as a provider can be hundreds of megabytes long.
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return tuple(_needed(content))
            except (struct.error, OverflowError, ValueError) as error:
                raise ElfError(f"it is damaged: {error}") from None


def _needed(content: mmap.mmap) -> Iterator[str]:
    segments = list(_segments(content))
    dynamic = [entry for kind, start, _, size in segments if kind == _DYNAMIC for entry in _tags(content, start, size)]
    tables = [value for tag, value in dynamic if tag == _STRING_TABLE]
    if not tables:
        return  # linked to nothing
    table = _file_offset(segments, tables[0])
    for tag, value in dynamic:
        if tag == _NEEDED:
            start = table + value
            end = content.find(b"\0", start)
            if end < 0:
                raise ValueError("a name has no end")
            yield content[start:end].decode()


def _segments(content: mmap.mmap) -> Iterator[tuple[int, int, int, int]]:
    """Kind, offset in the file, address in memory and size in the file of each segment."""
    (first,) = struct.unpack_from("<Q", content, _PROGRAM_HEADERS_AT)
    size, count = struct.unpack_from("<HH", content, _PROGRAM_HEADER_SIZE_AT)
    for index in range(count):
        kind, _, offset, address, _, file_size = struct.unpack_from("<IIQQQQ", content, first + index * size)
        yield kind, offset, address, file_size


def _tags(content: mmap.mmap, start: int, size: int) -> Iterator[tuple[int, int]]:
    """Pairs of tag and value of the dynamic section, up to the empty one that ends it."""
    for index in range(min(size // 16, _MOST_ENTRIES)):
        tag, value = struct.unpack_from("<qQ", content, start + 16 * index)
        if tag == 0:
            return
        yield tag, value


def _file_offset(segments: list[tuple[int, int, int, int]], address: int) -> int:
    """Where an address of the loaded library lies in the file."""
    for kind, offset, start, size in segments:
        if kind == _LOAD and start <= address < start + size:
            return offset + address - start
    raise ValueError("its names lie in no segment")
