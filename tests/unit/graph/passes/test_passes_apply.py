"""Every pass on every kind of model, and passes in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from onnx import ModelProto, helper

from alexnet_bench.core.errors import UsageError
from alexnet_bench.graph.passes import PASSES, apply
from tests.unit.graph.passes.conftest import EVALUATOR, EXACT, check, drawn, error, random_feeds, small

PORTABLE = [name for name in PASSES if name not in ("fp16", "bf16")]


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("model", ["light:shufflenet", "light:squeezenet", "light:densenet121", "lenet-5"])
def test_every_pass_keeps_its_promises(
    model: str, name: str, network: Callable[[str], ModelProto], light: Callable[[str], ModelProto]
) -> None:
    given = light(model.removeprefix("light:")) if model.startswith("light:") else network(model)
    feeds = random_feeds(given, 2)
    result = check(given, name, feeds)
    if name in PORTABLE:
        assert error(given, result.model, feeds, centred=not model.startswith("light:")) < EXACT
    elif name == "fp16":
        assert error(given, result.model, feeds, centred=not model.startswith("light:")) < 2e-2


@pytest.mark.parametrize("name", ["bvlc_alexnet", "inception_v1"])
def test_passes_in_a_row_speak_of_the_model_given(name: str, light: Callable[[str], ModelProto]) -> None:
    model = light(name)
    feeds = random_feeds(model, 2)
    result = apply(model, PORTABLE, evaluator=EVALUATOR)
    assert sum("LRN over" in change for change in result.changes) == 2
    assert all(change.split(":")[0] in PORTABLE for change in result.changes)
    names = {node.name for node in model.graph.node}
    assert {origin for origins in result.origins.values() for origin in origins} == names
    assert list(result.origins) == [node.name for node in result.model.graph.node]
    assert error(model, result.model, feeds, centred=False) < EXACT
    half = apply(result.model, ["fp16"], feeds=feeds, evaluator=EVALUATOR)
    assert half.kept_fp32 != ()
    assert error(model, half.model, feeds, centred=False) < 2e-2


def test_a_model_with_nothing_to_change_is_not_copied_and_an_unknown_pass_is_an_error(
    network: Callable[[str], ModelProto],
) -> None:
    model = network("lenet-5")
    before = model.SerializeToString()
    for names in ([], ["fold-constants", "recompose", "fold-batchnorm", "portable-lrn"]):
        result = apply(model, names, evaluator=EVALUATOR)
        assert result.model is model
        assert result.changes == ()
    assert model.SerializeToString() == before
    with pytest.raises(UsageError, match="polish"):
        apply(model, ["fold-constants", "polish"])


@pytest.mark.parametrize("names", [[], ["fold-constants"]])
def test_a_path_is_no_model(names: list[str]) -> None:
    given: Any = "model.onnx"
    with pytest.raises(UsageError, match="not a str") as raised:
        apply(given, names)
    assert "onnx.load" in raised.value.hint


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("given", ["", "same"])
def test_nodes_without_a_name_of_their_own_are_named(name: str, given: str) -> None:
    """Names are optional in ONNX, and nothing keeps two nodes from having one."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("LRN", ["b"], ["c"], size=3),
        helper.make_node("Identity", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "v"], ["e"]),
        helper.make_node("Relu", ["e"], ["y"]),
    ]
    named = small(nodes, {"x": [2, 4, 5, 5]}, ["y"], {"w": drawn(6, 4, 3, 3), "v": drawn(8, 6, 3, 3)})
    model = ModelProto()
    model.CopyFrom(named)
    for node in model.graph.node[1:]:
        node.name = given
    result = apply(model, [name])
    assert {node.name for node in model.graph.node} == {"first", given}
    assert list(result.origins) == [node.name for node in result.model.graph.node]
    spoken_of = {origin for origins in result.origins.values() for origin in origins}
    spoken_of.update(word.strip(":,") for change in result.changes for word in change.split())
    assert {"first", "Relu:b", "LRN:c", "Identity:d", "Conv:e", "Relu:y"} <= spoken_of
    if name != "bf16":  # ONNX Runtime has no kernels for it
        assert error(named, result.model, random_feeds(named)) < (EXACT if name in PORTABLE else 2e-2)


def test_summaries_are_one_line() -> None:
    assert all(item.name == name and item.summary and "\n" not in item.summary for name, item in PASSES.items())
