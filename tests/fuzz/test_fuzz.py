"""About a minute of mutants in CI, always the same; `python -m tests.fuzz --seconds 36000 --keep found` runs on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import alexnet_bench
from alexnet_bench.graph.passes import PASSES
from tests.fuzz.bases import bases, bases_of_passes
from tests.fuzz.mutator import Mutator

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_bases_are_counted_whole(tmp_path: Path) -> None:
    """A base that is refused would make mutants that are refused, and test nothing."""
    for model in bases():
        onnx.save(model, tmp_path / "base.onnx")
        profile = alexnet_bench.profile(tmp_path / "base.onnx", options=alexnet_bench.Options(static=True))
        assert profile.coverage.unknown_ops == ()


def test_a_seed_makes_the_same_mutants() -> None:
    def mutants(seed: int) -> list[bytes]:
        mutator, models = Mutator(seed, ["Relu", "Conv", "If", "LSTM"]), bases()
        made = []
        for _ in range(20):
            model = mutator.choose(models)
            mutator.mutate(model)
            made.append(model.SerializeToString(deterministic=True))
        return made

    assert mutants(1) == mutants(1)
    assert mutants(1) != mutants(2)


def test_passes_find_something_in_their_bases() -> None:
    """Where they find nothing, mutants of them test little."""
    changed = {
        name for model in bases_of_passes() for name in PASSES if alexnet_bench.apply_passes(model, [name]).changes
    }
    assert changed == PASSES.keys()


@pytest.mark.parametrize(("count", "options"), [("5000", []), ("150", ["--passes"])])
def test_nothing_that_is_a_protobuf_breaks_the_tool(count: str, options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "600", "--count", count, "--seed", "1", *options]
    command += ["--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "0 broke the tool" in done.stdout
