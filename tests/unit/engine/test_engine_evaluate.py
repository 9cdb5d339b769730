"""What passes compute with: ONNX Runtime in a process of its own, never in that of the caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

import alexnet_bench
from alexnet_bench.backends.client import Deadlines
from alexnet_bench.core.errors import BackendCrash, BackendRefusal
from alexnet_bench.engine import evaluate
from alexnet_bench.engine.evaluate import InWorker

_X = {"x": np.array([[1, -9, 3, 0]], np.float32)}
_BUILD = """
import contextlib, sys
from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.core.errors import PrecisionError
with contextlib.suppress(PrecisionError):  # processors compute in float32, as is only found once it is built
    build_engine(sys.argv[1], options=BuildOptions(backend="onnxruntime-cpu", precision="fp16"), progress=print)
print("onnxruntime" in sys.modules)
"""


def _model(turns: int = 1) -> ModelProto:
    """x times the identity, and then through a Loop; b is an output of no float type."""
    model = onnx.parser.parse_model(f"""<ir_version: 9, opset_import: ["" : 17]>
        g (float[1,4] x) => (float[1,4] y, bool[1,4] b) <int64 n = {{{turns}}}, bool c = {{1}}> {{
            [product] m = MatMul (x, w)
            [greater] b = Greater (x, m)
            [loop] y = Loop (n, c, m) <body: graph = body (int64 i, bool on, float[1,4] v) => (bool more, float[1,4] s)
                {{ more = Identity (on) s = Sin (v) }}>
        }}""")
    model.graph.initializer.append(numpy_helper.from_array(2 * np.eye(4, dtype=np.float32), "w"))
    return model


def test_peaks_are_of_each_input_and_of_float_tensors_alone() -> None:
    model = _model()
    given = model.SerializeToString(deterministic=True)
    with InWorker(Deadlines()) as evaluator:
        found = evaluator.peaks(model, ["m", "b"], [_X, {"x": np.full((1, 4), np.nan, np.float32)}])
        assert found[0] == {"m": 18.0}
        assert np.isnan(found[1]["m"])
        with pytest.raises(BackendRefusal, match="onnxruntime"):
            evaluator.peaks(model, ["m"], [{"x": np.ones((3, 3), np.float32)}])
        assert evaluator.peaks(model, ["y"], [_X])[0] == pytest.approx({"y": float(np.abs(np.sin(2 * _X["x"])).max())})
    assert model.SerializeToString(deterministic=True) == given


def test_large_models_go_through_a_file_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MAX_INLINE_BYTES", 10)
    model = _model()
    given = model.SerializeToString(deterministic=True)
    with InWorker(Deadlines()) as evaluator:
        assert evaluator.peaks(model, ["m"], [_X]) == [{"m": 18.0}]
    assert model.SerializeToString(deterministic=True) == given


def test_a_model_that_takes_too_long_is_ended() -> None:
    with pytest.raises(BackendCrash, match=r"gave no answer in 2 s \(running it\), and was ended"):
        alexnet_bench.apply_passes(_model(2**40), ["fp16"], feeds=[_X], timeout_s=2.0)


def _environment(home: Path) -> dict[str, str]:
    """Of a user with a home folder of his own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    root = str(Path(alexnet_bench.__file__).parents[1])
    return {**kept, "HOME": str(home), "PYTHONPATH": os.pathsep.join([root, *filter(None, [kept.get("PYTHONPATH")])])}


def test_a_build_imports_no_runtime_and_leaves_none_of_its_files_in_the_users_home(tmp_path: Path) -> None:
    onnx.save(_model(), tmp_path / "m.onnx")
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(tmp_path / "m.onnx")],
        env=_environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("reading back what it computes in\nFalse\n")  # passes were applied before
    assert {file.relative_to(home).parts[:2] for file in home.rglob("*") if file.is_file()} <= {
        (".cache", "alexnet-bench")
    }


def test_a_build_whose_passes_hang_can_be_interrupted(tmp_path: Path) -> None:
    onnx.save(_model(2**40), tmp_path / "m.onnx")
    line = ["build-engine", str(tmp_path / "m.onnx"), "--backend", "onnxruntime-cpu", "--precision", "fp16"]
    with subprocess.Popen(
        [sys.executable, "-m", "alexnet_bench", *line], env=_environment(tmp_path), stderr=subprocess.PIPE, text=True
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            deadline = time.monotonic() + 30
            while not children.read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            worker = children.read_text().split()[0]
            time.sleep(1.5)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 143
    assert "Traceback" not in err
    assert not Path("/proc", worker).exists()
