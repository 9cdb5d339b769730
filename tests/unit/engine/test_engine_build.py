from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import ModelProto, checker, load
from onnx.reference import ReferenceEvaluator

from alexnet_bench.engine import build
from alexnet_bench.engine.build import built_from, write_engine
from alexnet_bench.engine.loading import engine_files
from alexnet_bench.engine.ranges import BatchRange, ShapeRange
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.engine.conftest import WriteModel

_PLAIN = Recipe(name="plain")
_KEY = "ab" * 32


def _write(path: Path, folder: Path, recipe: Recipe = _PLAIN, batch: int | None = None) -> build.Written:
    source = open_model(path)
    graph = build_graph(source, name="small", batch=batch, given_shapes=recipe.opt_shapes)
    feeds = {"x": np.ones((batch or 1, 4), np.float32)}
    return write_engine(source, graph, recipe, feeds=feeds, folder=folder, key=_KEY)


def _output(path: Path, feeds: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    outputs: Any = ReferenceEvaluator(str(path)).run(None, feeds)
    return np.asarray(outputs[0])


def _dims(model: ModelProto) -> list[list[int | str]]:
    infos = [*model.graph.input, *model.graph.output]
    return [[dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim] for info in infos]


def test_every_node_gets_a_name_and_the_order_is_topological(write_model: WriteModel, tmp_path: Path) -> None:
    written = _write(write_model(scramble=True), tmp_path)
    engine = load(written.file)
    assert [node.name for node in engine.graph.node] == ["MatMul:h", "Add:s", "Relu:y"]
    checker.check_model(engine, full_check=True)
    assert written.origins == {name: (name,) for name in ("MatMul:h", "Add:s", "Relu:y")}
    assert (written.passes, written.changes, written.kept_fp32) == ((), (), ())


def test_the_engine_computes_what_the_model_does(write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model(scale=0.5)
    feeds = {"x": np.arange(8, dtype=np.float32).reshape(2, 4)}
    np.testing.assert_array_equal(_output(path, feeds), _output(_write(path, tmp_path).file, feeds))


def test_it_says_what_it_was_made_of(write_model: WriteModel, tmp_path: Path) -> None:
    written = _write(write_model(), tmp_path)
    engine = open_model(written.file)
    assert engine.proto.producer_name == "alexnet-bench"
    assert built_from(engine) == "small"
    assert built_from(open_model(write_model("other.onnx"))) == ""
    again = tmp_path / "again"
    again.mkdir()
    assert [item.value for item in load(_write(written.file, again).file).metadata_props] == ["small"]


def test_an_open_batch_stays_open(write_model: WriteModel, tmp_path: Path) -> None:
    assert _dims(load(_write(write_model(), tmp_path).file)) == [["N", 4], ["N", 3]]
    dynamic = msgspec.structs.replace(_PLAIN, batch=BatchRange(1, 2, 4))
    assert _dims(load(_write(write_model(), tmp_path, dynamic, batch=2).file)) == [["N", 4], ["N", 3]]


def test_a_fixed_batch_is_written_wherever_its_symbol_stands(write_model: WriteModel, tmp_path: Path) -> None:
    fixed = msgspec.structs.replace(_PLAIN, batch=BatchRange(2, 2, 2))
    assert _dims(load(_write(write_model(), tmp_path, fixed, batch=2).file)) == [[2, 4], [2, 3]]


def test_a_fixed_shape_likewise(write_model: WriteModel, tmp_path: Path) -> None:
    fixed = msgspec.structs.replace(_PLAIN, shapes={"x": ShapeRange((3, 4), (3, 4), (3, 4))})
    assert _dims(load(_write(write_model(), tmp_path, fixed).file)) == [[3, 4], [3, 3]]
    half = msgspec.structs.replace(_PLAIN, shapes={"x": ShapeRange((1, 4), (3, 4), (9, 4))})
    assert _dims(load(_write(write_model(), tmp_path, half).file)) == [["N", 4], ["N", 3]]


def test_weights_that_do_not_fit_lie_beside_the_engine(
    write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "MAX_INLINE_BYTES", 10)
    monkeypatch.setattr(build, "_LEAST_EXTERNAL_BYTES", 0)
    folder = tmp_path / "engine"
    folder.mkdir()
    path = write_model(scale=0.5)
    written = _write(path, folder)
    assert [file.name for file in engine_files(written.file, _KEY)] == ["engine.onnx", "abababababababab.data"]
    feeds = {"x": np.ones((1, 4), np.float32)}
    np.testing.assert_array_equal(_output(path, feeds), _output(written.file, feeds))
