"""Real builds of small models; the cache is that of the session."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.backends.protocol import Availability, LoadRequest
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.core.errors import (
    BackendRefusal,
    EngineError,
    ModelError,
    OutputError,
    PrecisionError,
    ShapeError,
    UsageError,
)
from alexnet_bench.core.passport import Passport, read_passport
from alexnet_bench.core.workspace import engines_root, memo_folder
from alexnet_bench.engine import build as engine_build
from alexnet_bench.engine import cache, narrowed
from alexnet_bench.engine.hashes import model_hash
from alexnet_bench.engine.judging import check_whole
from alexnet_bench.engine.loading import data_file, find_engine
from alexnet_bench.engine.ranges import BatchRange, ShapeRange
from alexnet_bench.engine.recipe import Precision, Recipe, from_document
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.ceiling_runs import why_emulated
from alexnet_bench.report.engines import print_passport
from alexnet_bench.workflows.engines import build
from alexnet_bench.workflows.engines import steps as build_steps
from alexnet_bench.workflows.engines.choose_recipe import choose_recipe
from alexnet_bench.workflows.resolve import resolve

_ORT = "onnxruntime-cpu"


@pytest.fixture(scope="module")
def lenet() -> Passport:
    return build_engine("lenet-5", options=BuildOptions(backend=_ORT, rebuild=True))


def _model(path: Path, *, scale: float = 1.0, dtype: int = TensorProto.FLOAT) -> Path:
    """A product of 2 x 4 by 4 x 3 with dynamic sizes."""
    weight = numpy_helper.from_array(np.full((4, 3), scale, helper.tensor_dtype_to_np_dtype(dtype)), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", dtype, ["batch", "length", 4])],
        [helper.make_tensor_value_info("y", dtype, ["batch", "length", 3])],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_the_passport_says_what_was_built(lenet: Passport) -> None:
    assert lenet.backend == _ORT
    assert lenet.backend_version == importlib.metadata.version("onnxruntime")
    assert lenet.recipe["name"] == "onnxruntime-cpu-fp32"
    assert lenet.requested_precision == "fp32"
    assert set(lenet.compute_dtypes) == {"float32"}
    assert lenet.macs_attributed_fraction == 1.0
    assert sum(layer.macs or 0 for layer in lenet.layers) == 416_520
    assert lenet.build_s > 0
    assert lenet.model_sha256 == model_hash(resolve("lenet-5").path, memo_folder()).sha256
    path = Path(lenet.path)
    assert path.stat().st_size == lenet.size_bytes
    assert path.parent.name == lenet.key
    assert read_passport(path.with_name("passport.json")) == lenet


def _shares(passport: Passport) -> dict[str, float]:
    """How much of each of the user's nodes the layers hold together."""
    shares: dict[str, float] = {}
    for layer in passport.layers:
        for name, share in (
            *((name, 1.0) for name in layer.onnx_nodes),
            *((n.name, n.share) for n in layer.shared_nodes),
        ):
            shares[name] = shares.get(name, 0.0) + share
    return shares


@pytest.mark.parametrize("model", ["lenet-5", "onnx:squeezenet", "alexnet-2012"])
@pytest.mark.parametrize("optimize", [False, True])
def test_every_node_of_the_user_is_there_once(model: str, optimize: bool) -> None:
    passport = build_engine(model, options=BuildOptions(backend=_ORT, optimize=optimize))
    resolved = resolve(model)
    graph = build_graph(open_model(resolved.path), name=model)
    shares = _shares(passport)
    assert sorted(shares) == sorted(graph.live)
    assert all(share == pytest.approx(1.0) for share in shares.values())
    assert sum(layer.macs or 0 for layer in passport.layers) == count(graph).macs
    assert passport.macs_attributed_fraction == 1.0


def test_passes_leave_their_origins_in_the_passport() -> None:
    passport = build_engine("alexnet-2012", options=BuildOptions(backend=_ORT))
    assert passport.origins["norm1/sum"] == ("norm1/split_towers", "norm1", "norm1/join_towers")
    assert all(origins != (name,) for name, origins in passport.origins.items())


def test_the_second_time_it_comes_from_the_cache_without_a_run(
    lenet: Passport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "make", lambda *_, **__: pytest.fail("built again"))
    again = build_engine("lenet-5", options=BuildOptions(backend=_ORT))
    assert again.cache_hit
    assert replace(again, cache_hit=False) == lenet


def test_equal_inputs_under_another_name_are_a_hit_too(lenet: Passport, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    passes = json.dumps(lenet.recipe["passes"])
    recipe.write_text(f'backend = "{_ORT}"\nprecision = "fp32"\npasses = {passes}\n')
    found = build_engine("lenet-5", options=BuildOptions(recipe=str(recipe)))
    assert (found.cache_hit, found.key, found.recipe["name"]) == (True, lenet.key, "mine")


def test_other_weights_are_another_engine(tmp_path: Path) -> None:
    options = BuildOptions(backend=_ORT, shapes={"x": (2, 2, 4)})
    first = build_engine(_model(tmp_path / "m.onnx"), options=options)
    second = build_engine(_model(tmp_path / "m.onnx", scale=2.0), options=options)
    assert first.key != second.key
    assert not second.cache_hit


@pytest.mark.parametrize("name", [cache.ENGINE_FILE, cache.PASSPORT_FILE])
def test_a_damaged_engine_in_the_cache_is_built_again_with_a_note(name: str, tmp_path: Path) -> None:
    model, options = _model(tmp_path / "m.onnx", scale=3.0), BuildOptions(backend=_ORT, shapes={"x": (2, 2, 4)})
    file = Path(build_engine(model, options=options).path).with_name(name)
    content = bytearray(file.read_bytes())
    content[-20:] = bytes(20)
    file.write_bytes(content)
    notes: list[str] = []
    again = build_engine(model, options=options, progress=notes.append)
    assert not again.cache_hit
    assert notes[0].startswith("the engine in the cache is damaged, and built again: ")
    check_whole(find_engine(again.path, tmp_path))
    notes.clear()
    assert build_engine(model, options=options, progress=notes.append).cache_hit
    assert notes == []


def test_an_engine_that_is_refused_when_it_was_just_built_is_not_built_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise EngineError("the engine is damaged")

    monkeypatch.setattr("alexnet_bench.workflows.engines.build.judging.check_whole", refuse)
    model, options = _model(tmp_path / "m.onnx", scale=11.0), BuildOptions(backend=_ORT, shapes={"x": (2, 2, 4)})
    for _ in range(2):  # new, then from the cache
        with pytest.raises(EngineError, match="is damaged"):
            build_engine(model, options=options)


def test_a_copy_has_its_passport_beside_it(lenet: Passport, tmp_path: Path) -> None:
    passport = build_engine("lenet-5", options=BuildOptions(backend=_ORT), output=tmp_path / "out.onnx")
    assert passport.path == str(tmp_path / "out.onnx")
    assert read_passport(tmp_path / "out.onnx.passport.json") == passport
    assert (tmp_path / "out.onnx").read_bytes() == Path(lenet.path).read_bytes()
    check_whole(find_engine(str(tmp_path / "out.onnx"), tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.onnx", "out.onnx.passport.json"]


@pytest.mark.usefixtures("lenet")
def test_the_rights_of_a_copy_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        build_engine("lenet-5", options=BuildOptions(backend=_ORT), output=tmp_path / "out.onnx")
    finally:
        os.umask(before)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        "out.onnx": 0o600,
        "out.onnx.passport.json": 0o600,
    }


def test_a_copy_takes_no_place_but_that_of_an_engine(tmp_path: Path) -> None:
    options, target = BuildOptions(backend=_ORT), tmp_path / "out.onnx"
    target.touch()  # as mktemp leaves it
    whole = build_engine("lenet-5", options=options, output=target).size_bytes
    target.write_bytes(b"damaged")
    assert build_engine("lenet-5", options=options, output=target).size_bytes == target.stat().st_size == whole
    passport = tmp_path / "out.onnx.passport.json"
    passport.unlink()
    build_engine("lenet-5", options=options, output=target)  # it says itself what it is
    passport.unlink()
    for content in (b"a text", Path(resolve("lenet-5").path).read_bytes()):
        target.write_bytes(content)
        with pytest.raises(UsageError, match=r"out\.onnx is there already, is no engine of this tool") as refused:
            build_engine("lenet-5", options=options, output=target)
        assert "remove that one first" in refused.value.hint
        assert target.read_bytes() == content


def test_a_copy_takes_no_place_of_notes_that_are_called_like_its_passport(tmp_path: Path) -> None:
    options, target, notes = BuildOptions(backend=_ORT), tmp_path / "out.onnx", tmp_path / "out.onnx.passport.json"
    notes.write_text("my own notes")
    for _ in range(2):  # without an engine there, and with one that says itself what it is
        with pytest.raises(
            UsageError, match=r"out\.onnx\.passport\.json is there already, is no passport of this tool"
        ):
            build_engine("lenet-5", options=options, output=target)
        assert notes.read_text() == "my own notes"
        target.write_bytes(Path(build_engine("lenet-5", options=options).path).read_bytes())
    build_engine("lenet-5", options=options, output=tmp_path / "other.onnx")
    whole = (tmp_path / "other.onnx.passport.json").read_bytes()
    notes.write_bytes(whole[: len(whole) // 2])  # damaged, but no one else's
    assert build_engine("lenet-5", options=options, output=target) == read_passport(notes)


@pytest.mark.parametrize("name", ["out.bin", "out"])
def test_a_copy_is_named_like_a_model(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the name of an engine"):
        build_engine("lenet-5", output=tmp_path / name)
    with pytest.raises(OutputError):
        build_engine("lenet-5", output=tmp_path / "no" / "out.onnx")


def test_a_fixed_batch_is_in_the_engine() -> None:
    passport = build_engine("lenet-5", options=BuildOptions(backend=_ORT, batch=3))
    (info,) = onnx.load(passport.path).graph.input
    assert [dim.dim_value for dim in info.type.tensor_type.shape.dim] == [3, 1, 32, 32]
    assert sum(layer.macs or 0 for layer in passport.layers) == 3 * 416_520


def test_dynamic_batches_are_tried_at_both_ends() -> None:
    told: list[str] = []
    options = BuildOptions(backend=_ORT, recipe="dynamic-batch", rebuild=True)
    passport = build_engine("lenet-5", options=options, progress=told.append)
    assert [text for text in told if "trying the" in text] == [
        "trying the min of the shapes that it takes",
        "trying the max of the shapes that it takes",
    ]
    (info,) = onnx.load(passport.path).graph.input
    assert info.type.tensor_type.shape.dim[0].dim_param
    assert sum(layer.macs or 0 for layer in passport.layers) == 8 * 416_520


def test_shapes_that_are_not_known_have_to_be_given(tmp_path: Path) -> None:
    with pytest.raises(ShapeError):
        build_engine(_model(tmp_path / "m.onnx"), options=BuildOptions(backend=_ORT))
    assert list(engines_root().glob(".*")) == []


def test_a_silent_float32_is_an_error_that_names_the_layers() -> None:
    with pytest.raises(PrecisionError) as caught:
        build_engine("lenet-5", options=BuildOptions(backend=_ORT, precision="fp16"))
    assert caught.value.exit_code == 1
    for name in ("conv1", "conv2", "conv3", "fc4", "fc5"):
        assert name in caught.value.message
    assert "float32" in caught.value.message
    assert list(engines_root().glob(".*")) == []


@pytest.mark.parametrize(
    ("backend", "recipe", "keep"),
    [("openvino", "bf16", "Conv"), ("openvino", "openvino-bf16", "conv2"), ("tensorrt-rtx", "fp16", "conv2")],
)
def test_products_that_a_backend_narrows_though_they_are_to_stay_are_an_error(
    backend: str, recipe: str, keep: str
) -> None:
    """OpenVINO takes one type for all; TensorRT-RTX 1.7.1 moves the casts around a convolution into it."""
    pytest.importorskip(get_backend(backend).module, reason=f"{backend} is not installed")
    with pytest.raises(PrecisionError, match=r"should stay in float32 do(es)? not: .*conv2"):
        build_engine("lenet-5", options=BuildOptions(backend=backend, recipe=recipe, keep_fp32=[keep]))


def test_every_hint_leads_to_an_engine_where_openvino_leaves_a_product_in_float32(tmp_path: Path) -> None:
    """It has weights on the left of a product computed in float32, whatever it is told."""
    pytest.importorskip("openvino")
    model, generator = tmp_path / "m.onnx", np.random.default_rng(0)
    weights = {"w": generator.standard_normal((16, 8)), "left": generator.standard_normal((12, 16))}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "first"),
        helper.make_node("MatMul", ["left", "h"], ["y"], "second"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 12, 8])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    told = BuildOptions(backend="openvino", precision="bf16")
    with pytest.raises(PrecisionError, match=r"1 of 2 layers .* in another type: second \(float32\)") as caught:
        build_engine(model, options=told)
    assert caught.value.hint == "keep it in float32: build-engine --keep-fp32 second"
    for options in (told, replace(told, passes=["bf16"]), replace(told, precision=None, recipe="bf16")):
        kept = build_engine(model, options=replace(options, keep_fp32=["second"]))
        computed = {
            name: layer.compute_dtype
            for layer in kept.layers
            for name in (*layer.onnx_nodes, *(part.name for part in layer.shared_nodes if part.share))
        }
        assert computed == {"first": "bfloat16", "second": "float32"}
        assert kept.recipe["keep_fp32"] == ["second"]
    with pytest.raises(UsageError, match="none is asked for") as unasked:
        build_engine(model, options=BuildOptions(backend="openvino", keep_fp32=["second"]))
    assert unasked.value.hint == "leave it out, or give --precision fp16 or bf16"


def test_what_is_to_be_kept_and_is_not_there_is_said() -> None:
    passport = build_engine("lenet-5", options=BuildOptions(backend="openvino", recipe="bf16", keep_fp32=["Softmax"]))
    assert passport.notes[0] == "keep_fp32: there is no node of operator Softmax"
    for backend, recipe in (("openvino", "bf16"), ("openvino", "openvino-bf16"), ("onnxruntime-cpu", "bf16")):
        with pytest.raises(UsageError, match="there is no node or operator conv22") as caught:
            build_engine("lenet-5", options=BuildOptions(backend=backend, recipe=recipe, keep_fp32=["conv22"]))
        assert "did you mean conv2" in caught.value.hint


def test_nodes_whose_multiply_adds_are_not_known_are_in_no_share_and_said(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    weights = ["w", "v"]
    graph = onnx.parser.parse_graph(
        """g (float[4,8] x, bool[4] some) => (float[M,3] y, float[4,3] z) <float[8,3] w, float[8,3] v>
        { h = Compress <axis = 0> (x, some) y = MatMul (h, w) z = MatMul (x, v) }"""
    )
    graph.initializer.extend(numpy_helper.from_array(np.ones((8, 3), np.float32), name) for name in weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    passport = build_engine(model, options=BuildOptions(backend=_ORT))
    assert passport.macs_attributed_fraction == 1.0
    (note,) = passport.notes
    assert note.startswith("multiply-adds are not known of 2 of 3 nodes: Compress (1), MatMul (1); first ")
    printed = io.StringIO()
    print_passport(passport, printed)
    assert "100 % of the MACs counted" in printed.getvalue()


@pytest.mark.parametrize(
    ("backend", "computed"), [("onnxruntime-cpu", "float64"), ("openvino", "float32"), ("tensorrt-rtx", "float32")]
)
def test_a_model_in_float64_is_built_and_less_than_that_is_said(tmp_path: Path, backend: str, computed: str) -> None:
    pytest.importorskip(get_backend(backend).module, reason=f"{backend} is not installed")
    model = _model(tmp_path / "m.onnx", dtype=TensorProto.DOUBLE)
    passport = build_engine(model, options=BuildOptions(backend=backend, shapes={"x": (2, 5, 4)}))
    assert set(passport.compute_dtypes) == {computed}
    assert len(passport.notes) == (computed == "float32")
    if passport.notes:
        assert passport.notes[0].startswith("1 layer multiplies float64 in the model, and float32 here: ")
        printed = io.StringIO()
        print_passport(passport, printed)
        assert "note        1 layer multiplies float64" in printed.getvalue()


def test_a_type_that_the_runtime_has_no_kernels_for_is_refused_in_its_words() -> None:
    with pytest.raises(BackendRefusal, match="onnxruntime"):
        build_engine("lenet-5", options=BuildOptions(backend=_ORT, precision="bf16"))


@pytest.mark.parametrize(
    ("works", "hint"),
    [
        (("openvino", "tensorrt"), "that computes in bfloat16: --backend openvino or --backend tensorrt"),
        ((), r"openvino can be told to compute in bfloat16: .*pip install"),
    ],
)
def test_a_type_that_a_pass_chose_and_the_runtime_has_no_kernels_for_is_said_with_who_has(
    works: tuple[str, ...], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        narrowed, "availability", lambda backend: Availability(backend.name, "1", works=backend.name in works)
    )
    with pytest.raises(BackendRefusal, match=r"^onnxruntime-cpu has no kernel of bfloat16 for node conv1: ") as caught:
        build_engine("lenet-5", options=BuildOptions(backend=_ORT, precision="bf16"))
    assert re.search(hint, caught.value.hint)


def test_a_model_that_changes_while_it_is_built_gives_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _model(tmp_path / "m.onnx", scale=5.0)
    original = build_steps.make

    def meanwhile(*arguments: object, **options: object) -> object:
        made = original(*arguments, **options)  # type: ignore[arg-type]
        _model(path, scale=6.0)
        return made

    monkeypatch.setattr(build, "make", meanwhile)
    before = len(cache.kept_engines(engines_root()))
    with pytest.raises(ModelError, match="changed while it was read"):
        build_engine(path, options=BuildOptions(backend=_ORT, shapes={"x": (2, 2, 4)}))
    assert len(cache.kept_engines(engines_root())) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BuildOptions(precision="fp8"), "unknown precision 'fp8'"),
        (BuildOptions(precision="tf32", backend=_ORT), "runs on the processor, which has no tf32"),
        (BuildOptions(recipe="onnxruntime-cpu-fp32", precision="fp16"), "is for precision fp32"),
        (BuildOptions(recipe="onnxruntime-cpu-fp32", backend="openvino"), "is for backend onnxruntime-cpu"),
        (BuildOptions(backend=_ORT, batch=0), "whole number from 1"),
        (BuildOptions(backend=_ORT, batch=1 << 31), "batch: 2147483648 is no size"),
        (BuildOptions(backend=_ORT, shapes={"input": ((1 << 32) + 8, 1, 32, 32)}), "of input: 4294967304 is no size"),
        (BuildOptions(backend=_ORT, shapes={"input": (1,) * 65}), "65 dimensions are more than 64"),
        (BuildOptions(backend=_ORT, profiles=[{"input": ((1, 1), (1, 1), (1 << 31, 1))}]), "2147483648 is no size"),
        (BuildOptions(backend="none"), "unknown backend"),
        (BuildOptions(timeout_s=-1.0), "no time to wait"),
        (BuildOptions(backend=_ORT, passes=["fp16"]), "the pass fp16 comes with its precision"),
        (BuildOptions(backend=_ORT, passes=["odd"]), "there is no pass named odd"),
        (BuildOptions(backend=_ORT, keep_fp32=["conv2"]), "stays in float32 beside a narrower type, and none is asked"),
        (BuildOptions(backend=_ORT, precision="fp32", passes=["fp16"]), "the pass fp16 comes with its precision"),
    ],
)
def test_options_that_cannot_be_followed(options: BuildOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_engine("lenet-5", options=options)


def test_optimising_can_be_asked_for_and_left_out() -> None:
    without = build_engine("lenet-5", options=BuildOptions(backend=_ORT, optimize=False))
    assert without.passes == ()
    added = build_engine("lenet-5", options=BuildOptions(backend=_ORT, recipe="fp32", optimize=True))
    assert added.passes == tuple(build_engine("lenet-5", options=BuildOptions(backend=_ORT)).passes)
    assert "lower-lrn" in added.passes


def test_a_backend_that_no_pass_makes_faster_says_so() -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="no recipe for torch has passes that make a graph faster"):
        choose_recipe(BuildOptions(backend="torch", optimize=True))


@pytest.mark.parametrize(
    ("options", "passes", "kept"),
    [
        (
            BuildOptions(recipe="bf16", passes=["lower-lrn", "recompose"]),
            "fold-constants recompose fold-batchnorm portable-lrn",
            "",
        ),
        (BuildOptions(recipe="bf16", passes=["lower-lrn"], optimize=False, keep_fp32=["a", "a"]), "", "a"),
        (
            BuildOptions(recipe="bf16", passes=["bf16", "lower-lrn"]),
            "fold-constants recompose fold-batchnorm portable-lrn",
            "",
        ),
    ],
)
def test_passes_and_what_to_keep_come_beside_those_of_the_recipe(options: BuildOptions, passes: str, kept: str) -> None:
    """Added passes come behind those that make the graph faster, and before those that narrow its types."""
    recipe, _ = choose_recipe(replace(options, backend=_ORT))
    assert recipe.passes == (*passes.split(), "lower-lrn", "bf16")
    assert recipe.keep_fp32 == tuple(kept.split())


def test_an_added_pass_is_applied() -> None:
    options = BuildOptions(backend=_ORT, recipe="fp32", passes=["lower-lrn"])
    passport = build_engine("alexnet-2012", options=options)
    assert passport.passes == ("lower-lrn",)
    assert "LRN" not in {node.op_type for node in open_model(Path(passport.path)).proto.graph.node}


@pytest.mark.parametrize("backend", [_ORT, "openvino"])
def test_weights_beside_the_model_and_beside_the_engine(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(backend.removesuffix("-cpu"))
    monkeypatch.setattr(engine_build, "MAX_INLINE_BYTES", 10)
    monkeypatch.setattr(engine_build, "_LEAST_EXTERNAL_BYTES", 0)
    source = tmp_path / "source"
    source.mkdir()
    whole = onnx.load(_model(source / "inline.onnx", scale=7.0))
    onnx.save(whole, source / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    options = BuildOptions(backend=backend, shapes={"x": (2, 2, 4)}, rebuild=True)
    passport = build_engine(source / "m.onnx", options=options, output=tmp_path / "out.onnx")
    data = tmp_path / data_file(passport.key)
    assert passport.size_bytes == (tmp_path / "out.onnx").stat().st_size + data.stat().st_size
    assert sum(layer.macs or 0 for layer in passport.layers) == 2 * 2 * 4 * 3
    check_whole(find_engine(str(tmp_path / "out.onnx"), tmp_path))
    data.write_bytes(data.read_bytes()[::-1] + b"x")
    with pytest.raises(EngineError, match="damaged"):
        check_whole(find_engine(str(tmp_path / "out.onnx"), tmp_path))


def test_openvino_is_told_the_type_and_held_to_it() -> None:
    pytest.importorskip("openvino")
    passport = build_engine("lenet-5", options=BuildOptions(backend="openvino"))
    assert passport.recipe["name"] == "openvino-fp32"
    assert set(passport.compute_dtypes) == {"float32"}
    assert passport.macs_attributed_fraction == 1.0
    # A processor computes in bfloat16, or the build is refused; in no case does it pretend.
    try:
        passport = build_engine("lenet-5", options=BuildOptions(backend="openvino", precision="bf16"))
        said = str(passport.compute_dtypes)
        emulated = [note for note in passport.notes if note.startswith("bfloat16 is emulated on this processor: ")]
    except PrecisionError as error:
        said, emulated = error.message, []
    assert "'bfloat16': " in said or "bf16 was asked for" in said
    assert len(emulated) == bool(why_emulated("openvino", 1, "bfloat16", {}))


def test_a_product_that_cannot_be_timed_costs_a_note_and_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise BackendRefusal("no such product")

    request = LoadRequest("openvino", "m.onnx", 1, precision="bfloat16")
    monkeypatch.setattr(build_steps, "why_emulated", lambda *_: "slow")
    assert build_steps._emulated(request) == ("bfloat16 is slow",)
    monkeypatch.setattr(build_steps, "why_emulated", refuse)
    assert build_steps._emulated(request) == ()


def test_a_recipe_with_sizes_of_an_input_that_is_not_there_is_said_to_be_wrong(tmp_path: Path) -> None:
    recipe = tmp_path / "sizes.toml"
    recipe.write_text("[shapes.ids]\nmin = [1, 2, 4]\nopt = [1, 2, 4]\nmax = [1, 2, 4]\n")
    with pytest.raises(UsageError, match=r"sizes.toml does not fit the model: shapes.ids is of no input") as caught:
        build_engine(_model(tmp_path / "m.onnx"), options=BuildOptions(backend=_ORT, recipe=str(recipe)))
    assert caught.value.hint == "there are: x"


@pytest.mark.parametrize(
    ("backend", "precision", "told"),
    [
        ("onnxruntime-cuda", "tf32", {"tf32": "on"}),
        ("onnxruntime-cuda", "fp32", {}),
        ("onnxruntime-tensorrt", "tf32", {"tf32": "on"}),
        ("torch", "tf32", {}),
    ],
)
def test_a_backend_with_a_setting_for_tf32_is_told(
    backend: str, precision: Precision, told: dict[str, str], tmp_path: Path
) -> None:
    file = _model(tmp_path / "product.onnx")
    recipe = Recipe(name="a", backend=backend, precision=precision)
    graph = build_graph(open_model(file), name="product", given_shapes={"x": (1, 2, 4)})
    assert build_steps.load_request(recipe, file, graph).settings == told


def test_a_batch_that_is_given_goes_through_the_shapes_of_a_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "service.toml"
    lines = [
        "[batch]\nmin = 1\nopt = 8\nmax = 32",
        "[shapes.ids]\nmin = [1, 16]\nopt = [8, 128]\nmax = [32, 512]",
        "[shapes.mask]\nmin = [1, 16]\nopt = [1, 128]\nmax = [1, 512]",  # 1 stands for every batch
        "[shapes.table]\nmin = [1, 2]\nopt = [8, 2]\nmax = [32, 2]",  # no batch, where the model says a number
        "[shapes.rest]\nmin = [1, 2]\nopt = [4, 2]\nmax = [32, 2]",  # no batch of the recipe
    ]
    recipe.write_text("\n".join(lines))
    options = BuildOptions(backend=_ORT, recipe=str(recipe), batch=4)
    found = choose_recipe(options, leads_open=lambda name: name != "table")[0]
    assert found.batch == BatchRange(4, 4, 4)
    assert found.shapes["ids"] == found.shapes["mask"] == ShapeRange((4, 16), (4, 128), (4, 512))
    assert found.shapes["table"] == ShapeRange((1, 2), (8, 2), (32, 2))
    assert found.shapes["rest"] == ShapeRange((1, 2), (4, 2), (32, 2))
    several = choose_recipe(replace(options, batch=(2, 1, 16)))[0]
    assert several.shapes["ids"] == ShapeRange((1, 16), (2, 128), (16, 512))


@pytest.mark.parametrize("batch", [1, 4])
def test_an_engine_of_one_batch_by_a_recipe_with_a_range_of_both(batch: int, tmp_path: Path) -> None:
    recipe, value = tmp_path / "service.toml", helper.make_tensor_value_info
    recipe.write_text(
        "[batch]\nmin = 1\nopt = 8\nmax = 32\n[shapes.ids]\nmin = [1, 2]\nopt = [8, 4]\nmax = [32, 6]\n"
        "[shapes.fixed]\nmin = [2, 2]\nopt = [2, 4]\nmax = [2, 6]\n"
    )
    nodes = [helper.make_node("Relu", [name], [f"{name}.y"]) for name in ("ids", "fixed")]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("ids", TensorProto.FLOAT, ["batch", "seq"]), value("fixed", TensorProto.FLOAT, [2, "seq"])],
        [value("ids.y", TensorProto.FLOAT, ["batch", "seq"]), value("fixed.y", TensorProto.FLOAT, [2, "seq"])],
    )
    file = tmp_path / "m.onnx"
    file.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    passport = build_engine(file, options=BuildOptions(backend=_ORT, recipe=str(recipe), batch=batch))
    followed = from_document(passport.recipe)
    assert followed.shapes["ids"] == ShapeRange((batch, 2), (batch, 4), (batch, 6))
    assert followed.shapes["fixed"] == ShapeRange((2, 2), (2, 4), (2, 6))
