from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def test_counts_as_formulas(cli: Cli, files: Path) -> None:
    done = cli("profile", "dynamic.onnx", "--symbolic", "--json", "out.json", "--markdown", "out.md")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "dynamic · counted as formulas · x batchx3xheightxwidth"
    assert "flop      3*batch*height*width" in lines
    fields = json.loads((files / "out.json").read_text(encoding="utf-8"))
    assert fields["schema"] == "alexnet-bench.symbolic-counts"
    assert fields["dimensions"] == ["batch", "height", "width"]
    assert (files / "out.md").read_text(encoding="utf-8").startswith("### dynamic")
    assert cli("report", "out.json").stdout == done.stdout


def test_json_on_standard_output_is_all_that_is_there(cli: Cli, files: Path) -> None:
    assert files.is_dir()
    arguments = ("profile", "dynamic.onnx", "--symbolic", "--batch", "2", "--shape", "height=8", "--json", "-")
    done = cli(*arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["work"]["flop"]["text"] == "48*width"
    assert "flop      48*width" in done.stderr
    assert cli(*arguments, "--quiet").stderr == ""


def test_a_model_without_open_dimensions_has_numbers_for_formulas(cli: Cli, files: Path) -> None:
    assert files.is_dir()
    done = cli("profile", "good.onnx", "--symbolic", "--json", "-")
    assert done.returncode == 0, done.stderr
    fields = json.loads(done.stdout)
    assert (fields["dimensions"], fields["warnings"][0]["code"]) == ([], "no-dimensions")
    assert fields["totals"]["work"]["flop"]["text"].replace(",", "").isdigit()
    assert "no dimension of the inputs is open" in done.stderr


def test_wrong_use_is_one_message_and_a_hint(cli: Cli, files: Path) -> None:
    assert files.is_dir()
    for arguments, message, hint in (
        (("dynamic.onnx", "--batch", "1,2"), "error: a formula holds for every batch", "hint:  leave --batch out"),
        (("dynamic.onnx", "--shape", "depth=2"), "error: dynamic: the model has no input and no dimension", "hint:"),
    ):
        done = cli("profile", *arguments, "--symbolic")
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert hint in done.stderr
