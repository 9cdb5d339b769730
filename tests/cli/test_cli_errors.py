from __future__ import annotations

import re
from pathlib import Path

import pytest

from alexnet_bench.cli import main
from alexnet_bench.cli.main import run
from alexnet_bench.core.errors import BackendCrash

_STATIC = ("--static", "--quiet")
_BAD_INPUT = {
    "missing file": (["profile", "missing.onnx"], "does not exist"),
    "folder": (["profile", "folder.onnx"], "is a folder"),
    "not ONNX": (["profile", "text.onnx"], "text.onnx"),
    "empty": (["profile", "empty.onnx"], "is empty"),
    "truncated": (["profile", "truncated.onnx"], "truncated"),
    "external data missing": (["profile", "missing_data.onnx"], "weights.bin"),
    "external data outside": (["profile", "outside_data.onnx"], "outside"),
    "external data outside, counted": (["profile", "outside_data.onnx", "--static"], "outside"),
    "dynamic input": (["profile", "dynamic.onnx"], r"(?s)x.*--shape"),
    "unknown name": (["profile", "alexnet-2021"], "(?s)neither.*did you mean alexnet-2012"),
    "unknown model of onnx": (["profile", "onnx:nope"], "there is no onnx:nope"),
    "name too long": (["profile", "n" * 300], "neither a model's name nor a file"),
    "file name too long": (["profile", "n" * 300 + ".onnx"], "neither a model's name nor a file"),
    "no such option": (["profile", "--statik"], r"(?s)no such option: --statik.*hint:  alexnet-bench profile --help"),
    "no such command": (["profil"], "(?i)no such command .profil.*did you mean"),
    "a word for a number": (["profile", "good.onnx", "--top", "x"], "--top"),
    "unknown backend": (["profile", "good.onnx", "--backend", "onnxruntime-cp"], r"(?s)unknown.*onnxruntime-cpu"),
    "a run, counted": (["profile", "good.onnx", "--backend", "x", "--static"], "--backend would do nothing"),
    "a run, as formulas": (["profile", "good.onnx", "--symbolic", "--seconds", "1"], "--seconds would do nothing"),
    "unknown device": (["profile", "good.onnx", "--budget", "gtx-581"], "(?s)unknown device.*gtx-580"),
    "count of devices": (["profile", "good.onnx", "--budget", "gtx-580:0"], "whole number"),
    "batches": (["profile", "good.onnx", "--batch", "1,x"], "is not a list of batch sizes"),
    "batch of zero": (["profile", "good.onnx", "--batch", "0"], "is not a list of batch sizes"),
    "batch too large": (["profile", "lenet-5", "--batch", "99999999999"], "this machine has"),
    "shape": (["profile", "good.onnx", "--shape", "x=axb"], "is not a shape"),
    "shape twice": (["profile", "good.onnx", "--shape", "x=1x3x8x8", "--shape", "x=1"], "given twice"),
    "shape of nothing": (["profile", "good.onnx", "--shape", "nope=1"], "nope"),
    "shape that does not fit": (["profile", "good.onnx", "--shape", "x=1x3"], "x"),
    "seconds": (["profile", "good.onnx", "--seconds", "0"], "no time to measure"),
    "threads": (["profile", "good.onnx", "--threads", "0"], "0 threads"),
    "seed": (["profile", "good.onnx", "--seed", "-1"], "negative"),
    "output folder missing": (["profile", "good.onnx", "--json", "no/out.json"], r"(?s)does not exist.*mkdir -p no"),
    "output is a folder": (["profile", "good.onnx", "--markdown", "."], "is a folder"),
    "output unwritable": (["profile", "good.onnx", "--json", "/proc/out.json"], "cannot be written"),
    "output too long": (["profile", "good.onnx", "--json", "n" * 300], "File name too long"),
    "output is the model": (["profile", "--json", "good.onnx"], "would be replaced"),
    "output is a passport": (["profile", "good.onnx", "--json", "e.onnx.passport.json"], "has the name of"),
    "name of a model": (["profile", "--markdown", "none.onnx"], r"(?s)has the name of.*: --markdown FILE\.md"),
    "times called like a model": (["profile", "--export-times", "none.onnx"], r"option: --export-times FILE\.json"),
    "verdict called like a passport": (["verify", "x", "--json", "x.onnx.passport.json"], r"option: --json FILE\.json"),
    "output is an engine": (["profile", "good.onnx", "--markdown", "e.plan"], "an engine or its passport"),
    "two outputs on stdout": (["profile", "good.onnx", "--json", "-", "--markdown", "-"], "cannot both go"),
    "two on /dev/stdout": (["profile", "good.onnx", "--json", "-", "--markdown", "/dev/stdout"], "cannot both go"),
    "two outputs in one file": (["profile", "good.onnx", "--json", "a", "--markdown", "./a"], "cannot both go"),
    "unknown network": (["export", "alexnet-2021", "-o", "out.onnx"], "alexnet-2012"),
    "unknown initialisation": (["export", "lenet-5", "-o", "out.onnx", "--init", "x"], "initialisation"),
    "missing weights": (["export", "lenet-5", "-o", "out.onnx", "--weights", "no.pt"], "cannot be read"),
    "foreign weights": (["export", "lenet-5", "-o", "out.onnx", "--weights", "good.onnx"], "good.onnx"),
    "weights and a seed": (["export", "lenet-5", "-o", "o.onnx", "--weights", "w.pt", "--seed", "0"], "read or drawn"),
    "weights and a distribution": (["export", "lenet-5", "-o", "o.onnx", "--weights", "w.pt", "--init", "he"], "drawn"),
    "precision by another name": (["profile", "good.onnx", "--precision", "float16"], "did you mean fp16"),
    "precision in capitals": (["verify", "good.onnx", "--precision", "FP16"], "did you mean fp16"),
    "no name": (["profile", ""], "name of the model or engine is empty"),
    "folder of a model": (["profile", "alone", "--static"], r"(?s)alone is a folder.*alone/good\.onnx"),
    "report of a damaged passport": (["report", "passport.json"], "(?s)not a valid passport.*build the engine"),
    "batch against a shape": (
        ["profile", "dynamic.onnx", "--shape", "x=2x3x8x8", "--batch", "1"], "(?s)2x3x8x8 at batch 1.*x=1x3x8x8"),
    "channels": (["profile", "dynamic.onnx", "--shape", "x=1x4x8x8"], "(?s)1x4x8x8 does not fit.*numbers in the model"),
    "export over another's": (["export", "lenet-5", "-o", "good.onnx"], "good.onnx is there already"),
    "conversion over another's": (
        ["export", "good.onnx", "--opset", "18", "-o", "dynamic.onnx"], "dynamic.onnx is there already"),
    "conversion onto itself": (["export", "good.onnx", "--opset", "18", "-o", "./good.onnx"], "read by this very"),
    "report onto itself": (["report", "profile.json", "--markdown", "alone/../profile.json"], "read by this very"),
    "report onto a link": (["report", "profile.json", "--json", "linked.json"], "read by this very"),
    "profile onto its inputs": (
        ["profile", "good.onnx", "--inputs", "inputs", "--json", "inputs/x.npy"], "read by this very"),
    "profile among its inputs": (
        ["profile", "good.onnx", "--inputs", "inputs", "--json", "inputs/new.json"], "would lie in inputs, of which"),
    "profile onto its recipe": (
        ["profile", "good.onnx", "--recipe", "r.toml", "--json", "r.toml"], "read by this very"),
    "files of trtexec onto a recipe": (
        ["profile", "good.onnx", "--recipe", "r.toml", "--export-times", "r.toml"], "read by this very"),
    "files of trtexec onto JSON": (
        ["profile", "good.onnx", "--json", "out.json", "--export-times", "out.json"], "both go to one file"),
    "verify onto stored outputs": (
        ["verify", "outputs.json#engine", "--against", "good.onnx", "--json", "outputs.json"], "read by this very"),
    "build onto a recipe": (
        ["build-engine", "good.onnx", "--recipe", "r.toml", "--json", "r.toml"], "read by this very"),
    "count onto weights": (["profile", "weighted.onnx", "--static", "--json", "weighted.data"], "read by this very"),
    "times onto weights": (["profile", "weighted.onnx", "--export-times", "weighted.data"], "read by this very"),
    "build onto weights": (["build-engine", "weighted.onnx", "--json", "weighted.data"], "read by this very"),
    "verify onto weights": (
        ["verify", "good.onnx", "--against", "weighted.onnx", "--markdown", "weighted.data"], "read by this very"),
    "inspect onto weights": (
        ["inspect", "e.plan", "--model", "weighted.onnx", "--json", "weighted.data"], "read by this very"),
    "inspect onto what tells the layers": (
        ["inspect", "e.plan", "--markdown", "e.plan.layers.json"], "read by this very"),
    "export of a file": (["export", "good.onnx", "-o", "out.onnx"], "(?s)a model already.*--opset N"),
    "no such opset": (["export", "good.onnx", "-o", "out.onnx", "--opset", "6"], "(?s)no opset 6.*--opset 7 to"),
    "opset with weights": (["export", "good.onnx", "-o", "o.onnx", "--opset", "9", "--init", "he"], "the weights"),
    "opset of a network": (["export", "lenet-5", "-o", "out.onnx", "--opset", "17"], "at one opset"),
    "export unwritable": (["export", "lenet-5", "-o", "no/out.onnx"], "does not exist"),
    "report missing": (["report", "no.json"], "cannot be read"),
    "report of a folder": (["report", "."], "cannot be read"),
    "report of something else": (["report", "not_a_profile.json"], "is not a profile"),
    "report of a model": (["report", "good.onnx"], "good.onnx"),
    "report of a later version": (["report", "newer.json"], r"(?s)schema version 99.*with a newer alexnet-bench"),
    "report cut short": (["report", "cut.json"], "not JSON, or only a part"),
    "recipes of no backend": (["recipes", "openvin"], "(?s)unknown backend.*did you mean openvino"),
    "settings of all backends": (["profile", "good.onnx", "--backend", "all", "--set", "a=b"], "settings of its own"),
    "settings of a count": (["profile", "good.onnx", "--static", "--set", "arena=off"], "--set would do nothing"),
    "device": (["devices", "h10"], "(?s)unknown device.*h100"),
    "threads of ceilings": (["ceilings", "--threads", "-3"], "-3 threads"),
    "ceilings of nothing": (["ceilings", "--backend", "nope"], "unknown backend"),
}  # fmt: skip
_BAD_LINES = {
    "no command": ([], ""),
    "unknown command": (["profil"], "profile"),
    "model without command": (["good.onnx"], "To profile a model: alexnet-bench profile good.onnx"),
    "file with a dash": (["profile", "-d.onnx"], "./-d.onnx"),
    "unknown option": (["profile", "--bach", "1"], "--batch"),
    "option without value": (["profile", "--batch"], "argument"),
    "not a number": (["profile", "--threads", "x"], "--threads"),
    "top below zero": (["report", "x.json", "--top", "-1"], "--top"),
    "missing argument": (["report"], "FILE"),
    "too many arguments": (["report", "a", "b"], "b"),
}


@pytest.fixture(autouse=True)
def _here(files: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    for folder in ("alone", "inputs"):
        (files / folder).mkdir()
    (files / "alone" / "good.onnx").write_bytes((files / "good.onnx").read_bytes())
    for name in ("inputs/x.npy", "r.toml", "profile.json", "outputs.json", "e.plan", "e.plan.layers.json"):
        (files / name).write_text("{}")
    (files / "linked.json").hardlink_to(files / "profile.json")
    (files / "passport.json").write_text('{"schema": "alexnet-bench.passport", "schema_version": 1}')
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, environment[name])


@pytest.mark.parametrize("case", _BAD_INPUT)
def test_bad_input_is_one_message_with_a_hint(case: str, capsys: pytest.CaptureFixture[str], files: Path) -> None:
    arguments, expected = _BAD_INPUT[case]
    before = sorted(files.rglob("*"))
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = [line for line in shown.err.splitlines() if not line.startswith("... ")]
    assert re.search(expected, shown.err)
    assert lines[0].startswith("error: ")
    assert sum(line.startswith("error: ") for line in lines) == 1
    assert sum(line.startswith("hint:  ") for line in lines) == 1
    assert "Traceback" not in shown.err
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize("case", _BAD_LINES)
def test_a_bad_command_line_says_where_help_is(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, expected = _BAD_LINES[case]
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert expected in shown.err + shown.out
    assert "--help" in shown.err + shown.out
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("name", ["ours.toml", "ours.so"])
def test_a_recipe_that_goes_by_its_name_stays_with_its_libraries(
    name: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = files / "engines" / "recipes"
    recipes.mkdir(parents=True)
    (files / "alexnet-bench.toml").touch()
    (recipes / "ours.toml").write_text("[[plugins]]\npath = 'ours.so'\n")
    (recipes / "ours.so").write_text("a library")
    assert run(["build-engine", "good.onnx", "--recipe", "ours", "--json", f"engines/recipes/{name}"]) == 2
    assert "is read by this very command" in capsys.readouterr().err


def test_an_output_is_checked_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "good.onnx", "--json", "no/out.json"]) == 2
    assert "..." not in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["devices --json {}", "models --json {}", "recipes --json={}", "cache list --json {}", "doctor --json {}"]
)
def test_a_file_behind_the_flag_json_is_told_where_it_goes(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.format("out.json").split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    command = line.partition(" --json")[0]
    assert shown.err.endswith(f"Here --json prints, and takes no FILE: alexnet-bench {command} --json > out.json\n")


def test_an_option_that_takes_a_file_is_none_of_these(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("report no.json --json out.json", "devices --json h10", "profile missing.onnx --json out.json"):
        assert run(line.split()) == 2
        assert "Here --json" not in capsys.readouterr().err


def test_debug_shows_the_traceback_and_keeps_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "no.json"], debug=True) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-2].startswith("error: no.json cannot be read")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_may_stand_anywhere(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["report", "no.json"]
    arguments.insert(place, "--debug")
    with pytest.raises(SystemExit) as caught:
        main.main(arguments)
    assert caught.value.code == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BackendCrash("the worker died", "try again"), 5, "error: the worker died\nhint:  try again\n"),
        (BackendCrash("one\ntwo\x1b[2J"), 5, "error: one\ntwo\\x1b[2J\n"),
        (ValueError("odd"), 5, "error: internal error: ValueError: odd\nhint:  this is a bug; "),
        (MemoryError(), 2, "error: there is not enough memory\nhint:  "),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
    ids=repr,
)
def test_exit_codes(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("alexnet_bench.core.devices.load_devices", fails)
    assert run(["devices"]) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_a_name_on_the_command_line_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["profile", "\x1b[2J.onnx"],
        ["devices", "\x1b[2J"],
        ["profile", "good.onnx", "--json", "\x1b/x"],
    ):
        assert run(arguments) == 2
        assert "\x1b" not in capsys.readouterr().err
