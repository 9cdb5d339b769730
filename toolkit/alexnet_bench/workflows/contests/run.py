"""One case of a contest: entries are judged one by one, then measured in turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alexnet_bench.attribution.join import join
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.backends.client import Deadlines
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.contest import STOCK, ContestCase, Entry, EntryLatency
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.passport import count_types
from alexnet_bench.core.statistics import ratio_ci95, summarise
from alexnet_bench.engine.loading import graph_file
from alexnet_bench.engine.readback import read_back
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from alexnet_bench.verdict import precision as precisions
from alexnet_bench.workflows.contests.entries import Contender, left_out
from alexnet_bench.workflows.contests.errors import Referee
from alexnet_bench.workflows.contests.options import ContestOptions
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.options import Progress, silent


@dataclass(frozen=True)
class Field:
    """What all entries of a case share.

    Attributes:
        file: the user's model.
        graph: of it, with the shapes of the case.
        costs: of the graph.
        batch: as it was asked for.
        images: of one forward pass.
        inputs_dir: arrays that are fed while latency is measured.
        threads: of every runtime, unless a recipe sets others and none are asked for.
        deadlines: how long a runtime may take.
        options: of the contest.
    """

    file: ModelFile
    graph: Graph
    costs: CostTable
    batch: int | None
    images: int
    inputs_dir: Path
    threads: int
    deadlines: Deadlines
    options: ContestOptions


@dataclass
class _Racer:
    """An entry while it is measured."""

    entry: Entry
    request: LoadRequest
    samples_s: list[tuple[float, ...]] = field(default_factory=list)


def run_case(
    shared: Field,
    contenders: Sequence[Contender],
    refused: Sequence[Entry],
    referee: Referee,
    progress: Progress,
) -> ContestCase:
    """Judges and measures all contenders; one that fails leaves, and the others go on.

    Args:
        shared: what they share.
        contenders: that can be run.
        refused: entries that cannot.
        referee: that knows the right outputs.
        progress: told what is done next; never called while something is timed.
    """
    out: list[Entry] = list(refused)
    racers: list[_Racer] = []
    for contender in contenders:
        progress(f"{contender.planned.name}: types and error")
        judged = _judged(shared, contender, referee)
        if isinstance(judged, Entry):
            out.append(judged)
        else:
            racers.append(judged)
    racers, fallen = _race(shared, racers, progress)
    return conclude_case(shared.images, shared.graph.input_sizes, [*_timed(shared, racers), *out, *fallen])


def conclude_case(batch: int, shapes: dict[str, tuple[int, ...]], entries: Sequence[Entry]) -> ContestCase:
    """The case with its entries in order and the fastest named."""
    ran = sorted((entry for entry in entries if entry.latency), key=_median)
    ordered = (*ran, *(entry for entry in entries if entry.latency is None))
    within = [place for place, entry in enumerate(ordered) if entry.is_within]
    if not within:
        return ContestCase(batch, shapes, ordered, None)
    first, *others = within
    close = tuple(place for place in others if _is_close(ordered[place], ordered[first]))
    return ContestCase(batch, shapes, ordered, first, close)


def _judged(shared: Field, contender: Contender, referee: Referee) -> _Racer | Entry:
    entry = contender.entry()
    try:
        run_file = open_model(graph_file(contender.engine.file)) if contender.engine else shared.file
        request = _request(shared, contender)
        if contender.engine is None:
            entry = replace(entry, compute_dtypes=_types(shared, request))
        precision = _precision(shared, run_file, entry.precision)
        return _Racer(replace(entry, error=referee.judge(request, precision, shared.options.tolerance)), request)
    except AlexnetBenchError as error:
        return left_out(entry, error)


def _request(shared: Field, contender: Contender) -> LoadRequest:
    if contender.engine is not None:
        return load_request(contender.engine.recipe, contender.engine.file, shared.graph, shared.options.threads)
    path = str(shared.file.path.resolve())
    name, sizes = contender.planned.backend.name, shared.graph.input_sizes
    return LoadRequest(name, path, shared.threads, shapes=sizes, files=shared.file.states)


def _precision(shared: Field, run_file: ModelFile, asked: str | None) -> str:
    """The precision whose tolerance holds."""
    graph = build_graph(run_file, name=shared.graph.name, batch=shared.batch, given_shapes=shared.options.shapes)
    return precisions.coarser(asked or "", precisions.of_graph(graph))


def _types(shared: Field, request: LoadRequest) -> dict[str, int]:
    """Layers of the model as given by the type that they compute in; empty where the runtime does not say."""
    try:
        found = read_back(
            request, shared.inputs_dir, shared.graph, shared.deadlines, named_model=named_copy(shared.file)
        )
    except AlexnetBenchError:  # whether it runs at all, its error will show
        return {}
    joined = join(shared.graph, shared.costs, found.layers)
    return count_types(user_layers(shared.costs, shared.costs, joined, {}).layers)


def _race(shared: Field, racers: Sequence[_Racer], progress: Progress) -> tuple[list[_Racer], list[Entry]]:
    """Every racer once in each round, in an order that differs from round to round; and those that fell out."""
    running, fallen = list(racers), []
    rounds, seconds = shared.options.processes, shared.options.seconds
    for turn in range(rounds):
        progress(f"latency of {len(running)} entries in turns, round {turn + 1} of {rounds}")
        order = random.Random(turn).sample(running, len(running))  # noqa: S311 - an order, not a secret
        for racer in order:
            case = LatencyCase(racer.request, shared.inputs_dir, shared.deadlines)
            try:
                run = measure_latency([case], seconds=seconds / rounds, processes=1, progress=silent)
            except AlexnetBenchError as error:
                running.remove(racer)
                fallen.append(left_out(racer.entry, error))
            else:
                racer.samples_s.append(tuple(round(value, 9) for value in run[0].samples_s[0]))
    return running, fallen


def _timed(shared: Field, racers: Sequence[_Racer]) -> list[Entry]:
    stock = next((racer.samples_s for racer in racers if is_stock(racer.entry)), None)
    return [replace(racer.entry, latency=_latency(shared.images, racer.samples_s, stock)) for racer in racers]


def is_stock(entry: Entry) -> bool:
    """Whether it is what the others are set against."""
    return entry.backend == STOCK and entry.recipe is None and entry.precision is None


def _latency(batch: int, samples_s: list[tuple[float, ...]], stock: list[tuple[float, ...]] | None) -> EntryLatency:
    summary = summarise(samples_s)
    found = EntryLatency(tuple(samples_s), summary.median, summary.ci95, batch / summary.median)
    if stock is None:
        return found
    ratio = summary.median / summarise(stock).median
    interval = (1.0, 1.0) if samples_s is stock else ratio_ci95(samples_s, stock, ratio)
    return replace(found, ratio=ratio, ratio_ci95=interval)


def _is_close(entry: Entry, fastest: Entry) -> bool:
    """Whether its latency cannot be told from that of the fastest: their ratio may be 1."""
    if entry.latency is None or fastest.latency is None:
        return False
    shown = entry.latency.median_s / fastest.latency.median_s
    interval = ratio_ci95(entry.latency.samples_s, fastest.latency.samples_s, shown)
    return interval is None or interval[0] <= 1.0


def _median(entry: Entry) -> float:
    return entry.latency.median_s if entry.latency else float("inf")
