from __future__ import annotations

from dataclasses import replace

from alexnet_bench.core.builds import DifferingLayer
from alexnet_bench.core.passport import EngineLayerInfo
from alexnet_bench.core.profile import SharedNode
from alexnet_bench.engine.differences import differing_layers


def _layer(name: str, *nodes: str, tactic: str = "k1", dtype: str = "float32") -> EngineLayerInfo:
    return EngineLayerInfo(name, nodes, (), dtype, (), (), None, tactic)


_FIRST = (_layer("a_1", "conv1", "relu1"), _layer("b_2", "conv2"), _layer("Reformat", tactic=""))


def test_builds_that_only_number_their_layers_otherwise_do_not_differ() -> None:
    again = (_layer("a_7", "conv1", "relu1"), _layer("b_8", "conv2"), _layer("Reformat", tactic=""))
    assert differing_layers([_FIRST, again, _FIRST]) == ()


def test_another_kernel_or_type_is_told_for_each_build() -> None:
    other = (_FIRST[0], replace(_FIRST[1], tactic="k2"), _FIRST[2])
    narrow = (_FIRST[0], replace(_FIRST[1], compute_dtype="float16"), _FIRST[2])
    assert differing_layers([_FIRST, other, narrow]) == (
        DifferingLayer("b_2", ("conv2",), ("k1 (float32)", "k2 (float32)", "k1 (float16)")),
    )


def test_what_is_fused_otherwise_is_a_layer_that_the_others_do_not_have() -> None:
    apart = (_layer("a_1", "conv1"), _layer("r", "relu1"), *_FIRST[1:])
    assert [(item.onnx_nodes, item.tactics) for item in differing_layers([_FIRST, apart])] == [
        (("conv1", "relu1"), ("k1 (float32)", None)),
        (("conv1",), (None, "k1 (float32)")),
        (("relu1",), (None, "k1 (float32)")),
    ]


def test_layers_without_nodes_go_by_their_names() -> None:
    (found,) = differing_layers([_FIRST, _FIRST[:2]])
    assert found == DifferingLayer("Reformat", (), ("no kernel told (float32)", None))


def test_layers_that_share_a_node_are_told_together() -> None:
    def shared(*tactics: str) -> tuple[EngineLayerInfo, ...]:
        half = (SharedNode("conv1", 0.5),)
        return tuple(
            EngineLayerInfo(f"l{at}", (), half, "int8", (), (), None, tactic) for at, tactic in enumerate(tactics)
        )

    (found,) = differing_layers([shared("x", "y"), shared("x", "z")])
    assert found.tactics == ("x (int8) + y (int8)", "x (int8) + z (int8)")
