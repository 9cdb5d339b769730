"""What TensorRT does not take is refused before anything is loaded, with the reason and what to do.

The builder is that of TensorRT-RTX, which needs no GPU. Where a driver has to be there, its version is made up; CUDA
itself says of no driver what it says of one that is too old.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from alexnet_bench.backends.device.cuda_python import module_name
from alexnet_bench.backends.device.driver import has_driver
from tests.cli.conftest import COMMAND, Cli, Say
from tests.cli.hostile import assert_one_message
from tests.unit.backends.tensorrt_here import needs_rtx

pytestmark = [
    needs_rtx,
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here"),
]
_RTX = ("--backend", "tensorrt-rtx")
_TAG, _VERSION = slice(0, 4), slice(24, 28)
WithDriver = Callable[[str], Cli]


@pytest.fixture(scope="module")
def built(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with lenet-5 as an engine for batches of 1 to 32."""
    folder = tmp_path_factory.mktemp("built")
    line = (*COMMAND, "build-engine", "lenet-5", *_RTX, "--recipe", "dynamic-batch", "-o", "lenet.plan", "--quiet")
    done = subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def engine(built: Path, tmp_path: Path) -> Path:
    """A copy to break, its passport beside it."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path / "lenet.plan"


@pytest.fixture
def with_driver(cli: Cli, environment: dict[str, str], tmp_path: Path) -> WithDriver:
    """The command on a machine whose kernel says that it has a driver of some version."""
    site, version_file = tmp_path / "site", tmp_path / "version"
    site.mkdir()
    lines = (
        "from pathlib import Path",
        "from alexnet_bench.backends.device import driver",
        f"driver.VERSION_FILE = Path({str(version_file)!r})",
    )
    (site / "sitecustomize.py").write_text("\n".join(lines))

    def at(version: str) -> Cli:
        version_file.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Jun  6 2023\n")
        path = os.pathsep.join([str(site), environment["PYTHONPATH"]])
        return lambda *arguments: cli(*arguments, PYTHONPATH=path)

    return at


def _model(op: str, *sizes: int | str, domain: str = "") -> None:
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"], "only", domain=domain)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("elsewhere", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), "m.onnx")


def test_an_operator_that_it_lacks(say: Say) -> None:
    _model("Det", 3, 3)
    code, out, err = say("build-engine", "m.onnx", *_RTX, "--quiet")
    assert (code, out) == (2, "")
    assert_one_message(err, r"tensorrt-rtx does not take node only \(Det\): it has no such operator")
    assert "another backend" in err


def test_an_operator_of_somebody_else(say: Say) -> None:
    _model("Nothing", 3, domain="elsewhere")
    code, _, err = say("build-engine", "m.onnx", *_RTX, "--quiet")
    assert code == 2
    assert_one_message(err, r"does not take node only \(elsewhere.Nothing\): Plugin not found, are the plugin name")


def test_open_sizes_without_a_range(say: Say) -> None:
    _model("Relu", "batch", "length", 4)
    code, _, err = say("build-engine", "m.onnx", *_RTX, "--quiet")
    assert code == 2
    assert_one_message(err, "input x has dynamic dimensions: batchxlengthx4")
    assert "--shape x=1x1x4" in err
    assert "--min, --opt and --max" in err
    assert say("build-engine", "m.onnx", *_RTX, "--shape", "x=1x1x4", "--quiet")[0] == 0


@pytest.mark.parametrize(
    "line",
    [
        ("profile", "lenet-5", *_RTX),
        ("profile", "lenet-5", *_RTX, "--precision", "fp16"),
        ("profile", "lenet.plan"),
        ("verify", "lenet.plan", "--against", "lenet-5"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("engine")
def test_no_driver(say: Say, line: tuple[str, ...]) -> None:
    code, out, err = say(*line, "--quiet")
    assert (code, out) == (2, "")
    assert_one_message(err, r"tensorrt-rtx builds engines here, and cannot run them: no NVIDIA driver")
    assert "run the engine where there is an NVIDIA GPU" in err
    assert ("# or look into the engine without a runtime: alexnet-bench inspect lenet.plan" in err) == (
        line == ("profile", "lenet.plan")
    )


@pytest.mark.skipif(module_name() is None, reason="cuda-python is not installed: pip install cuda-python")
@pytest.mark.parametrize("line", [("profile", "lenet-5", *_RTX), ("profile", "lenet.plan")], ids=" ".join)
@pytest.mark.usefixtures("engine")
def test_a_driver_that_is_too_old(with_driver: WithDriver, line: tuple[str, ...]) -> None:
    done = with_driver("535.54.03")(*line, "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_message(done.stderr, r"the NVIDIA driver 535\.54\.03 is too old .*cudaErrorInsufficientDriver")
    assert "update the driver: CUDA 13 takes 580 or later" in done.stderr


@pytest.mark.skipif(module_name() is None, reason="cuda-python is not installed: pip install cuda-python")
@pytest.mark.usefixtures("engine")
def test_sizes_outside_of_the_range(with_driver: WithDriver) -> None:
    done = with_driver("580.65.06")("profile", "lenet.plan", "--batch", "33", "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_message(done.stderr, "the engine takes 1 to 32 as size 0 of input input, not 33")
    assert "build one for that: " in done.stderr


@pytest.mark.parametrize("has_passport", [True, False], ids=["passport", "alone"])
@pytest.mark.parametrize(
    ("at", "content", "with_passport", "alone"),
    [
        (
            _TAG,
            b"ftrt",
            "is of tensorrt, and cannot be run by tensorrt-rtx",
            "tensorrt does not work here: tensorrt is not",
        ),
        (_VERSION, b"\x01\x06\x01\x28", *["was written by tensorrt-rtx 1.6.1.40, and here is 1."] * 2),
        (_TAG, b"\x08\x08\x12\x00", *["is no engine of TensorRT: it is an ONNX model"] * 2),
        (slice(-1, None), b"", *["is damaged: "] * 2),
        (slice(20, None), b"", *["is cut short: 20 bytes"] * 2),
    ],
    ids=["flavour", "version", "tag", "truncated", "header"],
)
def test_an_engine_that_is_none_for_here(
    say: Say, engine: Path, at: slice, content: bytes, with_passport: str, alone: str, has_passport: bool
) -> None:
    plan = bytearray(engine.read_bytes())
    plan[at] = content
    engine.write_bytes(plan)
    if not has_passport:
        engine.with_name("lenet.plan.passport.json").unlink()
    code, out, err = say("profile", "lenet.plan", "--quiet")
    assert (code, out) == (2, "")
    assert_one_message(err, with_passport if has_passport else alone)


@pytest.mark.usefixtures("engine")
def test_an_engine_for_another_backend(say: Say) -> None:
    code, _, err = say("profile", "lenet.plan", "--backend", "tensorrt", "--quiet")
    assert code == 2
    assert_one_message(err, "the engine was built for backend tensorrt-rtx, and --backend asks for tensorrt")
