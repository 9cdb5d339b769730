"""Our median latency against a bare `session.run` loop, in fresh processes that take turns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median

import msgspec

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from benchmarks import commands, models
from benchmarks.interleave import interleave, middle, paired_ratio
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

MODELS = ("alexnet-2012", "onnx:resnet50", "onnx:squeezenet", "lenet-5")
TOLERANCE = 0.02
_PEER = commands.HERE / "peers" / "bare_loop.py"
_BACKEND = "onnxruntime-cpu"
_WARM_UP_S = 0.6
_TIMEOUT_S = 300.0


def run(settings: Settings) -> Iterator[Row]:
    """One row for each model; a model that fails does not keep the others from being measured."""
    for name in settings.networks_of(MODELS):
        what = f"median latency, {name}"
        try:
            yield _compare(what, name, settings)
        except Exception as error:  # noqa: BLE001 - the row says why
            yield Row(what, failure=f"{type(error).__name__}: {error}")


def _compare(what: str, name: str, settings: Settings) -> Row:
    rounds = settings.rounds_of(24, quick=3)
    seconds = settings.seconds_of(1.0, quick=0.3)
    settings.say(f"{name}, {rounds} rounds")
    prepared = models.prepare(name, settings.scratch)
    threads = usable_cores()
    measured = interleave(
        {"ours": partial(_ours, prepared, threads, seconds), "peer": partial(_peer, prepared, threads, seconds)},
        rounds=rounds,
    )
    ours, peer = measured["ours"], measured["peer"]
    return Row(
        what,
        ours=middle(ours, "s"),
        peer=middle(peer, "s"),
        ratio=paired_ratio(ours, peer),
        goal=Goal("ratio", low=1 - TOLERANCE, high=1 + TOLERANCE),
        notes=("peer: a bare session.run loop with the same threads and inputs",),
        samples={"ours_s": ours, "peer_s": peer},
    )


def _ours(prepared: models.Prepared, threads: int, seconds: float) -> float:
    """The median of one fresh process, by the function that `alexnet-bench profile` measures with."""
    case = LatencyCase(LoadRequest(_BACKEND, str(prepared.path), threads), prepared.inputs)
    (measured,) = measure_latency([case], seconds=seconds, processes=1, progress=lambda _: None)
    return median(measured.samples_s[0])


def _peer(prepared: models.Prepared, threads: int, seconds: float) -> float:
    command = commands.python(
        str(_PEER), str(prepared.path), str(prepared.inputs), str(threads), str(_WARM_UP_S), str(seconds)
    )
    finished = commands.run(command, timeout_s=_TIMEOUT_S)
    return median(msgspec.json.decode(finished.stdout, type=list[float]))
