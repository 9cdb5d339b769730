"""Throughput on an NVIDIA GPU of every backend and of torch, by precision and batch, against measured ceilings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alexnet_bench.attribution.roofline import roof_time_s
from alexnet_bench.backends.protocol import DeviceKind
from alexnet_bench.core.errors import AlexnetBenchError, EngineError
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
    here: list[Contender] = []
    for contender in contenders.contenders(device):
        if reason := contender.left_out():
            yield Row(f"{what}, {contender.name}", notes=(f"left out: {reason}",))
        else:
            here.append(contender)
    with throughput.empty_cache(settings.scratch):
        roofs: dict[str, Roofs] = {}
        for contender in here:
            if contender.roofs_by not in roofs:
                settings.say(f"ceilings of {contender.roofs_by}")
                try:
                    roofs[contender.roofs_by] = contender.roofs(precisions, usable_cores())
                except (AlexnetBenchError, commands.CommandFailed) as error:
                    yield Row(f"ceilings on {device}, {contender.roofs_by}", failure=str(error))
        for batch in batches:
            prepared = models.prepare(network, settings.scratch, batch=batch)
            seconds = settings.seconds_of(1.0, quick=0.2)
            case = Case(prepared, batch, usable_cores(), seconds, settings.scratch)
            for precision in precisions:
                yield from _rows(what, network, precision, case, here, roofs, settings)


def _rows(
    what: str,
    network: str,
    precision: str,
    case: Case,
    here: Sequence[Contender],
    roofs: Mapping[str, Roofs],
    settings: Settings,
) -> Iterator[Row]:
    """Measures the contenders in turns; one that fails is out, and the others go on."""
    titles = {item.name: f"{what}, batch {case.batch}, {precision}, {item.name}" for item in here}
    subjects: dict[str, Subject] = {}
    settings.say(f"batch {case.batch}, {precision}: {len(here)} ways to run {network}")
    for contender in here:
        try:
            subjects[contender.name] = contender.subject(case, network, precision)
            subjects[contender.name]()  # a round that does not count: it compiles, and shows what does not run
        except EngineError as error:  # an engine that is right, and for other cards than this
            subjects.pop(contender.name, None)
            yield Row(titles[contender.name], notes=(f"left out: {error}",))
        except (AlexnetBenchError, commands.CommandFailed) as error:
            subjects.pop(contender.name, None)
            yield Row(titles[contender.name], failure=str(error))
    try:
        measured = throughput.per_second(case, subjects, rounds=settings.rounds_of(_ROUNDS, quick=1))
    except (AlexnetBenchError, commands.CommandFailed) as error:  # what ran a moment ago: the next batch may go well
        yield Row(f"{what}, batch {case.batch}, {precision}", failure=str(error))
        return
    for contender in here:
        if contender.name in measured:
            found = roofs.get(contender.roofs_by)
            yield _row(
                titles[contender.name], contender, measured[contender.name], _most(case, precision, found), found
            )


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
