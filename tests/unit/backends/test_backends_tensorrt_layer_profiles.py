"""Layers of several optimisation profiles told apart, by the names that TensorRT-RTX 1.7.1 and trtexec give them."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.backends.tensorrt.layer_profiles import of_first_profile
from alexnet_bench.backends.tensorrt.plan_log import read_plan_layers
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.workflows.resolve import resolve
from tests.unit.backends.tensorrt_here import build, needs_rtx


def _layer(name: str, *reads: str) -> PlanLayer:
    return PlanLayer(name, inputs=tuple(PlanTensor(read, "float32", None) for read in reads))


def test_layers_without_a_profile_are_all_of_the_first() -> None:
    layers = (_layer("conv1"), _layer("__myl_Move_myl0_0", "x"), _layer("__myl_Move_myl1_0", "y"))
    assert of_first_profile(layers) == layers


def test_a_layer_is_of_the_profile_of_its_graph() -> None:
    first = (_layer("conv", "x"), _layer("__myl_Resh_myl0_0", "x"), _layer("pool_U2_myl0_1"))
    second = (
        _layer("conv [profile 1]", "x"),
        _layer("__myl_Resh_myl1_0", "x [profile 1]"),
        _layer("__myl_Add_myl1_1", "inner"),
        _layer("pool [profile 1]_U2_myl1_2"),
    )
    assert of_first_profile((*first, *second)) == first


@needs_rtx
def test_a_real_engine_has_the_layers_of_each_profile(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.symlink_to(resolve("lenet-5").path)
    sizes = (1, 32, 32)
    found = []
    for bounds in (((1, 8),), ((1, 8), (16, 64), (9, 9))):
        profiles = tuple({"input": ShapeBounds((low, *sizes), (low, *sizes), (most, *sizes))} for low, most in bounds)
        build(model, profiles=profiles)
        found.append(read_plan_layers((tmp_path / "layers.txt").read_text()))
    alone, together = found
    assert len(together) > 2 * len(alone)
    assert of_first_profile(alone) == alone
    first = of_first_profile(together)
    assert [layer.nodes for layer in first] == [layer.nodes for layer in alone]
    assert first == together[: len(alone)]
