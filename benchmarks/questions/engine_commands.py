"""The commands around engines: one that is in the cache already, and a verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.interleave import interleave, middle
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

NETWORK = "alexnet-2012"
MOST_HIT_S = 0.5
MOST_VERIFY_S = 15.0
_TIMEOUT_S = 300.0


def run(settings: Settings) -> Iterator[Row]:
    """Two rows."""
    cache, engine = settings.scratch / "cache", settings.scratch / "engine.onnx"
    cache.mkdir()
    build = commands.alexnet_bench("build-engine", NETWORK, "--backend", "onnxruntime-cpu", "--quiet")
    settings.say(f"building the engine of {NETWORK}")
    _wall_s([*build, "--output", str(engine)], cache)
    yield _hit_row(build, cache, settings)
    yield _verify_row(engine, cache, settings)


def _hit_row(build: Sequence[str], cache: Path, settings: Settings) -> Row:
    start_up = commands.alexnet_bench("--help")
    for command in (build, start_up):
        _wall_s(command, cache)  # byte code is compiled and files are cached, as for every start but the first
    settings.say("a cached engine, and --help")
    measured = interleave(
        {"hit": partial(_wall_s, build, cache), "help": partial(_wall_s, start_up, cache)},
        rounds=settings.rounds_of(20, quick=3),
    )
    above = [hit - plain for hit, plain in zip(measured["hit"], measured["help"], strict=True)]
    return Row(
        f"alexnet-bench build-engine, engine of {NETWORK} in the cache, above start-up",
        ours=middle(above, "s"),
        goal=Goal("ours", high=MOST_HIT_S),
        notes=(
            "wall time of the command less that of --help in the same round; no peer: no other command does the same",
        ),
        samples={"hit_s": measured["hit"], "help_s": measured["help"]},
    )


def _verify_row(engine: Path, cache: Path, settings: Settings) -> Row:
    settings.say("alexnet-bench verify")
    verify = commands.alexnet_bench("verify", str(engine), "--against", NETWORK, "--quiet")
    _wall_s(verify, cache)
    walls = interleave({"verify": partial(_wall_s, verify, cache)}, rounds=settings.rounds_of(5, quick=1))["verify"]
    return Row(
        f"alexnet-bench verify, engine of {NETWORK}",
        ours=middle(walls, "s"),
        goal=Goal("ours", high=MOST_VERIFY_S),
        notes=("both sides on ONNX Runtime, 16 inputs; no peer: no other command does the same",),
        samples={"ours_s": walls},
    )


def _wall_s(command: Sequence[str], cache: Path) -> float:
    return commands.run(command, timeout_s=_TIMEOUT_S, environment={"XDG_CACHE_HOME": str(cache)}).wall_s
