"""Whether the real TensorRT-RTX is here, and a worker to build with it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import PlanBuilt, PlanRequest, ShapeBounds

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="tensorrt_rtx is not installed: pip install tensorrt-rtx",
)


PLUGIN = Path(__file__).with_name("plugin.cpp")


def plugin_library(folder: Path, source: Path = PLUGIN) -> Path:
    """Compiles a library of plugins; skips the test where there is no compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++ to compile a library of plugins with")
    library = folder / "libplugin.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=120)
    return library


def write_node(
    folder: Path, node: NodeProto, *sizes: int | str, weights: Sequence[tuple[str, tuple[int, ...]]] = ()
) -> Path:
    """A model of one node from x to y."""
    values = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        values,
    )
    path = folder / "model.onnx"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("elsewhere", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def build(
    model: Path,
    *,
    settings: dict[str, str] | None = None,
    profiles: tuple[dict[str, ShapeBounds], ...] = (),
    plugins: tuple[str, ...] = (),
) -> PlanBuilt:
    """Builds beside the model: engine.plan and layers.txt."""
    folder = model.parent
    request = PlanRequest(
        "tensorrt-rtx",
        "tensorrt_rtx",
        str(model),
        str(folder / "engine.plan"),
        str(folder / "layers.txt"),
        str(folder / "progress.txt"),
        settings=settings or {},
        profiles=profiles,
        plugins=plugins,
    )
    with Worker() as worker:
        return worker.build(request)
