"""Engines that `profile` builds, or is given: their layers name the nodes of the user's model."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench import BuildOptions, Options, Profile, build_engine, profile
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.report.markdown import to_markdown
from tests.unit.workflows.conftest import QUICK

ORT = replace(QUICK, backend="onnxruntime-cpu")


def normalised(path: Path, batch: int | str = 1) -> Path:
    """Two convolutions with a local response normalisation between them, and a matrix product."""
    generator = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((generator.standard_normal(shape) * 0.2).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu1"),
        helper.make_node("LRN", ["r"], ["l"], "norm1", size=5),
        helper.make_node("Conv", ["l", "v"], ["d"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["d"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "g"], ["y"], "fc"),
    ]
    graph = helper.make_graph(
        nodes,
        "normalised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 10])],
        [weight("w", 16, 3, 3, 3), weight("v", 16, 16, 3, 3), weight("g", 16 * 16 * 16, 10)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, Profile]:
    """The model as it is, and optimised."""
    path = normalised(tmp_path_factory.mktemp("model") / "normalised.onnx")
    return profile(path, options=ORT), profile(path, options=replace(ORT, optimize=True))


def owners(found: Profile) -> Counter[str]:
    shares: Counter[str] = Counter()
    for layer in found.layers:
        shares.update(layer.onnx_nodes)
        for part in layer.shared_nodes:
            shares[part.name] += part.share  # type: ignore[assignment]
    return shares


def test_layers_of_an_engine_name_the_nodes_of_the_model(pair: tuple[Profile, Profile]) -> None:
    plain, optimised = pair
    assert owners(optimised) == pytest.approx(owners(plain))
    assert optimised.coverage.macs_attributed_fraction == 1.0
    assert optimised.coverage.unattributed_nodes == ()
    lowered = [layer for layer in optimised.layers if "norm1" in [part.name for part in layer.shared_nodes]]
    assert len(lowered) > 1
    assert "LRN" not in {layer.op for layer in optimised.layers}
    assert sum(layer.macs or 0 for layer in lowered) > 0  # what the engine computes in its place


def test_totals_and_the_model_stay_those_of_the_user(pair: tuple[Profile, Profile]) -> None:
    plain, optimised = pair
    assert optimised.totals == plain.totals
    assert optimised.model == plain.model
    assert plain.engine is not None
    assert (plain.engine.passes, plain.engine.passport_key) == ((), None)
    assert optimised.engine is not None
    assert any("lower-lrn" in name for name in optimised.engine.passes)
    assert optimised.engine.passport_key
    assert f"{optimised.engine.passport_key[:12]}, fp32 asked for; passes: " in to_markdown(optimised)


@pytest.mark.parametrize(("batch", "said"), [(8, False), (1, False), (16, True)])
def test_sizes_that_an_engine_was_not_tried_with_are_said(tmp_path: Path, batch: int, said: bool) -> None:
    path = normalised(tmp_path / "open.onnx", batch="N")
    built = build_engine(path, options=BuildOptions(backend="onnxruntime-cpu", batch=(8, 1)))
    found = profile(built.path, batch=batch, options=QUICK)
    messages = [item.message for item in found.warnings if item.code == "outside-range"]
    assert len(messages) == said
    assert not said or "built for x 1x3x16x16 to 8x3x16x16" in messages[0]


@pytest.mark.parametrize("batches", [(1, 4)])
def test_an_engine_of_any_batch_is_built_once(batches: tuple[int, ...], tmp_path: Path) -> None:
    path = normalised(tmp_path / "any.onnx", "N")
    found = [profile(path, batch=batch, options=replace(ORT, optimize=True)) for batch in batches]
    keys = {item.engine.passport_key for item in found if item.engine}
    assert len(keys) == 1
    assert [item.totals.macs for item in found] == [batch * (found[0].totals.macs or 0) for batch in batches]
    assert all(item.coverage.macs_attributed_fraction == 1.0 for item in found)


def test_an_engine_is_profiled_by_its_path_or_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where no other key begins alike
    built = build_engine(
        normalised(tmp_path / "m.onnx"), options=BuildOptions(backend="onnxruntime-cpu"), output=tmp_path / "e.onnx"
    )
    passport = tmp_path / "e.onnx.passport.json"
    for given in (tmp_path / "e.onnx", passport, Path(built.path), built.key, built.key[:4]):
        found = profile(given, options=QUICK)
        assert found.engine is not None
        assert found.engine.passport_key == built.key
        assert found.coverage.macs_attributed_fraction == 1.0
    for given in (tmp_path / "e.onnx", built.key[:4]):
        with pytest.raises(UsageError, match="an engine already"):
            profile(given, options=replace(QUICK, optimize=True))
    with pytest.raises(UsageError, match="built for backend onnxruntime-cpu"):
        profile(tmp_path / "e.onnx", options=replace(QUICK, backend="openvino"))


def test_what_is_not_said_of_an_engines_sizes_is_as_it_was_made_for(tmp_path: Path) -> None:
    path, engine = normalised(tmp_path / "open.onnx", batch="n"), tmp_path / "engine.onnx"
    options = BuildOptions(backend="onnxruntime-cpu", batch=[4, 1, 8])
    build_engine(path, options=options, output=engine)
    assert profile(engine, options=ORT).case.shapes == {"x": (4, 3, 16, 16)}
    assert profile(engine, batch=2, options=ORT).case.shapes == {"x": (2, 3, 16, 16)}
    given = replace(ORT, shapes={"x": (3, 3, 16, 16)})
    assert profile(engine, options=given).case.shapes == {"x": (3, 3, 16, 16)}


def test_what_shares_a_dimension_with_the_sizes_given_follows_them(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "seq"]) for name in ("x", "mask")]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "seq"])
    graph = helper.make_graph([helper.make_node("Mul", ["x", "mask"], ["y"], "masked")], "g", inputs, [output])
    path, engine = tmp_path / "open.onnx", tmp_path / "engine.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    options = BuildOptions(backend="onnxruntime-cpu", profiles=[{"x": [(1, 1), (1, 6), (4, 16)]}])
    build_engine(path, options=options, output=engine)
    for given, batch, size in (({"x": (4, 16)}, None, (4, 16)), ({"mask": (1, 9)}, 2, (2, 9)), ({}, 3, (3, 6))):
        found = profile(engine, batch=batch, options=replace(ORT, shapes=given))
        assert found.case.shapes == {"x": size, "mask": size}


def test_a_stale_engine_is_refused(tmp_path: Path) -> None:
    engine = tmp_path / "e.onnx"
    build_engine(normalised(tmp_path / "m.onnx"), options=BuildOptions(backend="onnxruntime-cpu"), output=engine)
    passport = tmp_path / "e.onnx.passport.json"
    fields: dict[str, Any] = json.loads(passport.read_text())
    passport.write_text(json.dumps(fields | {"backend_version": "1.2.3"}))
    with pytest.raises(EngineError, match=r"stale: built with onnxruntime-cpu 1\.2\.3"):
        profile(engine, options=QUICK)


def test_counting_builds_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="builds no engine"):
        profile(normalised(tmp_path / "m.onnx"), options=Options(static=True, precision="fp32"))


def test_settings_hold_for_a_model_as_it_is_and_for_an_engine(tmp_path: Path) -> None:
    path = normalised(tmp_path / "m.onnx")
    options = replace(QUICK, backend="onnxruntime-cpu", settings={"graph_optimization": "none", "arena": "off"})
    plain, built = (profile(path, options=item) for item in (options, replace(options, precision="fp32")))
    for found in (plain, built):
        said = str(found.environment.described["settings"])
        assert said.startswith("graph_optimization none, arena off, memory_pattern on")
    assert plain.coverage.macs_attributed_fraction == 1.0
    assert "relu1" in {layer.onnx_nodes[0] for layer in plain.layers if len(layer.onnx_nodes) == 1}  # not fused
    assert plain.engine is not None
    assert plain.engine.passport_key is None
    with pytest.raises(UsageError, match="has the settings that it was built with"):
        profile(str(built.engine.passport_key if built.engine else ""), options=options)


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"nothing": "on"}, "has no setting 'nothing'", "there are: graph_optimization"),
        ({"arena": "perhaps"}, "arena of onnxruntime-cpu cannot be 'perhaps'", "on, off"),
        ({"threads": "2"}, "threads is a setting of engines", "--threads 2"),
    ],
)
def test_settings_that_a_model_cannot_be_run_with(
    settings: dict[str, str], message: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        profile(normalised(tmp_path / "m.onnx"), options=replace(QUICK, backend="onnxruntime-cpu", settings=settings))
    assert hint in caught.value.hint
