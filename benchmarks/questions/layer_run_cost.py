"""What layer times cost: the profiled run against the runtime's bare profiler, and the latency with and without it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import msgspec

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from alexnet_bench.measure.layer_run import MAX_EVENTS, measure_layers
from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile
from benchmarks import commands, models
from benchmarks.interleave import interleave, middle, paired_ratio
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

MODELS = ("alexnet-2012", "onnx:squeezenet", "onnx:shufflenet", "lenet-5")
PROFILER_TOLERANCE = 0.02
LATENCY_TOLERANCE = 0.01
_PEER = commands.HERE / "peers" / "profiled_loop.py"
_BACKEND = "onnxruntime-cpu"
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class _Subject:
    """A model, ready to be run and to have its layers timed."""

    name: str
    case: LatencyCase
    graph: Graph
    named: bytes | None


def run(settings: Settings) -> Iterator[Row]:
    """Two rows for each model; a model that fails does not keep the others from being measured."""
    for name in settings.networks_of(MODELS):
        try:
            subject = _prepare(name, settings.scratch)
            yield _against_profiler(subject, settings)
            yield _latency_with_and_without(subject, settings)
        except Exception as error:  # noqa: BLE001 - the row says why
            yield Row(f"layer run, {name}", failure=f"{type(error).__name__}: {error}")


def _prepare(name: str, scratch: Path) -> _Subject:
    prepared = models.prepare(name, scratch)
    file = open_model(prepared.path)
    case = LatencyCase(LoadRequest(_BACKEND, str(prepared.path), usable_cores()), prepared.inputs)
    return _Subject(name, case, build_graph(file, name=name), named_copy(file))


def _against_profiler(subject: _Subject, settings: Settings) -> Row:
    rounds = settings.rounds_of(16, quick=2)
    seconds = settings.seconds_of(1.0, quick=0.3)
    settings.say(f"{subject.name}, layer run and bare profiler, {rounds} rounds")
    measured = interleave(
        {
            "ours": partial(_layer_run, subject, seconds),
            "peer": partial(_profiled_loop, subject, seconds, settings.scratch),
        },
        rounds=rounds,
    )
    ours, plain = ([run_s[index] for run_s in measured["ours"]] for index in range(2))
    peer = [run_s[0] for run_s in measured["peer"]]
    cost = paired_ratio(ours, plain).value - 1
    return Row(
        f"profiled run, {subject.name}",
        ours=middle(ours, "s"),
        peer=middle(peer, "s"),
        ratio=paired_ratio(ours, peer),
        goal=Goal("ratio", high=1 + PROFILER_TOLERANCE),
        notes=(
            "median run while layers are timed; peer: a bare session.run loop with enable_profiling",
            f"{subject.name}: the profiler adds {100 * cost:.1f} % to the runs without it, taken in turns",
        ),
        samples={"ours_s": ours, "peer_s": peer, "plain_s": plain},
    )


def _layer_run(subject: _Subject, seconds: float) -> tuple[float, ...]:
    """Medians with the profiler and without it."""
    times = measure_layers(subject.case, subject.graph, seconds=seconds, named_model=subject.named)
    return median(times.wall_s), median(times.plain_wall_s)


def _profiled_loop(subject: _Subject, seconds: float, scratch: Path) -> tuple[float, ...]:
    """The median with the profiler alone."""
    request = subject.case.request
    most = max(1, MAX_EVENTS // max(1, len(subject.graph.live_nodes)))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        arguments = (request.model_path, str(subject.case.inputs_dir), str(request.threads), str(seconds), str(most))
        command = commands.python(str(_PEER), *arguments, str(Path(folder) / "trace"))
        finished = commands.run(command, timeout_s=_TIMEOUT_S)
    return (median(msgspec.json.decode(finished.stdout, type=list[float])),)


def _latency_with_and_without(subject: _Subject, settings: Settings) -> Row:
    rounds = settings.rounds_of(48, quick=2)  # processes differ by some percent, however long each of them runs
    seconds = settings.seconds_of(0.4, quick=0.3)
    settings.say(f"{subject.name}, latency with and without a layer run, {rounds} rounds")
    profile(subject.name, options=_options(seconds))  # fills the cache of ceilings
    measured = interleave(
        {"with": partial(_with_layers, subject, seconds), "without": partial(_without_layers, subject, seconds)},
        rounds=rounds,
    )
    return Row(
        f"latency beside layer times, {subject.name}",
        ours=middle(measured["with"], "s"),
        peer=middle(measured["without"], "s"),
        ratio=paired_ratio(measured["with"], measured["without"]),
        goal=Goal("ratio", low=1 - LATENCY_TOLERANCE, high=1 + LATENCY_TOLERANCE),
        notes=("latency of a whole profile, layer run included; peer: ours too, the latency alone",),
        samples={"with_s": measured["with"], "without_s": measured["without"]},
    )


def _options(seconds: float) -> Options:
    return Options(backend=_BACKEND, seconds=seconds, processes=1)


def _with_layers(subject: _Subject, seconds: float) -> float:
    latency = profile(subject.name, options=_options(seconds)).latency
    assert latency is not None  # only a static profile has none
    return latency.median_s


def _without_layers(subject: _Subject, seconds: float) -> float:
    (measured,) = measure_latency([subject.case], seconds=seconds, processes=1, progress=lambda _: None)
    return median(measured.samples_s[0])
