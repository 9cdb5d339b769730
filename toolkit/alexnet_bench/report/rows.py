"""The profile as rows of text: what the table and Markdown both show."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_bench.core.profile import BudgetLine, Caution, LayerProfile, Profile
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import binary_bytes, percent, quantity

ALL_UP_TO = 40
"""Profiles with up to this many layers are shown whole, longer ones by their slowest layers."""
SLOWEST = 25
_ONLY_IN_DOCUMENT = frozenset({"no-device"})


@dataclass(frozen=True, slots=True)
class Row:
    """A layer as text. `share` is the fraction behind `time`, for a bar."""

    layer: str
    time: str
    share: float | None
    flop: str
    moved: str
    rate: str
    roof: str
    bound: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The layers that are shown, in execution order, and a line about those that are not."""

    rows: tuple[Row, ...]
    rest: str


def layer_rows(profile: Profile, top: int | None = None) -> Shown:
    """Rows for the layers.

    Args:
        profile: to show.
        top: how many layers at most, the slowest ones (without times, by FLOP); None for a default, 0 for all.
    """
    limit = _limit(len(profile.layers), top)
    weight = sorted(range(len(profile.layers)), key=lambda index: -_weight(profile.layers[index]))
    chosen = sorted(weight[:limit])
    rows = tuple(_row(profile.layers[index]) for index in chosen)
    return Shown(rows, _rest(profile, weight[limit:]))


def title(profile: Profile) -> str:
    """Which model ran on what, in one line."""
    shapes = ", ".join(f"{printable(item.name)} {_shape(item.shape)}" for item in profile.model.inputs)
    if profile.engine is None:
        return f"{profile.model.name} · counted, not run · {shapes}"
    types = ", ".join(sorted(profile.engine.compute_dtypes)) or "unknown type"
    return (
        f"{profile.model.name} · {profile.engine.backend} {profile.engine.backend_version} · {types} · "
        f"batch {profile.case.batch} · {profile.case.threads} threads · {profile.environment.comparable.get('cpu')}"
    )


def summary(profile: Profile) -> list[tuple[str, str]]:
    """Label and text of the lines under the table."""
    lines = []
    if profile.latency is not None:
        lines.append(("latency", _latency(profile)))
    lines.append(("work", _work(profile)))
    lines.append(("memory", _memory(profile)))
    lines += _coverage(profile)
    if profile.ceilings is not None:
        lines.append(("ceilings", _ceilings(profile)))
    for line in profile.budget:
        lines += _budget(line)
    return lines


def shown_warnings(profile: Profile) -> list[Caution]:
    """Warnings for people; the ones that only explain nulls of the document are left out."""
    return [warning for warning in profile.warnings if warning.code not in _ONLY_IN_DOCUMENT]


def _limit(layers: int, top: int | None) -> int:
    if top is not None:
        return top or layers
    return layers if layers <= ALL_UP_TO else SLOWEST


def _weight(layer: LayerProfile) -> float:
    return layer.time_s if layer.time_s is not None else float(layer.flop or 0)


def _row(layer: LayerProfile) -> Row:
    return Row(
        layer=printable(layer.name),
        time=quantity(layer.time_s, "s"),
        share=layer.time_fraction,
        flop=quantity(layer.flop, ""),
        moved=quantity(layer.bytes, "B"),
        rate=quantity(layer.flop_per_s, "") if layer.flop else "-",
        roof=percent(layer.fraction_of_ceiling),
        bound=layer.bound or "-",
    )


def _rest(profile: Profile, hidden: list[int]) -> str:
    if not hidden:
        return ""
    time_share = sum(profile.layers[index].time_fraction or 0.0 for index in hidden)
    flop_share = sum(profile.layers[index].flop or 0 for index in hidden) / (profile.totals.flop or 1)
    share = f"{percent(time_share)} of the time" if profile.latency else f"{percent(flop_share)} of the FLOP"
    return f"{len(hidden)} more layers with {share} (--top 0 shows all)"


def _latency(profile: Profile) -> str:
    latency = profile.latency
    if latency is None:
        return ""
    low, high = latency.ci95_s
    runs = sum(map(len, latency.samples_s))
    parts = (
        f"{quantity(latency.median_s, 's')} median (95 % between {quantity(low, 's')} and {quantity(high, 's')})",
        f"p99 {quantity(latency.p99_s, 's')}",
        f"{throughput(profile)}",
        f"{runs:,} runs in {len(latency.samples_s)} processes",
    )
    return ", ".join(parts)


def throughput(profile: Profile) -> str:
    """Throughput with its unit: images where the first input looks like a batch of them."""
    rate = profile.latency.throughput_per_s if profile.latency else 0.0
    shape = profile.model.inputs[0].shape if profile.model.inputs else ()
    is_image = len(shape) == 4 and shape[1] in (1, 3, 4)
    return f"{rate:,.1f} images/s" if is_image else f"{rate:,.1f} inputs/s"


def _work(profile: Profile) -> str:
    totals = profile.totals
    return (
        f"{totals.macs:,} MAC = {totals.mac_flop / 1e9:.4f} GFLOP ({totals.flop / 1e9:.4f} with bias and elementwise), "
        f"{profile.model.params:,} parameters in {binary_bytes(profile.model.param_bytes)}"
    )


def _memory(profile: Profile) -> str:
    memory = profile.memory
    measured = (
        ("the runtime's arena", memory.arena_peak_bytes),
        ("the process while loading", memory.load_peak_bytes),
        ("while running", memory.run_peak_bytes),
    )
    parts = [f"activations {binary_bytes(memory.static_peak_bytes)} at their peak, as counted"]
    parts += [f"{label} {binary_bytes(value)}" for label, value in measured if value is not None]
    return ", ".join(parts)


def _coverage(profile: Profile) -> list[tuple[str, str]]:
    coverage = profile.coverage
    lines = [("counted", f"{coverage.nodes_counted} of {coverage.nodes} nodes")]
    if coverage.time_attributed_fraction is not None and profile.latency is not None:
        text = (
            f"{_exact(coverage.macs_attributed_fraction)} of the MACs counted, "
            f"{_exact(coverage.time_attributed_fraction)} of the kernel time, "
            f"{percent(coverage.overhead_fraction)} of it conversions that the runtime added; "
            f"{percent(coverage.outside_kernels_fraction)} of a run lies outside kernels; "
            f"timing layers made runs {_longer(profile.latency.profiling_overhead_fraction)}"
        )
        lines.append(("attributed", text))
    return lines


def _longer(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:+.1f} % longer"


def _exact(fraction: float | None) -> str:
    """Coverage in percent, never rounded up to 100."""
    if fraction is None:
        return "-"
    return "100 %" if fraction >= 1 - 1e-9 else f"{int(fraction * 1000) / 10:.1f} %"


def _ceilings(profile: Profile) -> str:
    ceilings = profile.ceilings
    if ceilings is None:
        return ""
    peaks = ", ".join(f"{quantity(value, 'FLOP/s')} {name}" for name, value in sorted(ceilings.flop_per_s.items()))
    return f"{peaks}, {quantity(ceilings.bytes_per_s, 'B/s')}, {ceilings.source}"


def _budget(line: BudgetLine) -> list[tuple[str, str]]:
    achieved = ""
    if line.achieved_fraction is not None:
        achieved = f"; this machine reaches {percent(line.achieved_fraction)} of the first"
    fits = "fits" if max(line.training_bytes, line.inference_bytes) <= line.memory_bytes else "does NOT fit"
    rates = (
        f"{line.count} x {line.device}, {line.kind}: {line.forward_per_s_by_flop:,.1f} forward passes/s by FLOP, "
        f"{line.forward_per_s_by_roofline:,.1f} by roofline at this batch{achieved}"
    )
    memory = (
        f"per card {binary_bytes(line.training_bytes)} to train at batch {line.training_batch} and "
        f"{binary_bytes(line.inference_bytes)} for inference, of {binary_bytes(line.memory_bytes)}: {fits}"
    )
    return [("budget", rates), ("", memory), *(("", note) for note in line.notes)]


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
