"""However sizes are given, one engine has one key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import onnx
import pytest
from onnx import TensorProto, helper

from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.engine.plan import check_shapes
from alexnet_bench.engine.ranges import BatchRange, ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.sizes import by_input, settled, usual_sizes, with_open_sizes
from tests.unit.backends.tensorrt_here import needs_rtx

_ORT = Recipe(name="fp32", backend="onnxruntime-cpu", precision="fp32")
_PLAN = Recipe(name="fp32", backend="tensorrt-rtx", precision="fp32")


def _model(path: Path, **inputs: list[int | str | None]) -> Path:
    """The sum of the inputs over all their elements."""
    nodes = [helper.make_node("ReduceSum", [name], [f"{name}_sum"], keepdims=0) for name in inputs]
    nodes.append(helper.make_node("Sum", [f"{name}_sum" for name in inputs], ["y"]))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    graph = helper.make_graph(nodes, "g", values, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def any_batch(tmp_path: Path) -> Path:
    return _model(tmp_path / "any.onnx", x=["N", 4])


@pytest.fixture
def of_one(tmp_path: Path) -> Path:
    return _model(tmp_path / "one.onnx", x=[1, 4])


@pytest.fixture
def of_text(tmp_path: Path) -> Path:
    """Two inputs with the same open sizes."""
    return _model(tmp_path / "text.onnx", ids=["N", "T"], mask=["N", "T"])


def _batch(recipe: Recipe, *sizes: int) -> Recipe:
    low, usual, high = sizes if len(sizes) == 3 else sizes * 3
    return msgspec.structs.replace(recipe, batch=BatchRange(low, usual, high))


def _shapes(recipe: Recipe, **shapes: tuple[int, ...]) -> Recipe:
    return msgspec.structs.replace(recipe, shapes={name: ShapeRange(*[shape] * 3) for name, shape in shapes.items()})


def _profiles(recipe: Recipe, *profiles: SizeRanges) -> Recipe:
    return msgspec.structs.replace(recipe, profiles=profiles)


def test_one_profile_is_a_range_and_several_are_settled_each(any_batch: Path) -> None:
    one, four = SizeRanges(BatchRange(1, 1, 1)), SizeRanges(BatchRange(2, 4, 4))
    assert settled(_profiles(_PLAN, four), any_batch) == settled(_batch(_PLAN, 2, 4, 4), any_batch)
    assert settled(_profiles(_PLAN, one), any_batch) == _PLAN
    by_name = SizeRanges(None, {"x": ShapeRange((2, 4), (4, 4), (4, 4))})
    both = settled(_profiles(_PLAN, one, four), any_batch)
    assert both == settled(_profiles(_PLAN, one, by_name), any_batch)
    assert both.profiles == (SizeRanges(None, {"x": ShapeRange((1, 4), (1, 4), (1, 4))}), by_name)
    assert both != settled(_profiles(_PLAN, four, one), any_batch)


def test_nothing_said_is_left_alone_and_the_model_is_not_read(tmp_path: Path) -> None:
    for recipe in (_ORT, _PLAN):
        assert settled(recipe, tmp_path / "none.onnx") is recipe


def test_open_sizes_of_which_nothing_is_said_are_made_known(tmp_path: Path, any_batch: Path, of_one: Path) -> None:
    two = _model(tmp_path / "two.onnx", x=["N", 4], y=["M", 5])
    for path, made in ((any_batch, _shapes(_PLAN, x=(1, 4))), (two, _shapes(_PLAN, x=(1, 4), y=(1, 5)))):
        assert with_open_sizes(_PLAN, path) == made
        assert settled(made, path) == _PLAN
    assert with_open_sizes(_PLAN, of_one) == _PLAN
    assert with_open_sizes(_batch(_PLAN, 2), any_batch) == _batch(_PLAN, 2)
    for recipe in (_ORT, _batch(_ORT, 2)):
        assert with_open_sizes(recipe, tmp_path / "none.onnx") is recipe


@pytest.mark.parametrize("recipe", [_ORT, _PLAN])
def test_a_shape_for_every_batch_has_the_batch_that_is_given(recipe: Recipe, tmp_path: Path) -> None:
    two = _model(tmp_path / "two.onnx", x=["N", "T"], y=[1, "T"])
    made = with_open_sizes(_shapes(_batch(recipe, 1, 2, 8), x=(1, 4), y=(1, 4)), two)
    assert made.shapes == {"x": ShapeRange((1, 4), (2, 4), (8, 4)), "y": ShapeRange((1, 4), (1, 4), (1, 4))}
    assert settled(made, two) == settled(_shapes(_batch(recipe, 1, 2, 8), x=(1, 4), y=(1, 4)), two)


def test_an_input_beside_those_of_which_something_is_said_is_held_to_its_size_too(tmp_path: Path) -> None:
    two = _model(tmp_path / "two.onnx", x=["N", 4], y=["M", 5])
    said = {"x": ShapeRange((1, 4), (2, 4), (4, 4))}
    rest = {"y": ShapeRange((1, 5), (1, 5), (1, 5))}
    assert with_open_sizes(msgspec.structs.replace(_PLAN, shapes=said), two).shapes == said | rest
    profiles = with_open_sizes(_profiles(_PLAN, SizeRanges(None, said), SizeRanges(None, rest)), two).profiles
    assert [set(ranges.shapes) for ranges in profiles] == [{"x", "y"}, {"x", "y"}]
    with pytest.raises(ShapeError, match="takes 1 as size 0 of input y, not 3"):
        check_shapes(by_input(with_open_sizes(msgspec.structs.replace(_PLAN, shapes=said), two), two), {"y": (3, 5)})
    wrong = msgspec.structs.replace(_PLAN, shapes={"z": said["x"]})
    assert with_open_sizes(wrong, two) == wrong


@pytest.mark.parametrize("recipe", [_ORT, _PLAN], ids=lambda recipe: recipe.backend)
def test_a_batch_that_is_the_models_own_is_nothing_said(recipe: Recipe, of_one: Path) -> None:
    assert settled(_batch(recipe, 1), of_one) == recipe
    assert settled(_shapes(recipe, x=(1, 4)), of_one) == recipe


def test_a_runtime_that_fixes_the_batch_at_1_does_so_when_told_to(any_batch: Path) -> None:
    assert settled(_batch(_PLAN, 1), any_batch) == _PLAN
    assert settled(_shapes(_PLAN, x=(1, 4)), any_batch) == _PLAN
    assert settled(_batch(_PLAN, 2), any_batch) != _PLAN


def test_an_engine_for_any_batch_is_not_one_for_batch_1(any_batch: Path) -> None:
    assert settled(_batch(_ORT, 1), any_batch) == _shapes(_ORT, x=(1, 4))
    assert settled(_batch(_ORT, 1), any_batch) != _ORT


@pytest.mark.parametrize("recipe", [_ORT, _PLAN], ids=lambda recipe: recipe.backend)
def test_a_batch_and_a_shape_that_say_the_same_are_one(recipe: Recipe, any_batch: Path, of_text: Path) -> None:
    assert settled(_batch(recipe, 3), any_batch) == settled(_shapes(recipe, x=(3, 4)), any_batch)
    one, both = _shapes(recipe, ids=(2, 7)), _shapes(recipe, ids=(2, 7), mask=(2, 7))
    assert settled(one, of_text) == settled(both, of_text) == both
    assert settled(_batch(_shapes(recipe, ids=(1, 7)), 2), of_text) == both


@pytest.mark.parametrize("recipe", [_ORT, _PLAN], ids=lambda recipe: recipe.backend)
def test_other_sizes_are_another_engine(recipe: Recipe, any_batch: Path) -> None:
    made = [recipe, *(_batch(recipe, *sizes) for sizes in ((2,), (3,), (1, 2, 3), (1, 3, 3), (2, 2, 3)))]
    assert len({str(settled(item, any_batch)) for item in made}) == len(made)


def test_an_input_that_is_left_open_is_not_one_that_is_given(tmp_path: Path) -> None:
    path = _model(tmp_path / "two.onnx", x=["N", 4], y=["M", 5], z=[None, 2])
    one, all_three = _shapes(_ORT, x=(1, 4)), _shapes(_ORT, x=(1, 4), y=(1, 5), z=(1, 2))
    assert settled(one, path) == one
    assert settled(all_three, path) == all_three
    assert settled(_batch(_ORT, 1), path) == all_three


def test_sizes_that_do_not_fit_are_left_to_the_build(of_one: Path, of_text: Path) -> None:
    for recipe, path in ((_batch(_ORT, 2), of_one), (_shapes(_ORT, q=(1,)), of_one), (_batch(_ORT, 1), of_text)):
        assert settled(recipe, path) is recipe
    with pytest.raises(ShapeError, match="fixed at batch 1"):
        build_engine(of_one, options=BuildOptions(backend="onnxruntime-cpu", batch=2))


def test_the_cache_finds_an_engine_however_its_sizes_are_given(any_batch: Path, of_one: Path) -> None:
    first = build_engine(any_batch, options=BuildOptions(backend="onnxruntime-cpu", batch=3))
    again = build_engine(any_batch, options=BuildOptions(backend="onnxruntime-cpu", shapes={"x": (3, 4)}))
    assert (again.cache_hit, again.key) == (True, first.key)
    plain = build_engine(of_one, options=BuildOptions(backend="onnxruntime-cpu"))
    asked = build_engine(of_one, options=BuildOptions(backend="onnxruntime-cpu", batch=1))
    assert (asked.cache_hit, asked.key) == (True, plain.key)


@needs_rtx
def test_a_plan_for_batch_1_is_the_one_for_no_batch() -> None:
    plain = build_engine("lenet-5", options=BuildOptions(backend="tensorrt-rtx", precision="fp32"))
    asked = build_engine("lenet-5", options=BuildOptions(backend="tensorrt-rtx", precision="fp32", batch=1))
    assert (asked.cache_hit, asked.key, asked.engine_sha256) == (True, plain.key, plain.engine_sha256)


def test_several_batches_leave_it_open_between_them(any_batch: Path) -> None:
    built = build_engine(any_batch, options=BuildOptions(backend="onnxruntime-cpu", batch=(2, 8, 4)))
    assert built.recipe["batch"] == {"min": 2, "opt": 2, "max": 8}
    (info,) = onnx.load(built.path).graph.input
    assert info.type.tensor_type.shape.dim[0].dim_param == "N"


@needs_rtx
def test_an_engine_of_which_no_sizes_and_no_defaults_are_said(any_batch: Path) -> None:
    plain = BuildOptions(backend="tensorrt-rtx", precision="fp32")
    built = build_engine(any_batch, options=plain)
    assert built.recipe["shapes"] == {"x": {"min": [1, 4], "opt": [1, 4], "max": [1, 4]}}
    same = replace(plain, batch=1, settings={"optimization_level": "3", "strip": "off"})
    assert build_engine(any_batch, options=same).key == built.key


def test_an_input_that_has_no_batch_is_not_held_to_its_range(tmp_path: Path) -> None:
    """A table of 100 rows, beside an input whose batch is 1 to 8."""
    model = _model(tmp_path / "table.onnx", x=["N", 4], table=[100, 3])
    taken = by_input(_batch(_PLAN, 1, 4, 8), model)
    check_shapes(taken, {"x": (8, 4), "table": (100, 3)})
    with pytest.raises(ShapeError, match="takes 1 to 8 as size 0 of input x, not 9"):
        check_shapes(taken, {"x": (9, 4), "table": (100, 3)})


def test_sizes_that_are_not_given_are_the_usual_ones_of_the_profile_that_holds_the_others(of_text: Path) -> None:
    graph = onnx.load(of_text).graph
    small, large = (
        SizeRanges(
            None, {name: ShapeRange((1, 8 * times), (2, 8 * times), (4, 16 * times)) for name in ("ids", "mask")}
        )
        for times in (1, 4)
    )
    assert usual_sizes(graph, (small, large), {}, None) == {"ids": (2, 8), "mask": (2, 8)}
    assert usual_sizes(graph, (small, large), {"ids": (3, 40)}, None) == {"ids": (3, 40), "mask": (3, 40)}
    assert usual_sizes(graph, (small, large), {}, 4) == {"ids": (4, 8), "mask": (4, 8)}
    assert usual_sizes(graph, (small, large), {"mask": (1, 40)}, 4) == {"ids": (4, 40), "mask": (4, 40)}
    assert usual_sizes(graph, (small, large), {"mask": (9, 9)}, None) == {"ids": (9, 9), "mask": (9, 9)}
    assert usual_sizes(graph, (SizeRanges(),), {"ids": (3, 4)}, 5) == {"ids": (3, 4)}
    with pytest.raises(ShapeError, match="no sequence of whole numbers"):
        usual_sizes(graph, (small,), {"ids": 3}, None)  # type: ignore[dict-item]


def test_the_profile_is_one_that_holds_what_follows_too(tmp_path: Path) -> None:
    """By the sizes of x alone the first would do, which is for tables of up to 4 rows."""
    graph = onnx.load(_model(tmp_path / "m.onnx", x=["N", "T"], table=["T", "K"])).graph
    small = SizeRanges(None, {"table": ShapeRange((1, 2), (4, 2), (4, 2))})
    large = SizeRanges(None, {"table": ShapeRange((1, 3), (8, 3), (32, 3))})
    assert usual_sizes(graph, (small, large), {"x": (1, 4)}, None) == {"x": (1, 4), "table": (4, 2)}
    assert usual_sizes(graph, (small, large), {"x": (1, 5)}, None) == {"x": (1, 5), "table": (5, 3)}
