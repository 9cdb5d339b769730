from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import onnx
import onnx.parser
import pytest

from alexnet_bench import Options, Profile, read_profile
from alexnet_bench.attribution.coverage import counted_only
from alexnet_bench.core.cost import NO_FORMULA
from alexnet_bench.core.engine_layers import EngineLayer, NamedLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Caution, Coverage, Latency, UnknownOp
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.workflows import cautions, count_cautions
from alexnet_bench.workflows.engines import plan_cautions

_NO_GRAPH = Graph("none", (), (), (), {}, frozenset(), {}, frozenset(), 17, 8, "")
_PROFILE = Path(__file__).parents[2] / "data" / "profiles" / "alexnet-2012.json"


@pytest.fixture
def profile() -> Profile:
    found = read_profile(_PROFILE)
    assert isinstance(found, Profile)
    return found


@pytest.fixture
def latency(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Latency:
    """Of a quiet machine."""
    monkeypatch.setattr(cautions, "load_average", lambda: 0.1)
    assert profile.latency is not None
    return replace(profile.latency, median_s=1.0, ci95_s=(0.99, 1.01), profiling_overhead_fraction=0.02)


def _codes(found: Iterable[Caution]) -> list[str]:
    return [caution.code for caution in found]


def test_a_quiet_run_gets_no_caution(latency: Latency) -> None:
    assert _codes(cautions.of_latency(latency, unstable_processes=0)) == []


def test_signs_of_noise(latency: Latency, monkeypatch: pytest.MonkeyPatch) -> None:
    for processes, hint in ((5, "give --seconds 10 or more, or close"), (12, "--seconds 15"), (15, "close what else")):
        several = replace(latency, ci95_s=(0.9, 1.1), samples_s=(latency.samples_s[0],) * processes)
        (noisy,) = cautions.of_latency(several, unstable_processes=0)
        assert noisy.code == "noisy"
        assert hint in noisy.hint
    assert Options(seconds=10).timed_processes > Options(seconds=5).timed_processes == 5, "or the hint is wrong"
    assert _codes(cautions.of_latency(latency, unstable_processes=2)) == ["unstable"]
    costly = replace(latency, profiling_overhead_fraction=2.0)
    assert _codes(cautions.of_latency(costly, unstable_processes=0)) == ["profiler-cost"]
    unknown = replace(latency, profiling_overhead_fraction=None)
    assert _codes(cautions.of_latency(unknown, unstable_processes=0)) == []
    monkeypatch.setattr(cautions, "load_average", lambda: 99.0)
    assert _codes(cautions.of_latency(latency, unstable_processes=0)) == ["busy"]
    monkeypatch.setattr(cautions, "load_average", lambda: None)
    assert _codes(cautions.of_latency(latency, unstable_processes=0)) == []


def test_what_is_not_counted() -> None:
    unknown = (
        UnknownOp("com.acme:Fused\x1b", ("a", "b"), NO_FORMULA),
        UnknownOp("MatMul", ("c",), "shape of input 0 is unknown"),
        *(UnknownOp(f"Op{index}", ("d",), NO_FORMULA) for index in range(9)),
    )
    found = list(count_cautions.of_counts(Coverage(20, 9, unknown), _NO_GRAPH))
    assert _codes(found) == ["unknown-op", "unknown-shape"]
    assert "com.acme:Fused\\x1b (2), Op0 (1)" in found[0].message
    assert "and 2 more" in found[0].message
    assert "MatMul (1); first c: shape of input 0 is unknown" in found[1].message
    assert "no size of an input is open" in found[1].hint
    trees = UnknownOp("ai.onnx.ml.TreeEnsemble", ("t",), "which nodes of a tree a row visits depends on its values")
    (caution,) = count_cautions.of_counts(Coverage(2, 1, (trees,)), _NO_GRAPH)
    assert caution.message.endswith("first t: which nodes of a tree a row visits depends on its values")
    assert caution.hint == ""  # no shape would help
    assert _codes(count_cautions.of_counts(Coverage(20, 20, ()), _NO_GRAPH)) == []


def test_the_first_of_unknown_shape_is_that_of_the_graph(tmp_path: Path) -> None:
    """What follows from it comes earlier in the alphabet; what it lies behind is counted itself."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[2, 100, 4] boxes, float[2, 3, 100] scores, int64[1] n) => (y)
    { kept = NonMaxSuppression(boxes, scores, n)  slid = Neg(kept)  both = Abs(slid)  f = Cast <to = 1> (both)
      y = Relu(f) }"""
    graph = onnx.parser.parse_model(text)
    for node in graph.graph.node:
        node.name = f"the {node.op_type}"
    onnx.save(graph, tmp_path / "m.onnx")
    found = build_graph(open_model(tmp_path / "m.onnx"), name="m")
    caution, _ = count_cautions.of_counts(counted_only(count(found)), found)
    assert "; first the Neg: " in caution.message
    assert caution.message.endswith(", behind the NonMaxSuppression")
    assert "no size of an input is open" in caution.hint


def test_doubtful_ceilings(profile: Profile) -> None:
    ceilings = profile.ceilings
    assert ceilings is not None
    best = ceilings.flop_per_s["float32"]
    assert best is not None
    ceilings = replace(ceilings, median_flop_per_s={"float32": 0.9 * best}, median_bytes_per_s=ceilings.bytes_per_s)
    noisy = replace(ceilings, median_flop_per_s={"float32": 0.5 * best})
    below = [msgspec.structs.replace(layer, fraction_of_ceiling=0.5) for layer in profile.layers]
    assert _codes(cautions.of_ceilings(noisy, below)) == ["noisy-ceiling"]
    above = [msgspec.structs.replace(below[0], fraction_of_ceiling=1.2), *below[1:]]
    (caution,) = cautions.of_ceilings(ceilings, above)
    assert caution.code == "above-roof"
    assert caution.message.startswith("1 layer above")


@pytest.mark.parametrize(
    ("bound", "weight_bytes", "fraction", "is_refuted", "why"),
    [
        ("memory", 1 << 20, 1.2, False, "comes from a cache"),
        ("memory", 151 << 20, 1.2, True, "no cache holds the data"),
        ("memory", 151 << 20, 1.04, False, ""),
        ("compute", 1 << 20, 1.2, True, "beats the runtime's own"),
        ("neither", 151 << 20, 1.2, False, ""),
    ],
)
def test_layers_that_no_cache_explains_refute_a_ceiling(
    profile: Profile,
    monkeypatch: pytest.MonkeyPatch,
    bound: Any,
    weight_bytes: int,
    fraction: float,
    is_refuted: bool,
    why: str,
) -> None:
    monkeypatch.setattr(cautions, "last_level_cache_bytes", lambda: 32 << 20)
    changed = {"bound": bound, "weight_bytes": weight_bytes, "activation_bytes": 0, "fraction_of_ceiling": fraction}
    layers = [msgspec.structs.replace(profile.layers[0], **changed)]
    assert cautions.refute_ceilings(layers) is is_refuted
    assert profile.ceilings is not None
    found = [item for item in cautions.of_ceilings(profile.ceilings, layers) if item.code == "above-roof"]
    assert [why in item.message for item in found] == ([True] if why else [])


def test_a_ceiling_that_no_layer_needs_may_be_noisy(profile: Profile) -> None:
    ceilings = profile.ceilings
    assert ceilings is not None
    layers = [msgspec.structs.replace(layer, fraction_of_ceiling=0.5) for layer in profile.layers]
    others = replace(
        ceilings,
        flop_per_s=ceilings.flop_per_s | {"float64": 9e11, "int8": 9e12, "float16": None},
        median_flop_per_s=ceilings.flop_per_s | {"float64": 1e11, "int8": 1e12, "float16": None},
        median_bytes_per_s=ceilings.bytes_per_s,
    )
    assert _codes(cautions.of_ceilings(others, layers)) == []
    quantised = [msgspec.structs.replace(layers[0], compute_dtype="uint8"), *layers[1:]]
    (caution,) = cautions.of_ceilings(others, quantised)
    assert (caution.code, "int8" in caution.message) == ("noisy-ceiling", True)


def test_a_layer_of_a_type_without_a_ceiling_says_so(profile: Profile) -> None:
    ceilings = profile.ceilings
    assert ceilings is not None
    ceilings = replace(
        ceilings,
        flop_per_s=ceilings.flop_per_s | {"float16": None},
        median_flop_per_s=ceilings.flop_per_s,
        median_bytes_per_s=ceilings.bytes_per_s,
        unavailable={"float16": "computed in float32"},
    )
    layers = [msgspec.structs.replace(layer, fraction_of_ceiling=0.5) for layer in profile.layers]
    half = [
        msgspec.structs.replace(layer, compute_dtype="float16", bound=None, fraction_of_ceiling=None)
        for layer in layers[:2]
    ]
    odd = msgspec.structs.replace(layers[2], compute_dtype="float8", bound=None, fraction_of_ceiling=None)
    first, second = cautions.of_ceilings(ceilings, [*half, odd, *layers[3:]])
    assert first.code == second.code == "no-ceiling"
    assert "2 layers computed in float16, conv1 + relu1 first" in first.message
    assert "computed in float32" in first.message
    assert "1 layer computed in float8" in second.message
    byte = msgspec.structs.replace(odd, compute_dtype="uint8")  # no bound for another reason: it took no time
    with_bytes = replace(ceilings, flop_per_s=ceilings.flop_per_s | {"int8": 1e12})
    assert [caution.code for caution in cautions.of_ceilings(with_bytes, [byte])] == []
    unknown = [msgspec.structs.replace(layer, flop=None) for layer in half]
    assert _codes(cautions.of_ceilings(ceilings, unknown)) == []


def test_nodes_without_an_owner() -> None:
    coverage = Coverage(5, 5, (), unattributed_nodes=("a", "b", "c", "d"))
    (caution,) = cautions.of_attribution(coverage)
    assert caution.code == "unattributed"
    assert caution.message.startswith("4 nodes")
    assert caution.message.endswith("a, b, c and 1 more")


def test_constants_that_run_again_are_named_with_their_share(profile: Profile) -> None:
    assert list(cautions.of_constants(profile.layers)) == []
    again = [
        msgspec.structs.replace(
            profile.layers[0], name=name, op=op, constant_nodes=(name,), time_s=share, time_fraction=share
        )
        for name, op, share in (("b", "Transpose", 0.02), ("w", "DequantizeLinear", 0.4))
    ]
    (caution,) = cautions.of_constants([*profile.layers, *again])
    assert caution.code == "recomputed-constants"
    assert caution.message.endswith("in each run: w (40 %), b (2.0 %)")
    assert "session.disable_quant_qdq" in caution.hint
    (caution,) = cautions.of_constants(again[:1])
    assert "quant" not in caution.hint


def test_an_open_size_that_is_no_batch_is_said() -> None:
    (caution,) = count_cautions.of_sizes({"tokens": "sequence_length"})
    assert caution.code == "open-size"
    assert caution.message == "the first dimension of tokens, sequence_length, is open and was taken as 1"
    assert "--shape tokens=" in caution.hint


@pytest.mark.parametrize("name", ["N", "batch", "batch_size", "s0", "decoder_batch", "unk__12", "None", "dim_0"])
def test_a_batch_of_one_needs_no_word(name: str) -> None:
    assert list(count_cautions.of_sizes({"x": name})) == []


def test_an_output_of_other_sizes_than_declared_is_said() -> None:
    (caution,) = count_cautions.of_outputs({"y\x1b": ("1x10", "8x10")})
    assert caution.code == "declared-size"
    assert caution.message == "the file declares the output y\\x1b as 1x10, and 8x10 follows from the inputs"


def test_counts_at_the_types_of_the_model_are_said_where_bytes_are_not_told() -> None:
    def named(dtype: str, moved_bytes: int | None, *nodes: str) -> NamedLayer:
        return NamedLayer(EngineLayer("l", "", (), (), compute_dtype=dtype, moved_bytes=moved_bytes), nodes, True)

    told = [named("float16", 8, "a"), named("float32", None, "b"), named("float16", None)]
    assert list(plan_cautions.of_types(told)) == []
    assert _codes(plan_cautions.of_types([*told, named("float16", None, "c")])) == ["model-types"]
