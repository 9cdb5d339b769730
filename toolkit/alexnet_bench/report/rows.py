"""The profile as text: the rows of its layers, and the lines that sum it up. The table and Markdown both show these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alexnet_bench.core.profile import BudgetLine, Caution, LayerProfile, Profile
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import binary_bytes, digits, percent, quantity, rate, share
from alexnet_bench.report.headline import is_timed
from alexnet_bench.report.memory import memory_texts

ALL_UP_TO = 40
"""Profiles with up to this many layers are shown whole, longer ones by their slowest layers."""
SLOWEST = 25
NARROW, WIDE = 80, 100
"""Columns of text from which a table has room for more of its columns."""
_IMAGE_RANK = 4
_ONLY_IN_DOCUMENT = frozenset({"no-device"})


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, and its share of the whole: of the time, or of the FLOP where nothing was run."""

    layer: LayerProfile
    share: float | None

    @property
    def name(self) -> str:
        """The layer's name, safe to show."""
        return printable(self.layer.name)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        heading: its first line.
        text: what it says of a layer.
        from_width: columns of text that the table needs to have for it.
        right: aligned to the right, as numbers are.
    """

    heading: str
    text: Callable[[Row], str]
    from_width: int = 0
    right: bool = True


SHARE = Column("share", lambda row: percent(row.share))
BOUND = Column("bound", lambda row: row.layer.bound or "-", right=False)
_FLOP = Column("FLOP", lambda row: quantity(row.layer.flop, ""))
_MOVED = Column("moved", lambda row: quantity(row.layer.bytes, "B"), NARROW)
TIMED_COLUMNS = (
    Column("time", lambda row: quantity(row.layer.time_s, "s")),
    SHARE,
    _FLOP,
    _MOVED,
    Column("FLOP/s", lambda row: quantity(row.layer.flop_per_s, "") if row.layer.flop else "-", NARROW),
    Column("roof", lambda row: percent(row.layer.fraction_of_ceiling)),
    BOUND,
)
"""`roof` is how close the layer comes to the lower of its two roofs, `bound` says which one that is."""
COUNTED_COLUMNS = (
    Column("output", lambda row: " ".join(map(shape, row.layer.output_shapes)) or "-", NARROW, right=False),
    Column("params", lambda row: "-" if row.layer.params is None else f"{row.layer.params:,}"),
    _FLOP,
    SHARE,
    _MOVED,
    Column("FLOP/B", lambda row: "-" if row.layer.flop_per_byte is None else digits(row.layer.flop_per_byte), WIDE),
    Column("alive", lambda row: quantity(row.layer.live_bytes, "B"), WIDE),
)
"""`alive` is what all activations hold while the layer runs."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The layers that are shown, in execution order, and a line about those that are not."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Line:
    """One subject of the summary, in one or more sentences."""

    label: str
    texts: tuple[str, ...]


def layer_rows(profile: Profile, top: int | None = None) -> Shown:
    """Rows for the layers.

    Args:
        profile: to show.
        top: how many layers at most, the slowest ones (without times, by FLOP); None for a default, 0 for all.
    """
    timed = is_timed(profile)
    rows = [Row(layer, layer.time_fraction if timed else _flop_share(profile, layer)) for layer in profile.layers]
    limit = most_rows(len(rows), top)
    heaviest = sorted(range(len(rows)), key=lambda index: -(rows[index].share or 0.0))
    columns = TIMED_COLUMNS if timed else COUNTED_COLUMNS
    hidden = [rows[index] for index in heaviest[limit:]]
    return Shown(columns, tuple(rows[index] for index in sorted(heaviest[:limit])), _rest(profile, hidden))


def title(profile: Profile) -> str:
    """Which model ran on what, in one line."""
    name = printable(profile.model.name)
    if profile.engine is None:
        shapes = ", ".join(f"{printable(item.name)} {shape(item.shape)}" for item in profile.model.inputs)
        return printable(f"{name} · counted, not run · {shapes}", 400)
    engine = profile.engine
    types = ", ".join(sorted(engine.compute_dtypes)) or "unknown type"
    processor = profile.environment.comparable.get("cpu", "unknown processor")
    threads = plural(profile.case.threads, "thread") if profile.case.threads else "unknown threads"
    where = (threads, str(processor)) if processor is not None else (engine.device or "unknown device",)
    version = f"{engine.backend} {engine.backend_version}".strip()
    return printable(" · ".join((name, version, types, f"batch {profile.case.batch}", *where)), 400)


def summary(profile: Profile) -> list[Line]:
    """The lines under the table."""
    lines = [
        Line("engine", _engine(profile)),
        Line("latency", _latency(profile)),
        Line("work", _work(profile)),
        Line("memory", memory_texts(profile)),
        Line("coverage", _coverage(profile)),
        Line("ceilings", _ceilings(profile)),
        *(Line("budget", _budget(profile, line)) for line in profile.budget),
    ]
    return [line for line in lines if line.texts]


def _engine(profile: Profile) -> tuple[str, ...]:
    """What was built for the run; nothing where the model ran as it is."""
    engine = profile.engine
    if engine is None or engine.passport_key is None:
        return ()
    asked = f", {engine.requested_precision} asked for" if engine.requested_precision else ""
    passes = ", ".join(map(printable, engine.passes)) or "none"
    return f"{engine.passport_key[:12]}{asked}; passes: {passes}", "counts of layers are those of the engine"


def shown_warnings(profile: Profile) -> list[Caution]:
    """Warnings for people; the ones that only explain nulls of the document are left out."""
    return [warning for warning in profile.warnings if warning.code not in _ONLY_IN_DOCUMENT]


def throughput(profile: Profile) -> str:
    """Throughput with its unit: images where the first input looks like a batch of them."""
    per_s = profile.latency.throughput_per_s if profile.latency else 0.0
    return f"{rate(per_s)} {_item(profile)}/s"


def shape(sizes: tuple[int, ...] | None) -> str:
    """A shape as "1x3x224x224"."""
    if sizes is None:
        return "?"
    return "x".join(map(str, sizes)) or "scalar"


def most_rows(layers: int, top: int | None) -> int:
    """How many layers are shown: what was asked for, 0 for all; without that all of a few, else the heaviest."""
    if top is not None:
        return top if top > 0 else layers
    return layers if layers <= ALL_UP_TO else SLOWEST


def _flop_share(profile: Profile, layer: LayerProfile) -> float | None:
    return layer.flop / profile.totals.flop if layer.flop is not None and profile.totals.flop else None


def _rest(profile: Profile, hidden: list[Row]) -> str:
    if not hidden:
        return ""
    share = percent(sum(row.share or 0.0 for row in hidden))
    of_what = "time" if is_timed(profile) else "FLOP"
    return f"{len(hidden)} more with {share} of the {of_what}; --top 0 shows all"


def _latency(profile: Profile) -> tuple[str, ...]:
    latency = profile.latency
    if latency is None:
        return ()
    low, high = (quantity(value, "s") for value in latency.ci95_s)
    runs = plural(sum(map(len, latency.samples_s)), "run")
    spread = f"p90 {quantity(latency.p90_s, 's')}, p99 {quantity(latency.p99_s, 's')}"
    return (
        f"{quantity(latency.median_s, 's')} median (95 % interval of the median: {low} to {high})",
        f"{throughput(profile)}; {spread}; {runs} in {plural(len(latency.samples_s), 'process')}",
    )


def _item(profile: Profile) -> str:
    first = (profile.model.inputs[0].shape if profile.model.inputs else None) or ()
    return "images" if len(first) == _IMAGE_RANK and first[1] in (1, 3, 4) else "inputs"


_FLOP_UNITS = ((1e9, "GFLOP"), (1e6, "MFLOP"))


def _work(profile: Profile) -> tuple[str, ...]:
    totals = profile.totals
    if totals.mac_flop is None or totals.flop is None:
        return ()
    factor, unit = next((item for item in _FLOP_UNITS if totals.flop >= item[0] / 10), (1, "FLOP"))
    decimals = 4 if factor > 1 else 0
    published, whole = (f"{value / factor:,.{decimals}f}" for value in (totals.mac_flop, totals.flop))
    return (
        f"{totals.macs:,} MAC = {published} {unit} ({whole} with bias and elementwise){_of_counted(profile)}",
        f"{profile.model.params:,} parameters in {binary_bytes(profile.model.param_bytes)}",
    )


def _of_counted(profile: Profile) -> str:
    """A reminder behind totals that leave nodes out."""
    coverage = profile.coverage
    if coverage.nodes_counted == coverage.nodes:
        return ""
    return f", in the {coverage.nodes_counted} of {coverage.nodes} nodes counted"


def _coverage(profile: Profile) -> tuple[str, ...]:
    coverage = profile.coverage
    overhead = f"{percent(coverage.overhead_fraction)} of kernel time is overhead that the runtime added"
    if coverage.nodes is None:
        return (overhead,) if coverage.overhead_fraction is not None else ()
    counted = f"{coverage.nodes_counted:,} of {plural(coverage.nodes, 'node')} counted"
    if coverage.time_attributed_fraction is None:
        return (counted,)
    macs, time = share(coverage.macs_attributed_fraction), share(coverage.time_attributed_fraction)
    which = "MACs" if coverage.nodes_counted == coverage.nodes else "the MACs counted"
    lines = (f"{counted}; attributed {macs} of {which}, {time} of kernel time", overhead)
    outside = percent(coverage.outside_kernels_fraction)
    if profile.latency is None or coverage.outside_kernels_fraction is None:
        return lines
    cost = _cost(profile.latency.profiling_overhead_fraction)
    return (*lines, f"{outside} of a run is outside kernels; timing layers {cost}")


def _cost(fraction: float | None) -> str:
    """What the profiler did to a run; it cannot make one faster, so that a negative value is noise."""
    if fraction is None:
        return "costs an unknown time"
    return f"costs {percent(fraction)} more" if fraction >= 0 else f"costs nothing ({percent(fraction)} is noise)"


def _ceilings(profile: Profile) -> tuple[str, ...]:
    ceilings = profile.ceilings
    if ceilings is None:
        return ()
    known = [(name, value) for name, value in sorted(ceilings.flop_per_s.items()) if value is not None]
    rates = [f"{quantity(value, 'FLOP/s')} {printable(name)}" for name, value in known]
    return (", ".join((*rates, quantity(ceilings.bytes_per_s, "B/s"))), printable(ceilings.source, 400))


def _rates(profile: Profile, line: BudgetLine) -> str:
    """By roofline there is none where bytes are not known."""
    if line.forward_per_s_by_flop is None:
        return "no rate, as no MACs were counted"
    unit = "forward passes" if profile.case.batch == 1 else _item(profile)
    roofline = line.forward_per_s_by_roofline
    bound = "none by roofline" if roofline is None else f"{rate(roofline)} by roofline"
    return (
        f"{rate(line.forward_per_s_by_flop)} {unit}/s by FLOP, "
        f"{bound} at batch {profile.case.batch}{_of_counted(profile)}"
    )


def _budget(profile: Profile, line: BudgetLine) -> tuple[str, ...]:
    rates = f"{line.count} x {printable(line.device)}, {line.kind}: {_rates(profile, line)}"
    machine = "the machine that ran it" if profile.environment.comparable.get("cpu", "") is None else "this machine"
    achieved = f"{machine}: {throughput(profile)}, {percent(line.achieved_fraction)} of the rate by FLOP"
    shown = (achieved,) if line.achieved_fraction is not None else ()
    return (rates, *shown, *_memory_of(line), *(printable(note, 400) for note in line.notes))


def _memory_of(line: BudgetLine) -> tuple[str, ...]:
    inference, training, there = line.inference_bytes, line.training_bytes, line.memory_bytes
    if inference is None or training is None:
        return ()
    of_card = f"of a card's {binary_bytes(there)}, inference {binary_bytes(inference)}"
    fits = _fits(inference, training, there)
    return (f"training at batch {line.training_batch} takes {binary_bytes(training)} {of_card}: {fits}",)


def _fits(inference: int, training: int, there: int) -> str:
    if inference > there:
        return "neither fits" if training > there else "inference does NOT fit"
    return "training does NOT fit" if training > there else "both fit"
