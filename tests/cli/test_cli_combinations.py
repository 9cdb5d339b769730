"""Every option in every way to use a command: it means something there, or is refused; none is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from alexnet_bench import VerifyOptions, verify
from alexnet_bench.cli.main import application
from tests.cli.conftest import Say
from tests.unit.workflows.foreign_plans import rtx_head
from tests.unit.workflows.verify_models import network, write

pytestmark = pytest.mark.usefixtures("here")

_TRTEXEC = Path(__file__).parents[1] / "data" / "trtexec" / "resnet18-fp16"
_SWITCHES = {"--static", "--symbolic", "--optimize", "--cuda-python", "--top1", "--no-search", "--host-code"}
_VALUES = {
    "--backend": "openvino", "--precision": "fp32", "--recipe": "fp32", "--tolerance": "0.5", "--batch": "1",
    "--shape": "x=1x3x16x16", "--threads": "1", "--seconds": "0.1", "--budget": "gtx-580:1", "--seed": "1",
    "--inputs": "inputs", "--timeout": "60", "--top": "3", "--model": "m.onnx", "--export-times": "t",
    "--export-profile": "t", "--export-layer-info": "t", "--count": "17", "--pixels": "0:2", "--save-inputs": "s.json",
    "--save-outputs": "s.json", "--against": "m.onnx", "--layer-info": "l.json", "--set": "arena=off",
}  # fmt: skip
_EVERYWHERE = {"--json", "--markdown", "--quiet"}
_COUNTS = ("--static", "--symbolic")
_EXPORTS = {"--export-times", "--export-profile", "--export-layer-info"}
_CONTEST = {"--backend", "--precision", "--tolerance", "--batch", "--shape", "--threads", "--seconds", "--seed"}
_VERIFICATION = {"--against", "--precision", "--tolerance", "--top1", "--no-search", "--save-outputs"}
_MADE_UP = {"--count", "--batch", "--shape", "--seed", "--pixels"}
_RUN = {"--backend", "--inputs", "--threads", "--timeout", "--save-inputs"}
_USED = {
    "profile m.onnx --static": {"--static", "--symbolic", "--batch", "--shape", "--budget", "--top"},
    "profile m.onnx --symbolic": {"--static", "--symbolic", "--batch", "--shape", "--top"},
    "profile m.onnx --backend all": {*_CONTEST, "--timeout"},
    "profile m.onnx --precision all": {*_CONTEST, "--timeout"},
    "profile m.onnx --backend fastest": {*_CONTEST, "--timeout", "--budget", "--top"},
    f"profile trtexec:{_TRTEXEC}": {"--model", "--batch", "--shape", "--top", *_EXPORTS},
    f"profile trtexec:{_TRTEXEC} --model onnx:resnet50": {
        "--model", "--batch", "--shape", "--top", "--budget", *_EXPORTS},
    "verify m.onnx": _VERIFICATION | _MADE_UP | _RUN,
    "verify m.onnx --inputs inputs.json": _VERIFICATION | _RUN,
    "verify stored.json --against m.onnx --inputs inputs.json": (_VERIFICATION | _RUN) - {"--backend"},
    "verify stored.json --against stored.json": _VERIFICATION,
    "inspect theirs.plan": {"--model", "--layer-info", "--shape", "--top"},
    "report verification.json": set(),
    "report profile.json": {"--top"},
}  # fmt: skip
"""What means something, beside the outputs; every other option of the command is refused."""


_PREDICTS = "--budget predicts times of what is counted, and without the model nothing is"
_SERVES = "--tolerance serves --backend all and fastest"
_FORMULAS = "formulas are compared with nothing: {} would do nothing"
_STATIC, _SYMBOLIC = (f"{asked} runs nothing and builds no engine: {{}} would do nothing" for asked in _COUNTS)
_COMPARED = {
    "--budget": "a contest shows no layers and no predicted times: {} would do nothing",
    "--top": "a contest shows no layers and no predicted times: {} would do nothing",
    "--cuda-python": "--cuda-python and --pycuda are for one backend",
    "--host-code": "--host-code is for one engine without a passport",
    "--inputs": "entries are compared on inputs that are generated",
    "--model": "a contest is held with a model: {} would do nothing",
    "--optimize": "engines that are compared follow the usual recipe of their backend and precision",
    "--recipe": "engines that are compared follow the usual recipe of their backend and precision",
    "--set": "each backend has settings of its own",
    "--static": "--static runs nothing that could be compared",
}
_EXPORTED = dict.fromkeys(_EXPORTS, "files of trtexec hold one run with one batch")
_TOLD = "inputs that are read have their own values and sizes: {} would do nothing"
_COUNTS_MODEL = "--symbolic counts a model, and trtexec:DIR is a run"
_SAID: dict[str, dict[str, str]] = {
    "profile m.onnx --static": {
        **_EXPORTED,
        "--model": "--model m.onnx is for files of trtexec, and for engines without a passport",
        "--tolerance": _SERVES,
        "": _STATIC,
    },
    "profile m.onnx --symbolic": {
        **_EXPORTED, **dict.fromkeys(("--budget", "--model", "--tolerance"), _FORMULAS), "": _SYMBOLIC},
    "profile m.onnx --backend": {**_EXPORTED, **_COMPARED, "--symbolic": _SYMBOLIC.format("--backend")},
    "profile m.onnx --precision": {**_EXPORTED, **_COMPARED, "--symbolic": _SYMBOLIC.format("--precision")},
    f"profile trtexec:{_TRTEXEC} --model": {
        "--symbolic": _COUNTS_MODEL,
        "--tolerance": _SERVES,
        "": "trtexec has run already: {} cannot be had from its files",
    },
    f"profile trtexec:{_TRTEXEC}": {
        "--budget": _PREDICTS,
        "--symbolic": _COUNTS_MODEL,
        "--tolerance": _SERVES,
        "": "trtexec has run already: {} cannot be had from its files",
    },
    "verify m.onnx": {"": _TOLD},
    "verify stored.json --against m.onnx": {
        "--backend": "nothing runs outputs that are stored: {} would do nothing", "": _TOLD},
    "verify stored.json --against stored.json": {
        "": "two sides of stored outputs are compared as they are: {} would do nothing"},
    "inspect theirs.plan": {
        "--budget": _PREDICTS, "--host-code": "engines of tensorrt-rtx carry no code that they could run"},
    "report verification.json": {"--top": "of this document no layers are shown: {} would do nothing"},
}  # fmt: skip
"""What is said of an option, by how the line begins; of all others of that line under no name."""


def _wording(line: str, option: str) -> str:
    said = _SAID[max((start for start in _SAID if line.startswith(start)), key=len)]
    typed = "--[no-]optimize" if option == "--optimize" else option
    return said.get(option, said.get("", "")).format(typed)


def _refused() -> list[tuple[str, str]]:
    found = []
    for line, used in _USED.items():
        command = get_command(application(line.split()[0]))
        of = command.commands[line.split()[0]]  # type: ignore[attr-defined]
        options = {param.opts[0] for param in of.params if param.param_type_name == "option"} - {"--help"}
        assert used <= options
        found += [(line, option) for option in sorted(options - used - _EVERYWHERE)]
    return found


@pytest.mark.parametrize(("line", "option"), _refused())
def test_an_option_that_would_do_nothing_is_refused(line: str, option: str, say: Say, tmp_path: Path) -> None:
    model = str(write(tmp_path / "m.onnx", network()))
    (tmp_path / "inputs").mkdir()
    rtx_head(tmp_path / "theirs.plan")
    said = _wording(line, option)
    if "json" in line:
        stored = VerifyOptions(save_outputs=tmp_path / "both.json", save_inputs=tmp_path / "inputs.json", search=False)
        say("verify", model, "--json", "verification.json") if "report" in line else verify(model, options=stored)
        line = line.replace("stored.json", "both.json#engine", 1).replace("stored.json", "both.json#reference")
    value = [] if option in _SWITCHES else [_VALUES[option]]
    code, out, err = say(*line.split(), option, *value)
    assert (code, out) == (2, "")
    told, _, hint = err.partition("\nhint:  ")
    assert said
    assert told.splitlines()[-1].removeprefix("error: ") == said
    assert hint.strip()
    assert "... latency" not in err
    assert "... running" not in err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("profile m.onnx --backend fastest --budget gtx-581", "unknown device"),
        ("profile m.onnx --backend fastest --seconds 9999", "no time to measure for"),
        ("profile m.onnx --precision fp32 --backend openvino --pycuda", "openvino manages its own memory"),
        ("profile m.onnx --recipe openvino-fp32 --pycuda", "openvino manages its own memory"),
        ("profile m.onnx --host-code", "--host-code is for engines of TensorRT without a passport"),
        ("profile m.onnx --backend all --host-code", "--host-code is for one engine without a passport"),
        ("profile m.onnx --symbolic --budget gtx-580:2 --model m.onnx", "--budget, --model would do nothing"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_built_or_measured(
    line: str, said: str, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("engines.subject.build_engine", "contests.choice.contest"):
        monkeypatch.setattr(f"alexnet_bench.workflows.{step}", lambda *_, **__: pytest.fail("too late"))
    write(tmp_path / "m.onnx", network())
    code, _, err = say(*line.split())
    assert code == 2
    assert said in err


def test_pixels_are_refused_where_no_input_is_an_image(say: Say, tmp_path: Path) -> None:
    from tests.unit.workflows.test_workflows_verify import attention

    code, _, err = say("verify", str(write(tmp_path / "m.onnx", attention(1.0))), "--pixels", "0:1")
    assert (code, "no input is an image" in err) == (2, True)
