"""The files that trtexec writes: times of whole runs, times of layers, and what the layers are.

Shapes by NVIDIA/TensorRT, samples/common/sampleReporting.cpp (Apache-2.0), and by recorded files:

- `--exportTimes`: `[{"h2dMs", "computeMs", "d2hMs", "latencyMs", ...}, ...]`, one for each query; in old versions
  `inMs` and `outMs` in place of the first and third. Latency is their sum.
- `--exportProfile`: `[{"count": N}, {"name", "timeMs", "averageMs", "medianMs", "percentage"}, ...]`; in old versions
  without the median. Names are written as they are, without escapes.
- `--exportLayerInfo`: what the engine inspector gives, see `layer_info`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info
from alexnet_bench.backends.tensorrt.plan_tensors import OF_TRTEXEC, LayerInfo, Runtime
from alexnet_bench.backends.tensorrt.trtexec_json import read_json
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

_OPTIONS = {"times": "--exportTimes", "profile": "--exportProfile", "layer info": "--exportLayerInfo"}
_WRITE = "trtexec --exportTimes=FILE --exportProfile=FILE --exportLayerInfo=FILE writes them"
_NO_LAYER = "it lists no layer"
_PARTS = (("h2dMs", "inMs"), ("computeMs",), ("d2hMs", "outMs"))


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """Times of whole queries, one value for each. `latency_s` is copying to the device, computing and copying back."""

    latency_s: tuple[float, ...]
    h2d_s: tuple[float, ...]
    compute_s: tuple[float, ...]
    d2h_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LayerTime:
    """The typical time of a layer."""

    name: str
    time_s: float


@dataclass(frozen=True, slots=True)
class LayerRun:
    """Times of layers.

    Attributes:
        runs: that they were taken over, None when that is not told.
        is_median: whether times are medians over those; else they are means.
        rows: in the order in which the layers ran.
    """

    runs: int | None
    is_median: bool
    rows: tuple[LayerTime, ...]


@dataclass(frozen=True, slots=True)
class TrtexecFiles:
    """What a folder holds; None for what is not there."""

    times: QueryTimes | None
    profile: LayerRun | None
    layer_info: LayerInfo | None

    @property
    def runtime(self) -> Runtime:
        """What ran: TensorRT, unless this tool wrote another one into the layer info."""
        return OF_TRTEXEC if self.layer_info is None else self.layer_info.runtime


def read_trtexec_files(folder: Path) -> TrtexecFiles:
    """The files of trtexec in a folder, told by what is in them; their names do not matter.

    Raises:
        UsageError: there are none, two of a kind, or one that is damaged or of another shape.
    """
    found: dict[str, tuple[Path, object]] = {}
    for path in _candidates(folder):
        content = read_json(path)
        kind = kind_of(content)
        if kind in found:
            raise UsageError(
                f"{printable(str(folder), 200)} holds two files of trtexec's {kind} ({_OPTIONS[kind]}): "
                f"{printable(found[kind][0].name)} and {printable(path.name)}",
                "keep the files of one run in a folder",
            )
        if kind is not None:
            found[kind] = (path, content)
    if not found:
        raise UsageError(f"{printable(str(folder), 200)} holds no file of trtexec", _WRITE)
    times, profile, layer_info = (found.get(kind) for kind in _OPTIONS)
    return TrtexecFiles(
        _times(*times) if times else None,
        _profile(*profile) if profile else None,
        _layer_info(*layer_info) if layer_info else None,
    )


def kind_of(content: object) -> str | None:
    """Which file of trtexec it is: "times", "profile" or "layer info"; None for another."""
    if isinstance(content, dict):
        return "layer info" if "Layers" in content else None
    rows = [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []
    if any("computeMs" in row for row in rows):
        return "times"
    if any("name" in row and ("averageMs" in row or "timeMs" in row) for row in rows) or (rows and "count" in rows[0]):
        return "profile"
    return None


def _candidates(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{printable(str(folder), 200)} is no folder that can be read: {reason}", _WRITE) from None


def _times(path: Path, content: object) -> QueryTimes:
    rows = _rows(path, content)
    parts = [tuple(_seconds(path, row, index, keys) for index, row in enumerate(rows)) for keys in _PARTS]
    h2d, compute, d2h = parts
    latency = tuple(
        _seconds(path, row, index, ("latencyMs",)) if "latencyMs" in row else round(math.fsum(of_row), 9)
        for index, (row, *of_row) in enumerate(zip(rows, *parts, strict=True))
    )
    return QueryTimes(latency, h2d, compute, d2h)


def _profile(path: Path, content: object) -> LayerRun:
    first, *rows = _rows(path, content)
    runs = first.get("count")
    if "name" in first:
        rows = [first, *rows]
    if not rows:
        raise _damaged(path, _NO_LAYER)
    if not all(isinstance(row.get("name"), str) for row in rows):
        raise _damaged(path, "a layer has no name")
    key = next((key for key in ("medianMs", "averageMs", "timeMs") if all(key in row for row in rows)), "averageMs")
    divisor = runs if key == "timeMs" and isinstance(runs, int) and runs > 0 else 1
    start = 0 if "name" in first else 1  # what comes before the layers is an entry of the file, too
    times = [_seconds(path, row, index, (key,)) / divisor for index, row in enumerate(rows, start)]
    names = [str(row["name"]) for row in rows]
    return LayerRun(
        runs if isinstance(runs, int) and runs > 0 else None,
        key == "medianMs",
        tuple(LayerTime(name, time_s) for name, time_s in zip(names, times, strict=True)),
    )


def _layer_info(path: Path, content: object) -> LayerInfo:
    try:
        info = parse_layer_info(content)
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not info.layers:
        raise _damaged(path, _NO_LAYER)
    return info


def _rows(path: Path, content: object) -> Sequence[Mapping[str, object]]:
    rows = content if isinstance(content, list) else []
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise _damaged(path, "it is no list of objects")
    return rows


def _seconds(path: Path, row: Mapping[str, object], index: int, keys: Sequence[str]) -> float:
    """The first of the keys that is there, which must be milliseconds; a picosecond is less than any clock resolves."""
    key = next((key for key in keys if key in row), keys[0])
    value = row.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12 and value >= 0:
        return round(value / 1e3, 12)
    raise _damaged(path, f"{key} of entry {index} is no time" if key in row else f"entry {index} has no {key}")


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{printable(str(path), 200)} is damaged, or not written by trtexec: {printable(why, 200)}", _WRITE
    )
