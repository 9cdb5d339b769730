"""build-engine, inspect and cache as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from alexnet_bench.cli.cache import size_bytes
from alexnet_bench.core.errors import UsageError
from tests.cli.conftest import COMMAND, Cli, Say

_ORT = ("--backend", "onnxruntime-cpu")


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """A cache that no other test sees."""
    return {"XDG_CACHE_HOME": str(tmp_path / "own")}


def test_a_build_prints_what_it_built_and_then_finds_it(cli: Cli, own: dict[str, str]) -> None:
    first = cli("build-engine", "lenet-5", *_ORT, **own)
    assert first.returncode == 0, first.stderr
    assert "asked for fp32; computed: " in first.stdout
    assert "built in" in first.stdout
    assert "building lenet-5 by recipe onnxruntime-cpu-fp32" in first.stderr
    second = cli("build-engine", "lenet-5", *_ORT, **own)
    assert "in the cache since" in second.stdout
    assert second.stderr == ""


def test_the_passport_goes_to_standard_output(cli: Cli, tmp_path: Path) -> None:
    done = cli("build-engine", "lenet-5", *_ORT, "-o", "out.onnx", "--json", "-", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    passport = json.loads(done.stdout)
    assert passport["schema"] == "alexnet-bench.passport"
    assert passport["path"] == str(tmp_path / "out.onnx")
    assert json.loads((tmp_path / "out.onnx.passport.json").read_text()) == passport


@pytest.mark.usefixtures("here")
def test_a_passport_is_shown_again_as_it_was_written(say: Say, tmp_path: Path) -> None:
    code, shown, _ = say("build-engine", "lenet-5", *_ORT, "--rebuild", "--json", "p.json")
    assert code == 0
    assert say("report", "p.json")[:2] == (0, shown)
    assert say("report", "p.json", "--quiet", "--json", "-")[1] == (tmp_path / "p.json").read_text()
    found = say("report", "p.json", "--quiet", "--markdown", "-")[1]
    key = json.loads((tmp_path / "p.json").read_text())["key"][:12]
    assert found.startswith(f"### Engine {key}\n")
    assert "| types | asked for fp32; computed: " in found
    assert say("report", "p.json", "--top", "3")[0] == 2


@pytest.mark.usefixtures("here")
def test_silent_float32_exits_with_1_and_names_the_layers(say: Say) -> None:
    code, out, err = say("build-engine", "lenet-5", *_ORT, "--precision", "fp16", "--quiet")
    assert (code, out) == (1, "")
    assert "error: fp16 was asked for, and " in err
    assert "conv1" in err
    assert "fc5" in err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("build-engine nothing", "neither a model's name nor a file"),
        ("build-engine lenet-5 --recipe fp23", "unknown recipe"),
        ("build-engine lenet-5 --precision fp12", "unknown precision"),
        ("build-engine lenet-5 --tune --tune-seconds 0", "0 s is no time to tune in"),
        ("build-engine lenet-5 --tune-seconds 5", "which is not there"),
        ("build-engine lenet-5 --backend onnxruntime-cuda --tune", "onnxruntime-cuda"),
        ("build-engine lenet-5 --batch 0", "whole number from 1"),
        ("build-engine lenet-5 --shape x", "is not a shape"),
        ("build-engine lenet-5 --min input=1", "the range of input is not whole"),
        (
            "build-engine lenet-5 --min y=1 --opt input=1 --max input=1",
            "the model has no input named y; it has input",
        ),
        (
            "build-engine lenet-5 --min y=1 --opt y=1 --max y=1",
            "the model has no input named y; it has input\nhint:  give one of these --min, --opt and --max, all three",
        ),
        (
            "build-engine lenet-5 --min input=1 --min input=9 --opt input=2 --opt input=9 --max input=4",
            "optimisation profile 2: the shapes of input: min, opt and max have to be in order",
        ),
        ("build-engine lenet-5 --min x=1 --opt x=1 --max x", "write --max NAME="),
        (
            "build-engine lenet-5 --min x=1 --min x=2 --opt x=1 --opt x=2 --opt x=3 --max x=9",
            "sizes are given for 2 and 3 optimisation profiles",
        ),
        ("build-engine lenet-5 --batch 2 --min input=1 --opt input=1 --max input=1", "sizes are given twice"),
        (
            "build-engine lenet-5 --backend onnxruntime-cpu --min x=1 --opt x=1 --max x=1 --max x=2",
            "takes one range of sizes, and is given 2 optimisation profiles",
        ),
        ("build-engine lenet-5 --plugins none.so", "the plugin library none.so cannot be read: No such file"),
        ("build-engine lenet-5 --plugins=", "the name of a plugin library is empty"),
        ("build-engine lenet-5 --plugins good.onnx", "the plugin library good.onnx is no shared library"),
        ("build-engine lenet-5 --builds 0", "0 builds cannot be compared"),
        ("build-engine lenet-5 --set strip", "is not a setting"),
        ("build-engine lenet-5 --set a=1 --set a=2", "the setting a is given twice"),
        ("build-engine lenet-5 --set compute_capability=89 --target 86", "compute_capability is given twice"),
        ("build-engine lenet-5 --backend onnxruntime-cpu --target 86", "give --backend tensorrt-rtx"),
        ("build-engine lenet-5 --target 86 --target=", "--target names no compute capability"),
        (
            "build-engine lenet-5 --backend onnxruntime-cpu --set spinning=maybe",
            "spinning of onnxruntime-cpu cannot be",
        ),
        ("build-engine lenet-5 --backend onnxruntime-cpu -o good.onnx", "is there already, is no engine of this tool"),
        ("build-engine good.onnx --pass fp8", "there is no pass named fp8"),
        ("build-engine none.onnx --recipe misspelt.toml", "passes: unknown pass 'fold-constant'"),
        ("build-engine lenet-5 --backend onnxruntime-cpu --set threads=9999", "9,999 threads cannot be used on"),
        ("build-engine lenet-5 -o out.txt", "not the name of an engine"),
        ("build-engine lenet-5 --backend onnxruntime-cpu -o out", "end its name in .onnx"),
        ("build-engine lenet-5 --json model.onnx", "has the name of a model"),
        ("inspect nothing", "there is no engine nothing"),
        ("inspect good.onnx", "has no passport"),
        ("inspect folder.onnx", "has no passport"),
        ("cache", "missing argument"),
        ("cache clear", "knows no 'clear'"),
        ("cache list --all", "removes nothing"),
        ("cache prune --all --max-size 1GB", "leaves nothing"),
        ("cache prune --max-size much", "is not a size"),
        ("cache prune --max-size 10", "has no unit\nhint:  write --max-size 10GiB"),
    ],
)
def test_wrong_use_is_one_message(say: Say, files: Path, line: str, message: str) -> None:
    Path("misspelt.toml").write_text('passes = ["fold-constant"]\n')
    code, out, err = say(*line.split())
    assert (code, out) == (2, "")
    assert message in err
    assert files.is_dir()


@pytest.mark.usefixtures("here")
def test_a_broken_recipe_names_the_file(say: Say, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("pases = []\n")
    code, _, err = say("build-engine", "lenet-5", "--recipe", "mine.toml")
    assert code == 2
    assert "the recipe mine.toml is not valid: it has an unknown field 'pases'" in err
    assert "did you mean passes?" in err


@pytest.mark.usefixtures("here")
def test_a_recipe_of_the_workspace_is_found_by_name(say: Say, tmp_path: Path) -> None:
    (tmp_path / "alexnet-bench.toml").touch()
    (tmp_path / "engines" / "recipes").mkdir(parents=True)
    (tmp_path / "engines" / "recipes" / "ours.toml").write_text('title = "ours"\n[batch]\nmin=1\nopt=2\nmax=2\n')
    code, out, _ = say("build-engine", "lenet-5", *_ORT, "--recipe", "ours", "--json", "-", "--quiet")
    assert code == 0
    passport = json.loads(out)
    assert passport["recipe"]["batch"] == {"min": 1, "opt": 2, "max": 2}
    assert passport["requested_precision"] is None
    assert Path(passport["path"]).is_relative_to(tmp_path / "engines" / "cache")


@pytest.mark.usefixtures("here")
def test_an_engine_is_shown_as_table_json_and_markdown(say: Say, tmp_path: Path) -> None:
    say("build-engine", "lenet-5", *_ORT, "-o", "out.onnx", "--quiet")
    code, out, err = say("inspect", "out.onnx")
    assert (code, err) == (0, "")
    assert "lenet-5 · onnxruntime-cpu" in out
    assert "416,520 MAC" in out
    assert "predicted   2 x gtx-580: " in out
    assert "may be used on this machine" in out
    shown = ("--json", "-", "--markdown", "out.md", "--budget", "h100", "--budget", "gtx-580:2")
    code, out, err = say("inspect", "out.onnx", *shown)
    assert code == 0
    assert "416,520 MAC" in err
    inspection = json.loads(out)
    assert inspection["schema"] == "alexnet-bench.inspection"
    assert [(line["device"], line["count"], line["kind"]) for line in inspection["predicted"]] == [
        ("h100", 1, "predicted"),
        ("gtx-580", 2, "predicted"),
    ]
    assert {len(layer["predicted"]) for layer in inspection["layers"]} == {2}
    markdown = (tmp_path / "out.md").read_text()
    assert markdown.count("\n| ") == len(inspection["layers"]) + 13
    assert "| predicted h100 | bound | predicted gtx-580:2 | bound |" in markdown
    (tmp_path / "out.json").write_text(out)
    code, again, _ = say("report", "out.json")
    assert (code, again) == (0, err)


@pytest.mark.usefixtures("here")
def test_layers_to_show_are_those_that_take_longest(say: Say) -> None:
    say("build-engine", "lenet-5", *_ORT, "-o", "out.onnx", "--quiet")
    code, out, _ = say("inspect", "out.onnx", "--top", "2", "--budget", "rtx-4090")
    assert code == 0
    assert "more with " in out
    assert "of the time predicted for rtx-4090; --top 0 shows all" in out
    assert "more with " not in say("inspect", "out.onnx", "--top", "0")[1]


@pytest.mark.usefixtures("here")
def test_engines_stand_beside_each_other_on_each_device(say: Say, tmp_path: Path) -> None:
    say("build-engine", "lenet-5", *_ORT, "-o", "fp32.onnx", "--quiet")
    say("build-engine", "lenet-5", "--backend", "openvino", "--precision", "bf16", "-o", "bf16.onnx", "--quiet")
    budgets = ("--budget", "gtx-580:2", "--budget", "rtx-4090")
    code, out, err = say("inspect", "fp32.onnx", "bf16.onnx", *budgets, "--json", "both.json")
    assert (code, err) == (0, "")
    rows = [line.split()[:5] for line in out.splitlines()[1:5]]
    assert rows == [
        ["fp32.onnx", "float32", "2", "x", "gtx-580"],
        ["fp32.onnx", "float32", "1", "x", "rtx-4090"],
        ["bf16.onnx", "bfloat16", "2", "x", "gtx-580"],
        ["bf16.onnx", "bfloat16", "1", "x", "rtx-4090"],
    ]
    assert "no total   bf16.onnx on 2 x gtx-580: no published peak for bfloat16" in out
    found = json.loads((tmp_path / "both.json").read_text())
    assert found["schema"] == "alexnet-bench.inspection-set"
    assert [item["passport"]["requested_precision"] for item in found["inspections"]] == ["fp32", "bf16"]
    assert say("report", "both.json")[1] == out


@pytest.mark.usefixtures("here")
def test_an_engine_is_shown_on_a_machine_without_its_runtime(cli: Cli, tmp_path: Path) -> None:
    assert cli("build-engine", "lenet-5", *_ORT, "-o", "out.onnx", "--quiet").returncode == 0
    passport = json.loads((tmp_path / "out.onnx.passport.json").read_text())
    passport["backend"] = passport["recipe"]["backend"] = "another"
    (tmp_path / "out.onnx.passport.json").write_text(json.dumps(passport))
    done = cli("inspect", "out.onnx")
    assert done.returncode == 0
    assert "foreign: built for backend another" in done.stdout


@pytest.mark.usefixtures("here")
def test_a_model_is_not_replaced_by_its_engine(say: Say, files: Path) -> None:
    before = (files / "good.onnx").read_bytes()
    code, _, err = say("build-engine", "good.onnx", *_ORT, "-o", "./good.onnx")
    assert code == 2
    assert "would be replaced" in err
    assert (files / "good.onnx").read_bytes() == before


@pytest.mark.usefixtures("here")
def test_a_damaged_engine_is_one_message(say: Say, tmp_path: Path) -> None:
    say("build-engine", "lenet-5", *_ORT, "-o", "out.onnx", "--quiet")
    content = (tmp_path / "out.onnx").read_bytes()
    (tmp_path / "out.onnx").write_bytes(content[:-1])
    code, _, err = say("inspect", "out.onnx")
    assert code == 2
    assert "is damaged" in err
    assert "--rebuild" in err


def test_the_cache_is_listed_and_pruned(cli: Cli, own: dict[str, str], tmp_path: Path) -> None:
    assert "0 items" in cli("cache", "list", **own).stdout
    cli("build-engine", "lenet-5", *_ORT, "--quiet", **own)
    listed = cli("cache", "list", **own).stdout
    assert "onnxruntime-cpu-fp32" in listed
    assert "network" in listed
    entries = json.loads(cli("cache", "list", "--json", **own).stdout)["entries"]
    assert sorted(entry["kind"] for entry in entries) == ["engine", "network"]
    assert "2 items" in cli("cache", "prune", **own).stdout
    assert "removed the above" in cli("cache", "prune", "--all", **own).stdout
    assert "0 items" in cli("cache", "list", **own).stdout
    assert list((tmp_path / "own" / "alexnet-bench" / "engines").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_build_leaves_nothing_behind(
    cli: Cli, own: dict[str, str], environment: dict[str, str], tmp_path: Path, number: int
) -> None:
    root = tmp_path / "own" / "alexnet-bench" / "engines"
    process = subprocess.Popen(
        [*COMMAND, "build-engine", "onnx:vgg19", *_ORT, "--quiet"], env=environment | own, cwd=tmp_path
    )
    deadline = time.monotonic() + 30
    while not list(root.glob(".*.partial/engine.onnx")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.wait(30)
    assert list(root.glob("[!.]*")) == []
    assert cli("build-engine", "lenet-5", *_ORT, "--quiet", **own).returncode == 0
    assert [path.name for path in root.glob(".*")] == []
    assert len(list(root.iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096 B", 4096), ("10GiB", 10 << 30), ("500MB", 500_000_000), ("1.5 kib", 1536), ("7B", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1e9", "1 2", "10 giga", "10", "0.5"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        size_bytes(text)


def test_a_search_that_is_killed_leaves_the_engine_untuned_and_usable(
    environment: dict[str, str], own: dict[str, str], cli: Cli, tmp_path: Path
) -> None:
    assert cli("build-engine", "lenet-5", *_ORT, "--quiet", **own).returncode == 0
    (stored,) = (tmp_path / "own").glob("**/passport.json")
    before = stored.read_bytes()
    line = [*COMMAND, "build-engine", "lenet-5", *_ORT, "--tune", "--tune-seconds", "60"]
    with subprocess.Popen(
        line, env=environment | own, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as search:
        assert search.stderr is not None
        assert "tuning, round 1" in search.stderr.readline()
        time.sleep(0.5)
        search.send_signal(signal.SIGKILL)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir() if path.name.startswith(".")] == []
    again = cli("build-engine", "lenet-5", *_ORT, "--tune", "--tune-seconds", "3", **own)
    assert again.returncode == 0, again.stderr
    assert "\ntuned " in again.stdout
    assert json.loads(stored.read_text())["tuning"]["seconds"] == 3
