"""The benchmarks, in the order in which they run. To add one: a file in `questions/` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.questions import (
    attribution,
    counting_speed,
    counts,
    engine_commands,
    engine_fastest,
    engine_ort,
    engine_tensorrt,
    gpu,
    latency,
    layer_run_cost,
    peers_counts,
    profile_command,
    start_up,
    unknown_ops,
)
from benchmarks.rows import Row
from benchmarks.settings import Settings


@dataclass(frozen=True)
class Benchmark:
    """One question.

    Attributes:
        name: to type at `--only`.
        question: it answers.
        run: yields rows as they are measured, and may raise: what was yielded is kept.
        networks: to name at `--network`, where each has rows of its own.
    """

    name: str
    question: str
    run: Callable[[Settings], Iterator[Row]]
    networks: tuple[str, ...] = ()


BENCHMARKS = (
    Benchmark("counts", "are MACs and parameters exactly the expected ones?", counts.run),
    Benchmark("peers-counts", "is every difference to four other counters explained, by operator?", peers_counts.run),
    Benchmark("unknown-ops", "are all operators of exported networks counted, with torch's own MACs?", unknown_ops.run),
    Benchmark("attribution", "which share of MACs and time has an owner in the user's graph?", attribution.run),
    Benchmark("latency", "is our median that of a bare session.run loop?", latency.run, latency.MODELS),
    Benchmark(
        "layer-run-cost",
        "what do layer times cost, and do they touch the latency?",
        layer_run_cost.run,
        layer_run_cost.MODELS,
    ),
    Benchmark("start-up", "how long does --help take, against importing what it needs?", start_up.run),
    Benchmark("profile-command", "how long does `alexnet-bench profile` take?", profile_command.run),
    Benchmark("counting-speed", "how fast are large graphs counted, and in how much memory?", counting_speed.run),
    Benchmark("engine-ort", "how fast is our engine for ONNX Runtime, against stock ONNX Runtime?", engine_ort.run),
    Benchmark(
        "engine-fastest",
        "is the fastest backend that we name as fast as the best peer?",
        engine_fastest.run,
        engine_fastest.NETWORKS,
    ),
    Benchmark("engine-commands", "how long do a cached build-engine and a verify take?", engine_commands.run),
    Benchmark("engine-tensorrt", "how large are TensorRT-RTX's engines, and whose their layers?", engine_tensorrt.run),
    Benchmark("gpu", "how fast do backends and torch run on a GPU, against its measured ceilings?", gpu.run),
)
