"""`alexnet-bench verify` on the command line: exit codes, and what goes where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Say
from tests.unit.workflows.verify_models import network, write

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def right(tmp_path: Path) -> str:
    return str(write(tmp_path / "right.onnx", network()))


def test_passed_is_0_and_the_table_goes_to_standard_output(right: str, say: Say) -> None:
    code, out, err = say("verify", right)
    assert code == 0
    assert "passed: within 0.0001 on 16 inputs" in out
    assert "... running the engine on 16 inputs" in err


def test_failed_is_1_and_the_node_is_named_in_the_json(right: str, tmp_path: Path, say: Say) -> None:
    wrong = str(write(tmp_path / "wrong.onnx", network(no_relu=True)))
    code, out, err = say("verify", wrong, "--against", right, "--json", "-")
    assert code == 1
    document = json.loads(out)
    assert (document["schema"], document["schema_version"]) == ("alexnet-bench.verification", 1)
    assert (document["verdict"], document["first_bad"]["nodes"]) == ("failed", ["relu1"])
    assert "first bad node" in err


def test_a_stored_verification_is_shown_again(right: str, tmp_path: Path, say: Say) -> None:
    file = tmp_path / "v.json"
    _, first, _ = say("verify", right, "--json", str(file), "--quiet")
    assert first == ""
    code, out, _ = say("report", str(file), "--markdown", "-")
    assert code == 0
    assert "right: passed" in out


def test_inconclusive_is_3(right: str, say: Say) -> None:
    code, _, err = say("verify", right, "--tolerance", "3", "--json", "-")
    assert code == 3
    assert "inconclusive" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nothing"], "neither a model's name nor a file"),
        (["RIGHT", "--against", "nothing.json"], "cannot be read"),
        (["RIGHT", "--precision", "fp12"], "unknown precision"),
        (["RIGHT", "--count", "3"], "3 inputs are too few"),
        (["RIGHT", "--save-outputs", "RIGHT"], "right.onnx is a model, an engine or its passport"),
        (
            ["RIGHT", "--save-outputs", "a.json", "--json", "./a.json"],
            "--json and --save-outputs cannot both go to one",
        ),
        (["RIGHT", "--pixels", "3"], "is not a range"),
        (["RIGHT", "--pixels", "3:1"], "is not a range"),
        (["RIGHT", "--inputs", "."], "holds no inputs"),
        (["RIGHT", "--save-outputs", "none/file.json"], "does not exist"),
        (["RIGHT", "--backend", "nope"], "unknown backend"),
    ],
)
def test_wrong_use_is_2_with_a_reason(options: list[str], message: str, right: str, tmp_path: Path, say: Say) -> None:
    (tmp_path / "empty").mkdir()
    given = [right if option == "RIGHT" else str(tmp_path / "empty") if option == "." else option for option in options]
    code, out, err = say("verify", *given, "--quiet")
    assert (code, out) == (2, "")
    assert message in err
    assert "hint:  " in err


def test_help_needs_nothing(cli: Cli) -> None:
    done = cli("verify", "--help")
    assert done.returncode == 0
    assert "fp32 1e-4, tf32 and fp16 1e-2, bf16 5e-2, int8 1e-1" in " ".join(done.stdout.split())
