"""Engines of the real TensorRT-RTX, from options to passport; it builds without a GPU."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from alexnet_bench import BuildOptions, Options, build_engine, profile
from alexnet_bench.backends.device.driver import has_driver
from alexnet_bench.core.errors import (
    BackendRefusal,
    EngineError,
    MissingRuntimeError,
    PrecisionError,
    ShapeError,
    UsageError,
)
from alexnet_bench.core.passport import EngineLayerInfo, Passport, encode_passport
from alexnet_bench.engine.hashes import engine_hash
from alexnet_bench.engine.loading import graph_file
from alexnet_bench.engine.ranges import ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import from_document
from alexnet_bench.engine.recipe_file import find_recipe
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.network import architectures
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import export
from alexnet_bench.network.spec import FullyConnected
from alexnet_bench.workflows.doctor import diagnose
from alexnet_bench.workflows.engines.choose_recipe import choose_recipe
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.inspection.inspect import inspect
from alexnet_bench.workflows.resolve import onnx_package_models, resolve
from tests.unit.backends.tensorrt_here import needs_rtx

pytestmark = needs_rtx
_RTX = "tensorrt-rtx"
_WHOLE = ("alexnet-2012", "lenet-5")
"""Built as published: what else is built of the one shares its engine, and the other is small."""
_no_driver = pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")


def _build(model: str | Path, precision: str = "fp32") -> Passport:
    return build_engine(model, options=BuildOptions(backend=_RTX, precision=precision))


def _macs(model: Path) -> int:
    return count(build_graph(open_model(model), name="model")).macs


def _products(passport: Passport) -> list[EngineLayerInfo]:
    return [layer for layer in passport.layers if layer.macs]


@pytest.fixture(scope="module")
def lenet() -> Passport:
    return _build("lenet-5")


@pytest.fixture
def copy(lenet: Passport, tmp_path: Path) -> Path:
    """An engine outside of the cache, its passport and its graph beside it."""
    assert lenet.backend == _RTX
    target = tmp_path / "lenet.plan"
    build_engine("lenet-5", options=BuildOptions(backend=_RTX, precision="fp32"), output=target)
    return target


@pytest.mark.parametrize("name", sorted(architectures.names()))
def test_every_multiply_add_of_a_reference_network_has_a_layer_in_half(name: str, tmp_path: Path) -> None:
    model = resolve(name).path if name in _WHOLE else _narrowed(name, tmp_path / f"{name}.onnx")
    passport = _build(model, "fp16")
    assert passport.macs_attributed_fraction == 1.0
    assert {layer.compute_dtype for layer in _products(passport)} == {"float16"}
    assert all("float16" in layer.input_dtypes for layer in _products(passport))
    assert sum(layer.macs or 0 for layer in passport.layers) == _macs(model)


def _narrowed(name: str, path: Path) -> Path:
    """A reference network with a sixteenth of its hidden features: the same layers, in a tenth of the time."""
    network = architectures.get(name)
    layers = tuple(
        replace(layer, features=256) if isinstance(layer, FullyConnected) and layer.features == 4096 else layer
        for layer in network.layers
    )
    assert layers != network.layers
    narrow = replace(network, layers=layers)
    export(narrow, initialise(narrow), path)
    return path


@pytest.mark.parametrize("name", sorted(onnx_package_models()))
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_multiply_add_of_the_onnx_packages_models_has_a_layer(name: str, precision: str) -> None:
    passport = _build(name, precision)
    assert passport.macs_attributed_fraction == 1.0
    assert sum(layer.macs or 0 for layer in passport.layers) == _macs(resolve(name).path)


def _recurrent(operator: str, gates: int) -> onnx.ModelProto:
    """Five steps of a recurrent operator between two others."""
    weights = {
        "w": np.full((1, gates * 8, 6), 0.1, np.float32),
        "r": np.full((1, gates * 8, 8), 0.1, np.float32),
        "b": np.full((1, 2 * gates * 8), 0.1, np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Exp", ["x"], ["e"], "before"),
            helper.make_node(operator, ["e", "w", "r", "b"], ["h"], "steps", hidden_size=8),
            helper.make_node("Neg", ["h"], ["y"], "behind"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 2, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("operator", "gates"), [("GRU", 3), ("LSTM", 4), ("RNN", 1)])
def test_the_kernels_of_each_step_belong_to_the_recurrent_node(operator: str, gates: int, tmp_path: Path) -> None:
    """TensorRT names the node for few of them, or for none."""
    path = tmp_path / "recurrent.onnx"
    onnx.save(_recurrent(operator, gates), path)
    passport = _build(path)
    assert passport.macs_attributed_fraction == 1.0
    steps = [layer for layer in passport.layers if "steps" in [part.name for part in layer.shared_nodes]]
    assert len(steps) > 5
    assert sum(part.share for layer in steps for part in layer.shared_nodes) == pytest.approx(1.0)
    assert all(layer.onnx_nodes or layer.shared_nodes for layer in passport.layers if layer.macs)
    assert sum(layer.macs or 0 for layer in passport.layers) == _macs(path)


def test_bytes_are_those_of_the_tensors_that_the_engine_has(lenet: Passport) -> None:
    """A kernel that shares a node moves what it reads and writes, and no share of the node's."""
    layers = inspect(lenet.path).layers
    assert [layer.bytes for layer in layers] == [layer.moved_bytes for layer in lenet.layers]
    (first,) = (layer for layer in lenet.layers if "conv1" in layer.onnx_nodes)
    scalars = (first.moved_bytes or 0) - 4 * (32 * 32 + 6 * 25 + 6 + 6 * 28 * 28)
    assert 0 <= scalars <= 16


_LOOPS = {
    "Scan": """[steps] s, h = Scan <num_scan_inputs = 1, body = b (float[1,16] p, float[1,16] i) => (float[1,16] n,
        float[1,16] o) { [product] m = MatMul (p, v) [sum] n = Add (m, i) [out] o = Identity (n) }> (begin, x)""",
    "Loop": """[steps] s, h = Loop <body = b (int64 at, bool c, float[1,16] p) => (bool d, float[1,16] n, float[1,16] o)
        { [product] m = MatMul (p, v) [sum] n = Tanh (m) [out] o = Identity (n) [on] d = Identity (c) }>
        (turns, yes, x)""",
}


@pytest.mark.parametrize("operator", _LOOPS)
def test_a_loop_that_is_kept_in_float32_is_so_with_its_body(operator: str, tmp_path: Path) -> None:
    """No pass changes types inside it: half is refused with that reason, and the hint is one to follow."""
    x = "float[6,1,16] x" if operator == "Scan" else "float[1,16] x"
    model = parser.parse_model(f"""<ir_version: 9, opset_import: ["" : 17]> g ({x}) => (float[6,1,4] y)
        <float[16,16] v, float[16,4] w, float[1,16] begin, int64 turns = {{6}}, bool yes = {{1}}>
        {{ {_LOOPS[operator]} [head] y = MatMul (h, w) }}""")
    draw = np.random.default_rng(0)
    sizes = {"v": (16, 16), "w": (16, 4), "begin": (1, 16)}
    values = (numpy_helper.from_array(draw.normal(0, 0.1, size).astype("f"), name) for name, size in sizes.items())
    kept = [item for item in model.graph.initializer if item.name not in sizes]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, *values])
    onnx.save(model, path := tmp_path / "loop.onnx")
    with pytest.raises(PrecisionError, match=r"steps \(float32: a graph inside it reads and makes") as error:
        _build(path, "fp16")
    assert error.value.hint.endswith("build-engine --keep-fp32 steps")
    passport = build_engine(path, options=BuildOptions(backend=_RTX, precision="fp16", keep_fp32=["steps"]))
    types = {part.name: layer.compute_dtype for layer in passport.layers for part in layer.shared_nodes if layer.macs}
    types |= {name: layer.compute_dtype for layer in passport.layers for name in layer.onnx_nodes}
    assert (types["steps"], types["head"]) == ("float32", "float16")


def test_the_2012_net_in_half_takes_half_the_room() -> None:
    full, half = _build("alexnet-2012"), _build("alexnet-2012", "fp16")
    assert {layer.compute_dtype for layer in _products(full)} == {"float32"}
    assert half.size_bytes <= 0.52 * full.size_bytes


def test_the_passport_says_what_was_built(lenet: Passport) -> None:
    assert (lenet.target, lenet.device, lenet.driver) == ("rtx", "NVIDIA RTX GPUs", None)
    assert lenet.timing_cache_sha256 is None
    assert Path(lenet.path).name == "engine.plan"
    assert Path(lenet.path).stat().st_size == lenet.size_bytes
    assert _products(lenet)[0].onnx_nodes == ("conv1", "tanh1")
    assert any(layer.tactic.startswith("__myl") for layer in lenet.layers)


def test_what_is_built_is_found_again(lenet: Passport) -> None:
    begun = time.perf_counter()
    again = _build("lenet-5")
    assert again.cache_hit
    assert again.key == lenet.key
    assert time.perf_counter() - begun < 0.5


def test_optimising_takes_the_passes_of_the_recipe_for_half() -> None:
    """The one for fp32 has none."""
    recipe, _ = choose_recipe(BuildOptions(backend=_RTX, optimize=True))
    assert recipe.passes == ("fold-constants", "recompose", "fold-batchnorm", "portable-lrn")


def test_a_silent_fp32_engine_is_an_error_that_names_its_layers(tmp_path: Path) -> None:
    recipe = tmp_path / "silent.toml"
    recipe.write_text('precision = "fp16"\npasses = ["fold-constants"]\n')
    with pytest.raises(
        PrecisionError, match=r"5 of 5 layers with multiply-adds compute in another type: conv1 .*fc5"
    ) as error:
        build_engine("lenet-5", options=BuildOptions(backend=_RTX, recipe=str(recipe)))
    assert error.value.exit_code == 1
    assert error.value.hint.startswith('the recipe has no pass that changes types: give it passes = ["fp16"]')


@pytest.mark.parametrize("keep", [(), ("dot",)])
def test_a_product_without_weights_computes_in_the_type_of_the_graph(tmp_path: Path, keep: tuple[str, ...]) -> None:
    """Of two rows, each by its norm, which a pass keeps in float32: one kernel reads both types, in any order."""
    weights = ",".join("1" * 64)
    text = f"""<ir_version: 9, opset_import: ["" : 20]> g (float[1,8] a, float[1,8] b) => (float[1,1] y)
    <float[8,8] W = {{{weights}}}, float two = {{2}}, float half = {{0.5}}, int64[1] ax = {{1}}> {{
      [proj_a] p = MatMul (a, W)
      [square_a] s = Pow (p, two)
      [sum_a] n = ReduceSum (s, ax)
      [root_a] r = Pow (n, half)
      [unit_a] u = Div (p, r)
      [proj_b] q = MatMul (b, W)
      [square_b] t = Pow (q, two)
      [sum_b] m = ReduceSum (t, ax)
      [root_b] o = Pow (m, half)
      [unit_b] v = Div (q, o)
      [turn] w = Transpose <perm=[1,0]> (v)
      [dot] y = MatMul (u, w)
    }}"""
    onnx.save(parser.parse_model(text), tmp_path / "cosine.onnx")
    options = BuildOptions(backend=_RTX, precision="fp16", keep_fp32=keep)
    passport = build_engine(str(tmp_path / "cosine.onnx"), options=options)
    types = {name: layer.compute_dtype for layer in passport.layers for name in layer.onnx_nodes}
    assert (types["square_a"], types["sum_a"]) == ("float32", "float32")
    assert types["dot"] == ("float32" if keep else "float16")


def test_products_that_do_not_name_their_node_are_checked_too(tmp_path: Path) -> None:
    """TensorRT writes a GRU out as products that do not name it; between no others it is all that they can be."""
    weights = {"w": (1, 48, 8), "r": (1, 48, 16)}
    graph = helper.make_graph(
        [helper.make_node("GRU", ["x", "w", "r"], ["y"], "gru", hidden_size=16)],
        "recurrent",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 1, 1, 16])],
        [numpy_helper.from_array(np.full(shape, 0.1, np.float32), name) for name, shape in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "gru.onnx")
    (tmp_path / "silent.toml").write_text('precision = "fp16"\n')
    with pytest.raises(PrecisionError, match=r"8 of 8 layers .* type: gru \(float32\)$"):
        build_engine(tmp_path / "gru.onnx", options=BuildOptions(backend=_RTX, recipe=str(tmp_path / "silent.toml")))
    assert set(_build(tmp_path / "gru.onnx", "fp16").compute_dtypes) <= {"float16", "float32"}


def test_pools_do_not_keep_convolutions_out_of_bfloat16() -> None:
    """AveragePool was given dilations in opset 19, and bfloat16 in 22."""
    assert {layer.compute_dtype for layer in _products(_build("lenet-5", "bf16"))} == {"bfloat16"}


def test_a_type_that_no_opset_of_the_model_has_is_an_error() -> None:
    with pytest.raises(PrecisionError, match="Conv takes no bfloat16 before opset 22") as error:
        _build("onnx:squeezenet", "bf16")
    assert "--opset 22" in error.value.hint


def test_layers_that_the_recipe_keeps_may_stay_in_float32(tmp_path: Path) -> None:
    recipe = tmp_path / "kept.toml"
    recipe.write_text('precision = "fp16"\npasses = ["fp16"]\nkeep_fp32 = ["fc5"]\n')
    passport = build_engine("lenet-5", options=BuildOptions(backend=_RTX, recipe=str(recipe)))
    (kept,) = [layer for layer in _products(passport) if layer.compute_dtype == "float32"]
    assert kept.name == "tanh4/to_float32 + fc5"
    assert kept.macs == 84 * 10


def _products_between_casts(path: Path) -> Path:
    """Three products with Relus between, of which only the middle one is to stay in float32."""
    names = ["first", "second", "third"]
    nodes = [
        node
        for at, name in enumerate(names)
        for node in (
            helper.make_node("MatMul", [f"r{at}", f"w{at}"], [f"m{at}"], name),
            helper.make_node("Relu", [f"m{at}"], [f"r{at + 1}"], f"relu{at}"),
        )
    ]
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("r0", TensorProto.FLOAT, [4, 64])],
        [helper.make_tensor_value_info("r3", TensorProto.FLOAT, [4, 64])],
        [numpy_helper.from_array(np.eye(64, dtype=np.float32) + at, f"w{at}") for at in range(3)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_product_between_casts_that_is_narrowed_all_the_same_is_named_alone(tmp_path: Path) -> None:
    model = _products_between_casts(tmp_path / "products.onnx")
    options = BuildOptions(backend=_RTX, precision="fp16", keep_fp32=["second"])
    with pytest.raises(PrecisionError) as caught:
        build_engine(model, options=options)
    assert caught.value.message == "1 node that should stay in float32 does not: second (float16)"


def _with_its_shape(path: Path) -> Path:
    """A product, and the shape of its input, which is open, as a second output."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "mm"), helper.make_node("Shape", ["x"], ["s"], "shape")]
    graph = helper.make_graph(
        nodes,
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8]),
            helper.make_tensor_value_info("s", TensorProto.INT64, [2]),
        ],
        [numpy_helper.from_array(np.ones((16, 8), np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_shape_may_be_an_output(tmp_path: Path) -> None:
    passport = _build(_with_its_shape(tmp_path / "shapes.onnx"))
    assert (passport.compute_dtypes, passport.notes) == ({"float32": 1}, ())
    assert passport.macs_attributed_fraction == 1.0


def test_layers_that_cannot_be_read_are_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet_bench.backends.tensorrt.plan_log._LAYER", re.compile("none"))
    options = BuildOptions(backend=_RTX, precision="fp32", batch=3)
    passport = build_engine(_with_its_shape(tmp_path / "shapes.onnx"), options=options)
    assert (passport.layers, passport.macs_attributed_fraction) == ((), 0.0)
    (note,) = passport.notes
    assert note.startswith("what the layers compute in is not known, and was not compared: TensorRT describes")
    assert note.endswith("report it with TensorRT's version")


def test_tf32_is_told_apart() -> None:
    types = {layer.onnx_nodes[:1]: layer.compute_dtype for layer in _products(_build("lenet-5", "tf32"))}
    assert (types["conv1",], types["conv3",]) == ("tf32", "tf32")
    assert types["fc4",] == "float32"  # so small that it is written out as multiplications and a sum


def test_an_engine_is_inspected_by_its_files_alone(copy: Path) -> None:
    found = inspect(copy)
    assert found.model == "lenet-5"
    assert found.shapes == {"input": (1, 1, 32, 32)}
    assert sum(layer.flop or 0 for layer in found.layers) >= 2 * _macs(resolve("lenet-5").path)
    assert graph_file(copy).stat().st_size < 20_000


def test_copies_bear_the_name_of_their_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not the name of an engine") as error:
        build_engine("lenet-5", options=BuildOptions(backend=_RTX), output=tmp_path / "lenet.onnx")
    assert error.value.hint == "end its name in .plan: -o FILE.plan"
    with pytest.raises(UsageError, match="is not the name of an engine"):
        build_engine("lenet-5", options=BuildOptions(backend="onnxruntime-cpu"), output=tmp_path / "lenet.plan")


@_no_driver
def test_without_a_driver_nothing_is_run(copy: Path) -> None:
    for model, options in (
        ("lenet-5", Options(backend=_RTX)),
        ("lenet-5", Options(backend=_RTX, precision="fp16")),
        (str(copy), Options()),
    ):
        with pytest.raises(MissingRuntimeError, match="builds engines here, and cannot run them: no NVIDIA driver"):
            profile(model, options=options)


@_no_driver
def test_without_a_driver_it_may_not_be_used_here(copy: Path) -> None:
    assert inspect(copy).reasons_against == ("tensorrt-rtx cannot run engines here: no NVIDIA driver",)


def test_a_graph_that_is_not_the_engines_own_is_refused(copy: Path) -> None:
    graph = graph_file(copy)
    content = graph.read_bytes()
    graph.write_bytes(content + b"\0")
    for use in (inspect, profile):
        with pytest.raises(EngineError, match=r"lenet\.plan\.graph\.onnx, .*is not the graph that it was built from"):
            use(copy)
    graph.unlink()
    with pytest.raises(EngineError, match=r"there is no lenet\.plan\.graph\.onnx") as error:
        inspect(copy)
    assert error.value.hint.startswith("copy all files of the engine: lenet.plan*")
    graph.write_bytes(content)
    assert inspect(copy).model == "lenet-5"


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("backend_version", "1.6.0", r"is foreign: its first bytes are of tensorrt-rtx 1\.[^6]"),
        ("backend", "tensorrt", r"is damaged: backend is tensorrt, and by its recipe tensorrt-rtx"),
    ],
)
def test_a_passport_of_another_runtime_than_the_engines_is_refused(
    copy: Path, lenet: Passport, field: str, value: str, why: str
) -> None:
    odd = replace(lenet, **{field: value})  # type: ignore[arg-type]
    copy.with_name(copy.name + ".passport.json").write_bytes(encode_passport(odd))
    with pytest.raises(EngineError, match=why):
        inspect(copy)


def test_names_may_hold_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    weights = numpy_helper.from_array(np.ones((8, 8), np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in ("x\nin", "y\n\nout"))
    nodes = [
        helper.make_node("MatMul", ["x\nin", "w"], ["a"], "m\n1"),
        helper.make_node("Relu", ["a"], ["y\n\nout"], "r"),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    passport = _build(path)
    assert passport.macs_attributed_fraction == 1.0
    assert _products(passport)[0].onnx_nodes == ("m\n1", "r")


@_no_driver
def test_the_doctor_builds_and_says_so() -> None:
    (found,) = [backend for backend in diagnose().backends if backend.name == _RTX]
    assert (found.works, found.builds, found.detail) == (False, True, "builds; cannot run: no NVIDIA driver")


def test_a_truncated_engine_is_refused(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:-1])
    with pytest.raises(EngineError, match="is damaged"):
        profile(copy)


@pytest.mark.parametrize(
    ("at", "content", "reason"),
    [
        (0, b"ftrt", "is of tensorrt, and cannot be run by tensorrt-rtx"),
        (25, b"\x06", r"was written by tensorrt-rtx 1\.6\."),
    ],
)
def test_a_foreign_engine_is_refused_by_its_header(
    copy: Path, lenet: Passport, at: int, content: bytes, reason: str
) -> None:
    plan = bytearray(copy.read_bytes())
    plan[at : at + len(content)] = content
    copy.write_bytes(plan)
    passport = replace(lenet, engine_sha256=engine_hash([copy], None))
    copy.with_name(copy.name + ".passport.json").write_bytes(encode_passport(passport))
    with pytest.raises(EngineError, match=reason):
        profile(copy)


def test_a_range_of_batches_is_one_engine_and_no_more(tmp_path: Path) -> None:
    plan = tmp_path / "range.plan"
    passport = build_engine("lenet-5", options=BuildOptions(backend=_RTX, recipe="dynamic-batch"), output=plan)
    assert passport.macs_attributed_fraction == 1.0
    recipe = msgspec.structs.replace(find_recipe("dynamic-batch", None), backend=_RTX)
    graphs = {batch: build_graph(open_model(graph_file(plan)), name="g", batch=batch) for batch in (32, 33)}
    assert load_request(recipe, plan, graphs[32]).shapes == {"input": (32, 1, 32, 32)}
    with pytest.raises(ShapeError, match="the engine takes 1 to 32 as size 0 of input input, not 33"):
        load_request(recipe, plan, graphs[33])


_PROFILES = (
    {"input": ((1, 1, 32, 32), (1, 1, 32, 32), (2, 1, 32, 32))},
    {"input": ((8, 1, 32, 32), (8, 1, 32, 32), (32, 1, 32, 32))},
)


def test_an_engine_takes_the_sizes_of_all_its_profiles_and_no_others(tmp_path: Path) -> None:
    plan = tmp_path / "profiles.plan"
    passport = build_engine(
        "lenet-5", options=BuildOptions(backend=_RTX, precision="fp32", profiles=_PROFILES), output=plan
    )
    assert passport.macs_attributed_fraction == 1.0
    recipe = from_document(passport.recipe)
    assert [str(ranges) for ranges in recipe.sizes] == [
        *("input 1x1x32x32 to 2x1x32x32", "input 8x1x32x32 to 32x1x32x32")
    ]
    graphs = {batch: build_graph(open_model(graph_file(plan)), name="g", batch=batch) for batch in (2, 4, 8)}
    for batch in (2, 8):
        assert load_request(recipe, plan, graphs[batch]).shapes == {"input": (batch, 1, 32, 32)}
    said = "holds input 4x1x32x32. It has 1: input 1x1x32x32 to 2x1x32x32; 2: input 8x1x32x32 to 32x1x32x32"
    with pytest.raises(ShapeError, match=said):
        load_request(recipe, plan, graphs[4])
    with pytest.raises(ShapeError, match=said):  # sizes come before what this machine lacks to run it
        profile(plan, batch=4)
    assert inspect(plan).shapes == {"input": (1, 1, 32, 32)}


def test_profiles_on_the_command_line_take_the_place_of_the_recipes(lenet: Passport, tmp_path: Path) -> None:
    recipe = tmp_path / "two.toml"
    batches = "\n".join(f"[[profiles]]\n[profiles.batch]\nmin={n}\nopt={n}\nmax={n}" for n in (1, 2))
    recipe.write_text(f'precision = "fp32"\n{batches}')
    two = build_engine("lenet-5", options=BuildOptions(backend=_RTX, recipe=str(recipe)))
    assert two.key != lenet.key
    assert two.size_bytes > lenet.size_bytes
    again = build_engine("lenet-5", options=BuildOptions(backend=_RTX, recipe=str(recipe), batch=1))
    one = _PROFILES[:1]
    ranged = build_engine("lenet-5", options=BuildOptions(backend=_RTX, recipe=str(recipe), profiles=one))
    assert (
        again.key == build_engine("lenet-5", options=BuildOptions(backend=_RTX, precision="fp32", optimize=False)).key
    )
    assert from_document(ranged.recipe).sizes == (SizeRanges(None, {"input": ShapeRange(*_PROFILES[0]["input"])}),)


def _model(path: Path, op: str, *sizes: int | str) -> Path:
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"] if op == "MatMul" else ["x"], ["y"], "only")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((4, 3), np.float32), "w")] if op == "MatMul" else [],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_open_sizes_without_a_range_are_refused_with_the_option_to_give(tmp_path: Path) -> None:
    model = _model(tmp_path / "open.onnx", "MatMul", "batch", "length", 4)
    with pytest.raises(ShapeError) as error:
        _build(model)
    assert "--shape x=" in error.value.hint
    options = BuildOptions(backend=_RTX, precision="fp32", shapes={"x": (2, 5, 4)})
    assert sum(layer.macs or 0 for layer in build_engine(model, options=options).layers) == 2 * 5 * 4 * 3


def _chain(path: Path) -> Path:
    """Two nodes that TensorRT-RTX 1.7.1 takes in float32 and not in bfloat16, the latter of them in the builder."""
    text = """<ir_version: 10, opset_import: ["" : 22]> g (float[1,4,8,8] x, float[4,6,3,3] w) => (float[1,6,17,17] y) {
      [swish] s = HardSwish (x)
      [wider] y = ConvTranspose <strides = [2, 2]> (s, w)
    }"""
    model = parser.parse_model(text)
    weights = np.random.default_rng(0).normal(0, 0.1, (4, 6, 3, 3)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    del model.graph.input[1]
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("keep", "said", "hint"),
    [
        ((), r"does not take node swish \(HardSwish\): .*BF16", "--keep-fp32 swish"),
        (
            ("HardSwish",),
            r"cannot build node wider \(ConvTranspose\): .*infer output types",
            "--keep-fp32 HardSwish --keep-fp32 wider;",
        ),
    ],
    ids=["parser", "builder"],
)
def test_a_node_that_a_pass_narrowed_and_is_refused_is_proposed_to_be_kept(
    keep: tuple[str, ...], said: str, hint: str, tmp_path: Path
) -> None:
    model = _chain(tmp_path / "chain.onnx")
    options = BuildOptions(backend=_RTX, precision="bf16", keep_fp32=keep)
    with pytest.raises(BackendRefusal, match=said) as refused:
        build_engine(model, options=options)
    assert hint in refused.value.hint
    assert "--pass" not in refused.value.hint
    build_engine(model, options=replace(options, keep_fp32=("swish", "wider")))


def test_what_is_narrowed_all_the_same_is_no_error_where_it_is_refused_unless_it_is_kept(tmp_path: Path) -> None:
    """Between convolutions TensorRT-RTX 1.7.1 makes a ConvTranspose of bfloat16 that it does not take as one."""
    text = """<ir_version: 10, opset_import: ["" : 22]>
    g (float[1,4,8,8] x, float[4,4,3,3] u, float[4,6,2,2] v, float[6,6,3,3] w) => (float[1,6,14,14] y) {
      [first] a = Conv <pads = [1,1,1,1]> (x, u)
      [bend] b = Relu (a)
      [wider] c = ConvTranspose <strides = [2, 2]> (b, v)
      [last] y = Conv (c, w)
    }"""
    model = parser.parse_model(text)
    del model.graph.input[1:]
    rng = np.random.default_rng(0)
    for name, shape in {"u": (4, 4, 3, 3), "v": (4, 6, 2, 2), "w": (6, 6, 3, 3)}.items():
        weights = rng.normal(0, 0.1, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, name))
    onnx.save(model, tmp_path / "between.onnx")
    options = BuildOptions(backend=_RTX, precision="bf16")
    with pytest.raises(BackendRefusal, match=r"cannot build node wider"):
        build_engine(tmp_path / "between.onnx", options=options)
    for keep in ("wider", "ConvTranspose"):
        passport = build_engine(tmp_path / "between.onnx", options=replace(options, keep_fp32=(keep,)))
        (said,) = [note for note in passport.notes if "narrows" in note]
        assert said.startswith("1 node that should stay in float32 does not, as the backend narrows")
        assert said.endswith(": wider (bfloat16)")


def test_an_operator_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendRefusal, match=r"tensorrt-rtx does not take node only \(Det\)"):
        _build(_model(tmp_path / "det.onnx", "Det", 3, 3))
