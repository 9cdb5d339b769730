"""Throughput on an NVIDIA GPU of every backend and of torch, by precision and batch, against measured ceilings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alexnet_bench.attribution.roofline import roof_time_s
from alexnet_bench.backends.protocol import DeviceKind
from alexnet_bench.core.errors import AlexnetBenchError, BackendRefusal, EngineError, PrecisionError, UsageError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.graph.counting import count
from benchmarks import commands, contenders, models, throughput
from benchmarks.contenders import Contender, Roofs
from benchmarks.interleave import middle
from benchmarks.rows import Quantity, Row
from benchmarks.settings import Settings
from benchmarks.throughput import Case, Subject

NETWORK = "alexnet-2012"
BATCHES = (1, 32, 256, 1024)
PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
_QUICK_BATCHES = (1, 256)
_BYTES = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2}
_ROUNDS = 3
_REFUSALS = (BackendRefusal, EngineError, PrecisionError, UsageError)
"""A type without a kernel, an engine for other cards: words of a runtime that works."""
_FAILURES = (AlexnetBenchError, commands.CommandFailed)
_NO_GOAL = (
    "peer: what the ceilings leave to the network, were its multiply-adds products as large and fast as the one that "
    "was measured, and its weights, inputs and outputs moved once; small ones stay in caches, and may be faster"
)


def run(settings: Settings) -> Iterator[Row]:
    """One row for each contender, precision and batch; one alone where there is no GPU."""
    batches = _QUICK_BATCHES if settings.quick else BATCHES
    return throughput_rows("cuda", NETWORK, batches, PRECISIONS, settings)


def throughput_rows(
    device: DeviceKind, network: str, batches: Sequence[int], precisions: tuple[str, ...], settings: Settings
) -> Iterator[Row]:
    """The same on any device and network.

    Args:
        device: to run on.
        network: a reference network.
        batches: images of one forward pass.
        precisions: as `build-engine --precision` names them.
        settings: of the run.
    """
    what = f"throughput on {device}, {network}"
    if reason := contenders.no_device(device):
        yield Row(what, notes=(f"left out: {reason}",))
        return
    everyone = contenders.contenders(device)
    reasons = {item.name: item.left_out() for item in everyone}
    yield from (Row(f"{what}, {name}", notes=(f"left out: {why}",)) for name, why in reasons.items() if why)
    question = _Question(what, network, precisions, [item for item in everyone if not reasons[item.name]], settings)
    with throughput.empty_cache(settings.scratch):
        yield from question.measure_roofs()
        for batch in batches:
            prepared = models.prepare(network, settings.scratch, batch=batch)
            seconds = settings.seconds_of(1.0, quick=0.2)
            case = Case(prepared, batch, usable_cores(), seconds, settings.scratch)
            for precision in precisions:
                yield from question.measure(case, precision)
        yield from question.never_run()


@dataclass
class _Question:
    """Contenders that are here, and what became of them.

    Attributes:
        what: is measured, for readers.
        network: a reference network.
        precisions: that are asked for.
        here: who is measured.
        settings: of the run.
        roofs: what was measured of each kind of ceilings.
        refused: words of each contender that has not run yet.
    """

    what: str
    network: str
    precisions: tuple[str, ...]
    here: Sequence[Contender]
    settings: Settings
    roofs: dict[str, Roofs] = field(default_factory=dict)
    refused: dict[str, list[Exception]] = field(init=False)

    def __post_init__(self) -> None:
        self.refused = {item.name: [] for item in self.here}

    def measure_roofs(self) -> Iterator[Row]:
        """Rows for ceilings that cannot be measured: those who have them are measured without."""
        for roofs_by, contender in {item.roofs_by: item for item in self.here}.items():
            self.settings.say(f"ceilings of {roofs_by}")
            try:
                self.roofs[roofs_by] = contender.roofs(self.precisions, usable_cores())
            except _FAILURES as error:
                yield Row(
                    f"{self.what}, ceilings of {roofs_by}", failure=str(error), binding=not isinstance(error, _REFUSALS)
                )

    def measure(self, case: Case, precision: str) -> Iterator[Row]:
        """Measures the contenders in turns; one that fails is out, and the others go on."""
        titles = {item.name: f"{self.what}, batch {case.batch}, {precision}, {item.name}" for item in self.here}
        self.settings.say(f"batch {case.batch}, {precision}: {len(self.here)} ways to run {self.network}")
        subjects: dict[str, Subject] = {}
        for contender in self.here:
            try:
                subject = contender.subject(case, self.network, precision)
                subject()  # a round that does not count: it compiles, and shows what does not run
                subjects[contender.name] = subject
            except _FAILURES as error:
                self.refused.get(contender.name, []).append(error)
                is_refusal = isinstance(error, _REFUSALS)
                said = f"refused: {error}" if is_refusal else str(error)
                yield Row(titles[contender.name], failure=said, binding=not is_refusal)
        try:
            rounds = self.settings.rounds_of(_ROUNDS, quick=1)
            measured = throughput.per_second(case, subjects, rounds=rounds)
        except _FAILURES as error:  # of what ran a moment ago: the next batch may go well
            yield Row(f"{self.what}, batch {case.batch}, {precision}", failure=str(error))
            return
        for contender in (item for item in self.here if item.name in measured):
            self.refused.pop(contender.name, None)
            found = self.roofs.get(contender.roofs_by)
            most_per_s = _most(case, precision, found)
            yield _row(titles[contender.name], contender, measured[contender.name], most_per_s, found)

    def never_run(self) -> Iterator[Row]:
        """One row for each that ran in no precision and batch; a failure, but of engines that are for other cards."""
        for name, errors in self.refused.items():
            if errors and all(isinstance(error, EngineError) for error in errors):
                yield Row(f"{self.what}, {name}", notes=(f"left out: {errors[0]}",))
            else:
                yield Row(f"{self.what}, {name}", failure="ran in no precision and no batch: see its rows")


def _row(
    what: str, contender: Contender, measured: Sequence[float], most_per_s: float | None, roofs: Roofs | None
) -> Row:
    if most_per_s is None or roofs is None:
        notes = (contender.counted, f"{contender.roofs_by} has no ceiling of this precision")
        return Row(what, ours=middle(measured, throughput.UNIT), notes=notes, samples={"ours": list(measured)})
    return Row(
        what,
        ours=middle(measured, throughput.UNIT),
        peer=Quantity(most_per_s, throughput.UNIT),
        ratio=middle([value / most_per_s for value in measured], "x"),
        notes=(contender.counted, _NO_GOAL, f"ceilings {roofs.source}"),
        samples={"ours": list(measured)},
    )


def _most(case: Case, precision: str, roofs: Roofs | None) -> float | None:
    """Images per second that the ceilings leave; None where there is none for the precision."""
    if roofs is None or precision not in roofs.flop_per_s:
        return None
    graph = case.prepared.graph
    costs = count(graph)
    elements = costs.params + _elements(graph)
    least_s = roof_time_s(
        flop=2 * costs.macs,
        moved_bytes=elements * _BYTES[precision],
        flop_per_s=roofs.flop_per_s[precision],
        bytes_per_s=roofs.bytes_per_s,
    )
    return case.batch / least_s


def _elements(graph: Graph) -> int:
    """Of inputs and outputs."""
    return sum(graph.tensor(name).elements or 0 for name in (*graph.inputs, *graph.outputs))
