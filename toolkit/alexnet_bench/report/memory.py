"""Memory as text: two small curves over the layers, and what lies between what was counted and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from alexnet_bench.core.profile import Profile
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import binary_bytes

_COLUMNS = 24
"""Of a curve: of more layers, each column shows the most of several."""
_LEVELS = "▁▂▃▄▅▆▇█"
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class _Measured:
    """The arena over the first run, without what loading left there. Bytes; `most` and `asked` are of one layer."""

    curve: tuple[int, ...]
    most: int
    layer: str
    asked: int | None


def memory_texts(profile: Profile) -> tuple[str, ...]:
    """The lines about memory: as counted, as measured layer by layer, and the peaks."""
    counted, measured = _counted_curve(profile), _measured(profile)
    top = max((*counted, *(measured.curve if measured else ())), default=0)
    known = profile.memory.static_peak_bytes is not None
    lines = [f"{curve(counted, top)}{_counted(profile)}"] if known else []
    if measured is not None:
        asked = f", {binary_bytes(measured.asked)} asked for" if measured.asked is not None else ""
        lines.append(
            f"{curve(measured.curve, top)}measured: {binary_bytes(measured.most)} at most in the arena, "
            f"in {measured.layer}{asked}"
        )
        lines += _difference(profile.memory.static_peak_bytes or 0, measured)
    return (*lines, *_peaks(profile))


def curve(values: Sequence[int], top: int) -> str:
    """The values as a row of bars of which the highest stands for `top`, and a blank; "" for fewer than two."""
    if len(values) < 2 or top <= 0:
        return ""
    columns = min(len(values), _COLUMNS)
    edges = [index * len(values) // columns for index in range(columns + 1)]
    highest = (max(values[start:end]) for start, end in pairwise(edges))
    return "".join(_LEVELS[min(value * len(_LEVELS) // top, len(_LEVELS) - 1)] for value in highest) + " "


def _counted_curve(profile: Profile) -> tuple[int, ...]:
    return _filled([layer.live_bytes for layer in profile.layers])


def _measured(profile: Profile) -> _Measured | None:
    loaded = profile.memory.arena_loaded_bytes
    known = [layer for layer in profile.layers if layer.arena_bytes is not None]
    if loaded is None or not known:
        return None
    highest = max(known, key=lambda layer: layer.arena_bytes or 0)
    asked = highest.arena_requested_bytes
    return _Measured(
        curve=tuple(max(0, value - loaded) for value in _filled([layer.arena_bytes for layer in profile.layers])),
        most=(highest.arena_bytes or 0) - loaded,
        layer=printable(highest.name, _LONGEST_NAME),
        asked=asked - loaded if asked is not None and asked >= loaded else None,
    )


def _filled(values: Sequence[int | None]) -> tuple[int, ...]:
    """The values in order, with what came before in place of those that are not known."""
    last = next((value for value in values if value is not None), None)
    if last is None:
        return ()
    filled = []
    for value in values:
        last = last if value is None else value
        filled.append(last)
    return tuple(filled)


def _counted(profile: Profile) -> str:
    peak = profile.memory.static_peak_bytes
    at = next((layer.name for layer in profile.layers if layer.live_bytes == peak), None)
    where = f", in {printable(at, _LONGEST_NAME)}" if at is not None and peak else ""
    if any(layer.live_bytes is None and layer.onnx_nodes for layer in profile.layers):
        return f"counted: {binary_bytes(peak)} of activations at most, without those of unknown size"
    return f"counted: {binary_bytes(peak)} of activations at most{where}"


def _difference(counted: int, measured: _Measured) -> list[str]:
    """What lies between the two peaks, from measured parts alone."""
    if measured.asked is None:
        return []
    asks = _against(measured.asked - counted).rpartition(" ")[0]
    rounding = binary_bytes(measured.most - measured.asked)
    return [
        f"{_against(measured.most - counted)} counted: the runtime asks for {asks}, its arena rounds up by {rounding}"
    ]


def _against(more: int) -> str:
    """As "1.91 MiB more than" or "as much as"."""
    if more == 0:
        return "as much as"
    return f"{binary_bytes(abs(more))} {'more' if more > 0 else 'less'} than"


def _peaks(profile: Profile) -> list[str]:
    memory = profile.memory
    parts = []
    if memory.arena_peak_bytes is not None and memory.arena_loaded_bytes is not None:
        running = binary_bytes(memory.arena_peak_bytes - memory.arena_loaded_bytes)
        parts.append(
            f"arena {binary_bytes(memory.arena_peak_bytes)} at its peak: "
            f"{binary_bytes(memory.arena_loaded_bytes)} from loading, {running} from running"
        )
    elif memory.arena_peak_bytes is not None:
        parts.append(f"arena {binary_bytes(memory.arena_peak_bytes)}")
    process = (
        ("process {} while loading", memory.load_peak_bytes),
        ("{} while running", memory.run_peak_bytes),
        ("device {}", memory.device_peak_bytes),
    )
    known = [text.format(binary_bytes(value)) for text, value in process if value is not None]
    return [*parts, *([", ".join(known)] if known else []), *_engine(profile)]


def _engine(profile: Profile) -> list[str]:
    """What an engine takes on its device, as far as the runtime and the device's counter say."""
    memory = profile.memory
    of_device = (
        ("{} of weights", memory.device_weight_bytes),
        ("{} of activations", memory.device_activation_bytes),
        ("{} by which its free memory fell for the context", memory.device_context_bytes),
    )
    known = [text.format(binary_bytes(value)) for text, value in of_device if value is not None]
    return [f"on the device: {', '.join(known)}"] if known else []
