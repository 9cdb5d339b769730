"""The command as a user runs it: in a process of its own, with a home and a cache that are thrown away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data

import alexnet_bench
from alexnet_bench.cli.main import run
from alexnet_bench.measure import latency

COMMAND = (sys.executable, "-m", "alexnet_bench")

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Say = Callable[..., tuple[int, str, str]]

MAX_SECONDS = 90
"""Generous: the tool takes at most four on the largest of the hostile models."""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """No configuration of the user reaches the command, and nothing it leaves reaches the user."""
    base = tmp_path_factory.getbasetemp()
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")}
    yield kept | {
        "PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1]),
        "HOME": str(tmp_path_factory.mktemp("home")),
        "XDG_CACHE_HOME": str(base / "cache"),
    }
    shutil.rmtree(base / "cache", ignore_errors=True)


@pytest.fixture
def cli(environment: dict[str, str], tmp_path: Path) -> Cli:
    """Runs the command in `tmp_path`."""

    def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=environment | changes,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with every kind of bad model."""
    good = _model([1, 3, 8, 8])
    (tmp_path / "good.onnx").write_bytes(good)
    (tmp_path / "truncated.onnx").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "text.onnx").write_text("this is no model\n" * 20)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "dynamic.onnx").write_bytes(_model(["batch", 3, "height", "width"]))
    (tmp_path / "missing_data.onnx").write_bytes(_model([1, 3, 8, 8], external="weights.bin"))
    (tmp_path / "weighted.onnx").write_bytes(_model([1, 3, 8, 8], external="weighted.data"))
    (tmp_path / "weighted.data").write_bytes(bytes(12))
    (tmp_path / "outside_data.onnx").write_bytes(_model([1, 3, 8, 8], external="../../etc/passwd"))
    (tmp_path / "not_a_profile.json").write_text("{}")
    (tmp_path / "newer.json").write_text('{"schema": "alexnet-bench.profile", "schema_version": 99}')
    (tmp_path / "cut.json").write_text('{"schema": "alexnet-bench.pro')
    return tmp_path


def _model(shape: list[int | str], external: str = "") -> bytes:
    """x + w, with w in the file or beside it."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [3, 1, 1], [1.0, 2.0, 3.0])
    if external:
        weight.raw_data = bytes(12)
        del weight.float_data[:]
        set_external_data(weight, external, offset=0, length=12)
        weight.ClearField("raw_data")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"], name="add")],
        "g",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, shape)],
        [weight],
    )
    content: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return content


@pytest.fixture
def here(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process work in `tmp_path` and with the cache of the tests, and warm up for a short time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(latency, "_WARMUP_S", 0.02)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, environment[name])


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Runs a command line in this process; gives its exit code, its output and its messages, checked to be clean."""

    def command(*arguments: str) -> tuple[int, str, str]:
        begun = time.monotonic()
        code = run(arguments)
        assert time.monotonic() - begun < MAX_SECONDS
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        assert all(char.isprintable() or char == "\n" for char in err)
        return code, out, err

    return command
