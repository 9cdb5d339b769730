"""Real runs, kept short, in a cache of their own."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_bench import Options, Profile, profile
from alexnet_bench.backends.device import driver
from alexnet_bench.backends.tensorrt import build, flavour, ready, source
from alexnet_bench.measure import ceiling_runs, latency, layer_run
from alexnet_bench.measure.ceiling_sizes import Sizes
from alexnet_bench.verdict import model_run
from alexnet_bench.workflows import doctor, run_plan
from alexnet_bench.workflows.engines import plan as build_plans
from alexnet_bench.workflows.inspection import plan as inspect_plan
from tests.unit.workflows import tensorrt_in_process
from tests.unit.workflows.tensorrt_in_process import InProcess, TensorRt

QUICK = Options(seconds=0.02, processes=2)
SHORT_WARM_UP_S = 0.02
"""In place of 0.2 s, at least twice in each process: no test here reads the latencies as such."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for the whole session, so that ceilings are measured once; and warming up is short in all of it."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(latency, "_WARMUP_S", SHORT_WARM_UP_S)
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)  # the exported networks are large


@pytest.fixture(scope="session")
def measured(cache: Path) -> dict[str, Profile]:  # noqa: ARG001 - the cache has to be set first
    """One profile of each kind of model: ours, and one from elsewhere."""
    return {name: profile(name, options=QUICK) for name in ("lenet-5", "onnx:squeezenet")}


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TensorRt]:
    """The tool with TensorRT in it, as `tensorrt_in_process` makes it up."""
    module = TensorRt()
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27\n")
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    monkeypatch.setattr(flavour, "missing", lambda: "")
    monkeypatch.setattr(ready, "open_device", module.open_device)
    for builder in (build, source):
        monkeypatch.setattr(builder, "build_plan", tensorrt_in_process.build_plan)
    for user in (ceiling_runs, latency, layer_run, build_plans, doctor, run_plan, inspect_plan, model_run):
        monkeypatch.setattr(user, "Worker", InProcess)
    monkeypatch.setattr(ceiling_runs, "sizes_for", lambda _: Sizes({}, (32,), 1 << 16))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    gc.freeze()  # workers collect garbage before they time anything, and here that of all tests
    yield module
    gc.unfreeze()
    assert [wrong for device in module.devices for wrong in device.wrongs + device.open_resources()] == []
