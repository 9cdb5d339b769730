"""The profile as rows of text: what the table and Markdown both show."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_bench.core.profile import BudgetLine, LayerProfile, Profile
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import binary_bytes, percent, quantity

ALL_UP_TO = 40
"""Profiles with up to this many layers are shown whole, longer ones by their slowest layers."""
SLOWEST = 25


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
        top: how many layers at most, the slowest (or, without times, those with the most FLOP); None for the default, 0 for all.
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
    lines.append(("coverage", _coverage(profile)))
    if profile.ceilings is not None:
        lines.append(("ceilings", _ceilings(profile)))
    lines += [("budget", text) for line in profile.budget for text in _budget(line)]
    return lines


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
    return (
        f"{quantity(latency.median_s, 's')} median (95 % {quantity(low, 's')} to {quantity(high, 's')}), "
        f"p99 {quantity(latency.p99_s, 's')}, {latency.throughput_per_s:,.1f} images/s; "
        f"{runs:,} runs in {len(latency.samples_s)} processes; "
        f"timing layers costs {_signed(latency.profiling_overhead_fraction)}"
    )


def _signed(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:+.1f} %"


def _work(profile: Profile) -> str:
    totals = profile.totals
    return (
        f"{totals.macs:,} MAC = {totals.mac_flop / 1e9:.4f} GFLOP, {totals.flop / 1e9:.4f} with bias and elementwise; "
        f"{profile.model.params:,} parameters ({binary_bytes(profile.model.param_bytes)})"
    )


def _memory(profile: Profile) -> str:
    memory = profile.memory
    parts = [f"activations {binary_bytes(memory.static_peak_bytes)} at their peak, counted"]
    for label, value in (("arena", memory.arena_peak_bytes), ("process while loading", memory.load_peak_bytes),
                         ("while running", memory.run_peak_bytes)):  # fmt: skip
        if value is not None:
            parts.append(f"{label} {binary_bytes(value)}")
    return ", ".join(parts)


def _coverage(profile: Profile) -> str:
    coverage = profile.coverage
    text = f"{coverage.nodes_counted} of {coverage.nodes} nodes counted"
    if coverage.time_attributed_fraction is None:
        return text
    return (
        f"{text}; attributed: {_exact(coverage.macs_attributed_fraction)} of the MACs, "
        f"{_exact(coverage.time_attributed_fraction)} of the kernel time (of it {percent(coverage.overhead_fraction)} layout "
        f"changes); {percent(coverage.outside_kernels_fraction)} of a run lies outside kernels"
    )


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
    return f"{peaks}; {quantity(ceilings.bytes_per_s, 'B/s')}; {ceilings.source}"


def _budget(line: BudgetLine) -> list[str]:
    achieved = "" if line.achieved_fraction is None else f"; this machine reaches {percent(line.achieved_fraction)} of the first"
    fits = "fits" if max(line.training_bytes, line.inference_bytes) <= line.memory_bytes else "does NOT fit"
    return [
        f"{line.count} x {line.device}, {line.kind}: {line.forward_per_s_by_flop:,.0f} forward passes/s by FLOP, "
        f"{line.forward_per_s_by_roofline:,.0f} by roofline at this batch{achieved}",
        f"per card: {binary_bytes(line.training_bytes)} to train at batch {line.training_batch}, "
        f"{binary_bytes(line.inference_bytes)} for inference, of {binary_bytes(line.memory_bytes)}: {fits}",
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
