"""Files of trtexec on the command line: read, written, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Say

_DATA = Path(__file__).parents[1] / "data" / "trtexec"
_EXPORTS = ("--export-times", "t.json", "--export-profile", "p.json", "--export-layer-info", "l.json")


def test_a_run_of_trtexec_is_shown_and_kept(say: Say, tmp_path: Path) -> None:
    code, out, err = say("profile", f"trtexec:{_DATA / 'resnet18-fp16'}", "--json", str(tmp_path / "r.json"))
    assert code == 0, err
    assert "resnet18-fp16 · tensorrt · float16 · batch 32" in out
    assert "give --model" in out
    assert json.loads((tmp_path / "r.json").read_text())["totals"]["macs"] is None
    assert say("report", str(tmp_path / "r.json"))[:2] == (0, out)


def test_what_is_written_is_read_again(say: Say, tmp_path: Path) -> None:
    exports = [item if item.startswith("--") else str(tmp_path / item) for item in _EXPORTS]
    assert say("profile", f"trtexec:{_DATA / 'resnet18-fp16'}", "-q", *exports)[0] == 0
    code, out, _ = say("profile", f"trtexec:{tmp_path}", "--json", "-")
    assert code == 0
    assert [layer["time_s"] for layer in json.loads(out)["layers"]][:2] == [80.896e-6, 111.616e-6]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("trtexec:{data}/names-only", "--backend", "all"), "--backend cannot be had"),
        (("trtexec:{data}/names-only", "--precision", "all"), "--precision"),
        (("trtexec:{data}/names-only", "--static"), "--static"),
        (("trtexec:{data}/nothing",), "is no folder"),
        (("trtexec:{data}/names-only", "--export-times", "{here}/t.json"), "no latency to export"),
        (("trtexec:{data}/mnist-metadata", "--export-profile", "{here}/p.json"), "no times of layers"),
        (("lenet-5", "--model", "lenet-5"), "is for files of trtexec"),
        (("lenet-5", "--static", "--export-times", "{here}/t.json"), "hold one run"),
        (("lenet-5", "--batch", "1,2", "--export-times", "{here}/t.json"), "hold one run"),
        (("lenet-5", "--export-times", "{here}/t.json", "--export-profile", "{here}/t.json"), "one file"),
        (("lenet-5", "--export-times", "{here}/m.onnx"), "name of a model"),
    ],
)
def test_what_cannot_be_meant_is_refused(say: Say, tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    code, _, err = say("profile", *(item.format(data=_DATA, here=tmp_path) for item in arguments))
    assert code == 2
    assert why in err
    assert "hint" in err
    assert list(tmp_path.iterdir()) == []
