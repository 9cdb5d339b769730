"""The first bytes of an engine of TensorRT: which flavour and version wrote it, and how long it should be.

Of TensorRT, NVIDIA's trtexec reads (printPlanVersion of samples/common/sampleEngines.cpp): "ftrt"; the version of the
layout in bytes 4 to 7; in the layout 0 major, minor, patch and build in bytes 24 to 27. Plans of TensorRT-RTX
1.7.1.116 were seen to have the same after their own letters, and more, which is relied on there alone: the length of
the file in bytes 16 to 23, little endian; in byte 32 a bit for each compute capability that it was built for, of which
the seventh has no name there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.tensorrt.flavour import FLAVOURS, backends_with
from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.text import printable
from alexnet_bench.graph import foreign

_HEAD_BYTES = 40
_LAYOUT, _LENGTH, _VERSION, _TARGETS = slice(4, 8), slice(16, 24), slice(24, 28), 32
_CAPABILITIES = (75, 80, 86, 89, 120, 121)
"""By bit; 89 is SM 8.9."""
_FULL_HEADER = (b"vtrt",)
"""Flavours whose whole header was seen."""
_BUILD_AGAIN = "build it here: alexnet-bench build-engine MODEL --backend "


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What the first bytes say.

    Attributes:
        backend: whose engine it is.
        version: of the library that wrote it, "" when that is not known.
        size_bytes: of the file, None when that is not known.
        capabilities: compute capabilities that it was built for, 89 for SM 8.9; empty when they are not known.
    """

    backend: str
    version: str
    size_bytes: int | None
    capabilities: tuple[int, ...] = ()

    @property
    def only_version(self) -> str:
        """The version that alone reads it; "" where that is not known, or where it may be version compatible."""
        return "" if self.backend in backends_with("version_compatible") else self.version


def begins_like_a_plan(path: Path) -> bool:
    """Whether a file begins like an engine of any flavour; False for what is no file, or cannot be read."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return False
    return any(head.startswith(row.plan_tag) for row in FLAVOURS)


def read_plan_header(path: Path) -> PlanHeader:
    """The header of an engine's file.

    Raises:
        EngineError: it cannot be read, or does not begin like an engine of any flavour.
    """
    shown = printable(str(path), 200)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise EngineError(f"the engine {shown} cannot be read: {error.strerror}") from None
    backend = next((row.backend for row in FLAVOURS if head[:4] == row.plan_tag), None)
    if backend is None:
        raise EngineError(
            f"{shown} is no engine of TensorRT: it {_what(path, head)}",
            "alexnet-bench build-engine MODEL --backend NAME -o FILE.plan writes one; a model's name ends in .onnx",
        )
    if len(head) < _HEAD_BYTES:
        raise EngineError(f"the engine {shown} is cut short: {len(head)} bytes", _BUILD_AGAIN + backend)
    if any(head[_LAYOUT]):
        return PlanHeader(backend, "", None)
    version = ".".join(map(str, head[_VERSION])) if any(head[_VERSION]) else ""
    if head[:4] not in _FULL_HEADER:
        return PlanHeader(backend, version, None)
    targets = tuple(number for bit, number in enumerate(_CAPABILITIES) if head[_TARGETS] >> bit & 1)
    return PlanHeader(backend, version, int.from_bytes(head[_LENGTH], "little"), targets)


def _what(path: Path, head: bytes) -> str:
    if not head:
        return "is empty"
    if foreign.begins_like_onnx(head):
        return "is an ONNX model"
    known = foreign.describe(path)
    return f"is {known[0]}" if known is not None else f"begins with {printable(repr(head[:4]))}"


def check_plan(path: Path, backend: str, version: str | None, capability: int | None = None) -> None:
    """Refuses an engine that this library would not load.

    Args:
        path: of the engine.
        backend: that is to run it.
        version: of its library, None where there is none.
        capability: of the card that is to run it, 89 for SM 8.9; None where there is none.

    Raises:
        EngineError: it is of another flavour or version, for other cards, or cut short.
    """
    header, shown = read_plan_header(path), printable(str(path), 200)
    hint = _BUILD_AGAIN + backend
    if header.backend != backend:
        raise EngineError(f"the engine {shown} is of {header.backend}, and cannot be run by {backend}", hint)
    if version is not None and header.only_version and header.only_version != version:
        raise EngineError(
            f"the engine {shown} was written by {backend} {header.only_version}, and here is {printable(version)}", hint
        )
    if capability is not None and header.capabilities and capability not in header.capabilities:
        built_for = ", ".join(f"{number // 10}.{number % 10}" for number in header.capabilities)
        here = f"{capability // 10}.{capability % 10}"
        raise EngineError(f"the engine {shown} was built for SM {built_for}, and here is SM {here}", hint)
    size = path.stat().st_size
    if header.size_bytes is not None and header.size_bytes != size:
        raise EngineError(f"the engine {shown} is damaged: {size:,} bytes of {header.size_bytes:,}", hint)
