"""Small models for builds, and a passport for what needs no build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from alexnet_bench.core.passport import EngineLayerInfo, Passport
from alexnet_bench.core.profile import SharedNode

WriteModel = Callable[..., Path]


@pytest.fixture
def write_model(tmp_path: Path) -> WriteModel:
    """Writes x -> MatMul -> Add -> Relu with a symbolic batch; its nodes have no names."""

    def write(name: str = "model.onnx", *, scale: float = 1.0, batch: int | str = "N", scramble: bool = False) -> Path:
        weight = numpy_helper.from_array(np.full((4, 3), scale, np.float32), "w")
        bias = numpy_helper.from_array(np.ones(3, np.float32), "b")
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Add", ["h", "b"], ["s"]),
            helper.make_node("Relu", ["s"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes[::-1] if scramble else nodes,
            "small",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
            [weight, bias],
        )
        path = tmp_path / name
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    return write


@pytest.fixture
def passport() -> Passport:
    """As a build makes it, of two layers."""
    return Passport(
        key="ab" * 32,
        model_sha256="1" * 64,
        recipe={"name": "fp32", "backend": "onnxruntime-cpu"},
        backend="onnxruntime-cpu",
        backend_version="1.31.1",
        target="cpu",
        device="AMD EPYC (x86_64 avx2)",
        driver=None,
        requested_precision="fp32",
        compute_dtypes={"float32": 2},
        layers=(
            EngineLayerInfo("conv + relu", ("conv", "relu"), (), "float32", ("float32",), ("float32",), 100),
            EngineLayerInfo("norm", (), (SharedNode("lrn", 0.5),), "float32", ("float32",), ("float32",), 0),
        ),
        passes=("lower-lrn",),
        origins={"norm": ("lrn",)},
        macs_attributed_fraction=1.0,
        size_bytes=6,
        build_s=1.5,
        engine_sha256="2" * 64,
        timing_cache_sha256=None,
        path="/somewhere/engine.onnx",
        created="2026-01-02T03:04:05+00:00",
    )
