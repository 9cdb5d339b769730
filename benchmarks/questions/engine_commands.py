"""The commands around engines: one that is in the cache already, and a verification."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.cached import hit_row, wall_s
from benchmarks.interleave import interleave, middle
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

NETWORK = "alexnet-2012"
MOST_VERIFY_S = 15.0


def run(settings: Settings) -> Iterator[Row]:
    """Two rows."""
    cache, engine = settings.scratch / "cache", settings.scratch / "engine.onnx"
    cache.mkdir()
    build = commands.alexnet_bench("build-engine", NETWORK, "--backend", "onnxruntime-cpu", "--quiet")
    settings.say(f"building the engine of {NETWORK}")
    wall_s([*build, "--output", str(engine)], cache)
    yield hit_row(
        f"alexnet-bench build-engine, engine of {NETWORK} in the cache, above start-up", build, cache, settings
    )
    yield _verify_row(engine, cache, settings)


def _verify_row(engine: Path, cache: Path, settings: Settings) -> Row:
    settings.say("alexnet-bench verify")
    verify = commands.alexnet_bench("verify", str(engine), "--against", NETWORK, "--quiet")
    wall_s(verify, cache)
    walls = interleave({"verify": partial(wall_s, verify, cache)}, rounds=settings.rounds_of(5, quick=1))["verify"]
    return Row(
        f"alexnet-bench verify, engine of {NETWORK}",
        ours=middle(walls, "s"),
        goal=Goal("ours", high=MOST_VERIFY_S),
        notes=("both sides on ONNX Runtime, 16 inputs; no peer: no other command does the same",),
        samples={"ours_s": walls},
    )
