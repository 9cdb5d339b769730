"""One sentence that says what to look at first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from alexnet_bench.core.profile import LayerProfile, Profile
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import percent, quantity

_WORTH_SAYING = 0.10
"""Shares of the time below this are not the first thing to look at."""
_MOSTLY_OUTSIDE = 0.25
_DISTORTED = 0.5
"""A run that the profiler makes so much longer says more of the profiler than of its layers."""
_PROFILER_PER_KERNEL_S = 50e-6
"""More than ONNX Runtime's profiler ever takes for a node: 7 to 10 microseconds were measured."""
_OUT_OF_PROPORTION = 1.5
"""Time over FLOP, both as shares of the whole, from which a weak kernel stands out from the others."""


@dataclass(frozen=True, slots=True)
class Group:
    """Layers of one operator, added up.

    Attributes:
        op: the operator.
        layers: how many.
        time_fraction: of the whole profile.
        flop_fraction: likewise.
        bound: that of most of their time.
        fraction_of_ceiling: of the layers with that bound, the others being held against another roof; None where it is
            known of none.
        weight_bytes: of all.
    """

    op: str
    layers: int
    time_fraction: float
    flop_fraction: float
    bound: str
    fraction_of_ceiling: float | None
    weight_bytes: int


def headline(profile: Profile) -> str:
    """What to look at, as one sentence in plain text."""
    if not is_timed(profile):
        return _static(profile)
    groups = by_operator(profile.layers)
    for find in (_distorted, _outside, _neither, _overhead, _memory, _compute):
        sentence = find(profile, groups)
        if sentence:
            return sentence
    if not groups:
        nothing_left = profile.coverage.nodes is not None and not profile.coverage.unattributed_nodes
        return "Nothing of this model is left to run." if nothing_left else "Whole runs were timed, and no layers."
    top = groups[0]
    return f"{_called(top)} {percent(top.time_fraction)} of the time, and no other kind of layer takes more."


def is_timed(profile: Profile) -> bool:
    """Whether anything was measured: whole runs, or layers alone."""
    return profile.latency is not None or any(layer.time_s is not None for layer in profile.layers)


def by_operator(layers: Sequence[LayerProfile]) -> list[Group]:
    """Layers grouped by operator, the slowest group first. Fused forms count as the operator that they fuse."""
    members: dict[str, list[LayerProfile]] = {}
    for layer in layers:
        members.setdefault(operator(layer), []).append(layer)
    total_time, total_flop = _sum(layers, _time), _sum(layers, _flop)
    groups = [_group(op, found, total_time, total_flop) for op, found in members.items()]
    return sorted(groups, key=lambda group: -group.time_fraction)


def operator(layer: LayerProfile) -> str:
    """The operator that a layer is grouped under."""
    if layer.bound == "overhead" and layer.op.startswith("Reorder"):
        return "Reorder"
    return layer.op.removeprefix("Fused")


def _group(op: str, layers: list[LayerProfile], total_time: float, total_flop: float) -> Group:
    time_s = _sum(layers, _time)
    by_bound: dict[str, float] = {}
    for layer in layers:
        by_bound[layer.bound or ""] = by_bound.get(layer.bound or "", 0.0) + _time(layer)
    bound = max(by_bound, key=by_bound.__getitem__)
    at_roof = [(layer.fraction_of_ceiling, _time(layer)) for layer in layers if (layer.bound or "") == bound]
    known = [(fraction, time) for fraction, time in at_roof if fraction is not None]
    known_s = sum(time for _, time in known)
    return Group(
        op=op,
        layers=len(layers),
        time_fraction=time_s / total_time if total_time else 0.0,
        flop_fraction=_sum(layers, _flop) / total_flop if total_flop else 0.0,
        bound=bound,
        fraction_of_ceiling=sum(fraction * time for fraction, time in known) / known_s if known_s else None,
        weight_bytes=sum(layer.weight_bytes or 0 for layer in layers),
    )


def _distorted(profile: Profile, _: list[Group]) -> str:
    latency = profile.latency
    cost = latency.profiling_overhead_fraction if latency else None
    if latency is None or cost is None or cost < _DISTORTED:
        return ""
    kernels = max(latency.profiled_kernels or 0, len(profile.layers))
    watched = plural(len(profile.layers), "layer")
    if kernels > len(profile.layers):  # a profiler watches what runs inside of a layer, too, and at every turn
        watched = f"{plural(kernels, 'kernel')} in {watched}"
    if cost * latency.median_s > _PROFILER_PER_KERNEL_S * kernels:
        return (
            f"Layer times are not to be trusted: the runs that gave them took {1 + cost:,.1f} times as long, far more "
            f"than watching {watched} costs. Something else was running."
        )
    return (
        f"Too short to time by layer: a run takes {quantity(latency.median_s, 's')}, and watching its "
        f"{watched} makes that {1 + cost:,.1f} times as long. "
        "Larger inputs or batches give times to trust."
    )


def _outside(profile: Profile, _: list[Group]) -> str:
    share = profile.coverage.outside_kernels_fraction or 0.0
    if share < _MOSTLY_OUTSIDE:
        return ""
    return (
        f"{percent(share)} of a run is spent outside kernels, on starting it and its "
        f"{plural(len(profile.layers), 'layer')}: fewer or larger layers help, faster kernels do not."
    )


def _neither(_: Profile, groups: list[Group]) -> str:
    weak = [group for group in groups if group.bound == "neither" and group.time_fraction >= _WORTH_SAYING]
    # By the time that reaching the roof would save: a kernel at 1 % of it before a larger one at 38 %.
    worst = max(weak, key=lambda group: group.time_fraction * (1 - (group.fraction_of_ceiling or 0.0)), default=None)
    if worst is None:
        return ""
    if worst.time_fraction >= _OUT_OF_PROPORTION * worst.flop_fraction:
        advice = "a weak kernel, and the first thing to replace."
    else:
        advice = "more or fewer --threads, a larger --batch or another runtime may come closer."
    return (
        f"{_called(worst)} {percent(worst.time_fraction)} of the time for {percent(worst.flop_fraction)} of the FLOP, "
        f"and is on neither roof (at {percent(worst.fraction_of_ceiling)} of the closer one): {advice}"
    )


def _overhead(profile: Profile, _: list[Group]) -> str:
    share = profile.coverage.overhead_fraction or 0.0
    if share < _WORTH_SAYING:
        return ""
    return (
        f"{percent(share)} of the kernel time is overhead: layouts and types that the runtime changes back and forth."
    )


def _memory(_: Profile, groups: list[Group]) -> str:
    top = groups[0] if groups else None
    if top is None or top.bound != "memory" or top.time_fraction < _WORTH_SAYING:
        return ""
    weights = f" to read {quantity(top.weight_bytes, 'B')} of weights" if top.weight_bytes else ""
    return (
        f"{_called(top)} {percent(top.time_fraction)} of the time{weights}, bound by memory: "
        "a larger batch or smaller weights help, faster arithmetic does not."
    )


def _compute(_: Profile, groups: list[Group]) -> str:
    top = groups[0] if groups else None
    if top is None or top.bound != "compute" or top.time_fraction < _WORTH_SAYING:
        return ""
    return (
        f"{_called(top)} {percent(top.time_fraction)} of the time, bound by arithmetic at "
        f"{percent(top.fraction_of_ceiling)} of this machine's peak: only less work or a smaller type helps."
    )


def _static(profile: Profile) -> str:
    if profile.totals.flop is None:
        return "Layers alone: nothing was timed, and nothing counted."
    layers = [layer for layer in profile.layers if layer.flop is not None]
    if not layers or not profile.totals.flop:
        uncounted = (profile.coverage.nodes or 0) - (profile.coverage.nodes_counted or 0)
        which = f"in the nodes that could be counted, {uncounted} could not" if uncounted else "in this model"
        return f"Counted without running: there is no arithmetic {which}."
    most = max(layers, key=_flop)
    heaviest = max(layers, key=lambda layer: layer.params or 0)
    share = percent((most.flop or 0) / profile.totals.flop)
    counted = "" if profile.coverage.nodes == profile.coverage.nodes_counted else " that could be counted"
    sentence = f"Counted without running: {printable(most.name)} does {share} of the FLOP{counted}"
    if not profile.model.params or not heaviest.params:
        return f"{sentence}."
    who = "and" if heaviest is most else f"{printable(heaviest.name)}"
    comma = " " if heaviest is most else ", "
    return f"{sentence}{comma}{who} holds {percent(heaviest.params / profile.model.params)} of the parameters."


def _called(group: Group) -> str:
    layers = "" if group.layers == 1 else f" ({plural(group.layers, 'layer')})"
    return f"{printable(group.op) or 'Unknown kind'}{layers} takes"


def _sum(layers: Iterable[LayerProfile], key: Callable[[LayerProfile], float]) -> float:
    return sum(map(key, layers))


def _time(layer: LayerProfile) -> float:
    return layer.time_s or 0.0


def _flop(layer: LayerProfile) -> float:
    return layer.flop or 0.0
