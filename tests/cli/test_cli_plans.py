"""Engines that somebody else built, on the command line of a machine without a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.unit.workflows.foreign_plans import rtx_head

_LOG = Path(__file__).parents[1] / "data" / "tensorrt" / "lenet-5.build.log"


@pytest.fixture
def plan(tmp_path: Path) -> str:
    return str(rtx_head(tmp_path / "theirs.plan"))


def test_an_engine_is_shown_without_a_passport_and_again(say: Say, plan: str, tmp_path: Path) -> None:
    kept = str(tmp_path / "i.json")
    known = ("--layer-info", str(_LOG), "--model", "lenet-5", "--shape", "input=2x1x32x32")
    code, out, err = say("inspect", plan, *known, "--budget", "rtx-4090", "--json", kept)
    assert (code, err) == (0, "")
    assert "for SM 8.0, 8.6, 8.9; 200 bytes, all there" in out
    assert "conv1 + tanh1" in out
    assert "833,040 MAC" in out
    assert json.loads(Path(kept).read_text())["passport"] is None
    assert say("report", kept)[:2] == (0, out)


def test_the_header_alone_is_no_error(say: Say, plan: str) -> None:
    code, out, _ = say("inspect", plan, "--markdown", "-", "-q")
    assert code == 0
    assert "its layers are not known" in out
    assert "give \\-\\-layer-info FILE" in out or "give --layer-info FILE" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("inspect", "{plan}", "--layer-info", "{plan}"), "does not tell the layers"),
        (("inspect", "{plan}", "{plan}", "--layer-info", "x"), "the layers of one engine"),
        (("inspect", "{plan}", "--model", "nothing", "--layer-info", str(_LOG)), "neither a model's name nor a file"),
        (("profile", "{plan}", "--static"), "without a graph to count"),
        (("profile", "{plan}", "--backend", "openvino"), "is of tensorrt-rtx, and --backend asks for openvino"),
        (("profile", "{plan}", "--backend", "all"), "is an engine already"),
        (("profile", "{plan}"), "tensorrt"),
        (("profile", "trtexec:{plan}", "--seconds", "1"), "--seconds cannot be had from its files"),
    ],
)
def test_what_cannot_be_meant_or_done_here_is_one_message(
    say: Say, plan: str, arguments: tuple[str, ...], why: str
) -> None:
    code, _, err = say(*(item.format(plan=plan) for item in arguments))
    assert code == 2
    assert why in " ".join(err.split())
    assert err.count("error: ") == 1
    assert "hint" in err
