"""A float16 model on the real runtime: layers are judged by the type that they compute in."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

import alexnet_bench
from alexnet_bench import Profile
from tests.unit.workflows.conftest import QUICK


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A product, and a normalisation that ONNX Runtime 1.31 runs on float16 itself."""
    info = helper.make_tensor_value_info
    weights = {"w": np.full((64, 64), 0.01), "scale": np.ones(64), "bias": np.zeros(64)}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
            helper.make_node("LayerNormalization", ["p", "scale", "bias"], ["y"], name="normalise"),
        ],
        "g",
        [info("x", TensorProto.FLOAT16, [64, 64])],
        [info("y", TensorProto.FLOAT16, [64, 64])],
        [numpy_helper.from_array(value.astype(np.float16), name) for name, value in weights.items()],
    )
    path = tmp_path_factory.mktemp("half") / "half.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return alexnet_bench.profile(path, options=QUICK)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other processors multiply float16")
def test_a_product_behind_casts_has_the_ceiling_of_float32(half: Profile) -> None:
    (product,) = (layer for layer in half.layers if layer.onnx_nodes == ("product",))
    assert product.compute_dtype == "float32"
    assert product.bound in ("compute", "memory", "neither")
    casts = [layer for layer in half.layers if layer.op == "Cast"]
    assert casts
    assert all(cast.bound == "overhead" for cast in casts)


def test_what_computes_in_a_type_without_a_ceiling_has_no_bound_and_the_document_says_why(half: Profile) -> None:
    assert half.ceilings is not None
    without = [layer for layer in half.layers if layer.compute_dtype == "float16" and layer.bound != "overhead"]
    if half.ceilings.flop_per_s["float16"] is None:
        assert half.ceilings.unavailable["float16"]
        assert all(layer.bound is None and layer.fraction_of_ceiling is None for layer in without)
        assert ("no-ceiling" in [warning.code for warning in half.warnings]) == bool(without)
    else:
        assert all(layer.bound for layer in without)
