"""`profile --backend all` and `--backend fastest` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Say
from tests.unit.workflows.verify_models import network, write


@pytest.mark.usefixtures("here")
def test_all_is_one_table_and_fastest_takes_its_choice(tmp_path: Path, cli: Cli, say: Say) -> None:
    model = str(write(tmp_path / "model.onnx", network()))
    code, out, err = say("profile", model, "--backend", "all", "--seconds", "0.02", "--json", "c.json")
    assert code == 0, err
    found = json.loads((tmp_path / "c.json").read_text())
    assert (found["schema"], found["schema_version"]) == ("alexnet-bench.contest", 1)
    case = found["cases"][0]
    ran = [(entry["backend"], entry["precision"]) for entry in case["entries"] if entry["latency"]]
    assert {("onnxruntime-cpu", None), ("onnxruntime-cpu", "fp32"), ("openvino", None), ("openvino", "fp32")} == {*ran}
    winner = case["entries"][case["fastest"]]
    assert "error  allowed" in out
    last = out.split("fastest within the tolerance: ")[1]
    assert last.startswith(f"{winner['backend']} {winner['precision'] or 'as given'}")
    assert "not here  torch as given: torch runs no ONNX files" in out
    assert "... latency of 4 entries in turns, round 5 of 5" in err

    again = cli("report", "c.json", "--markdown", "c.md")
    assert again.stdout == out
    assert "**fastest within the tolerance: " in (tmp_path / "c.md").read_text()

    fastest = cli("profile", model, "--backend", "fastest", "--seconds", "0.02", "--json", "p.json")
    assert fastest.returncode == 0, fastest.stderr
    assert "is taken from the cache" in fastest.stderr
    assert "entries in turns" not in fastest.stderr
    assert f"... batch 1: {winner['backend']}, " in fastest.stderr
    profile = json.loads((tmp_path / "p.json").read_text())
    assert profile["engine"]["backend"] == winner["backend"]
    assert profile["engine"]["passport_key"] == winner["passport_key"]
    assert profile["layers"]


@pytest.mark.usefixtures("here")
def test_all_precisions_of_one_backend_beside_stock(tmp_path: Path, say: Say) -> None:
    model = str(write(tmp_path / "one.onnx", network()))
    code, out, err = say(
        "profile", model, "--backend", "onnxruntime-cpu", "--precision", "all", "--seconds", "0.02", "--json", "-", "-q"
    )
    assert code == 0
    assert err == ""
    entries = json.loads(out)["cases"][0]["entries"]
    assert {entry["backend"] for entry in entries} == {"onnxruntime-cpu"}
    assert {"fp32", "fp16", "bf16", None} == {entry["precision"] for entry in entries}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "all", "--static"], "--static runs nothing that could be compared"),
        (["--backend", "fastest", "--static"], "--static runs nothing that could be compared"),
        (["--backend", "all", "--recipe", "fp32"], "follow the usual recipe"),
        (["--backend", "fastest", "--no-optimize"], "follow the usual recipe"),
        (["--backend", "all", "--precision", "fp12"], "unknown precision 'fp12'"),
        (["--backend", "all", "--batch", "4"], "batch"),
        (["--backend", "all", "--tolerance", "-1"], "is no tolerance"),
        (["--tolerance", "0.1"], "serves --backend all and fastest"),
    ],
)
def test_wrong_use_is_2_with_a_reason(options: list[str], message: str, tmp_path: Path, say: Say) -> None:
    model = str(write(tmp_path / "model.onnx", network()))
    code, out, err = say("profile", model, *options, "--quiet")
    assert (code, out) == (2, "")
    assert message in err
    assert "hint:  " in err
