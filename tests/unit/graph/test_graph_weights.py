"""Which constants are parameters, and how many elements packed ones have."""

from __future__ import annotations

import re
from math import prod

import onnx
import pytest
from onnx import TensorProto
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from alexnet_bench.graph.counting import count
from alexnet_bench.graph.formulas import UNCOUNTED, registered
from alexnet_bench.graph.formulas.inputs import Inputs, inputs_of, say
from tests.unit.graph.conftest import Read
from tests.unit.graph.formula_case import MICROSOFT

CODES = {
    "b": TensorProto.UINT8,
    "i": TensorProto.INT8,
    "f": TensorProto.FLOAT,
    "e": TensorProto.FLOAT8E4M3FN,
}
Constants = dict[str, tuple[int, ...]]
"""Sizes by name; the first letter of a name tells the type (CODES)."""

EXPERTS: Constants = {"b1": (4, 16, 4), "f1": (4, 16), "f2": (4, 16), "b2": (4, 8, 8), "f3": (4, 8), "f4": (4, 8)}
QMOE = "QMoE <k = 2{}> (x, r, b1, f1, f2, b2, f3, f4)"
BLOCK: Constants = {"b1": (7, 2, 8), "f1": (7, 2), "f2": (7,)}

PACKED: list[tuple[str, Constants, int]] = [
    # two matrices of 4·8·16 elements in 4 bits, and their biases
    (QMOE.format(""), EXPERTS, 2 * 512 + 64 + 32),
    (QMOE.format(", expert_weight_bits = 8"), EXPERTS, 512 // 2 * 2 + 96),
    # the first in 2 bits, the second in 8
    (QMOE.format(", expert_weight_bits = 8, fc1_expert_weight_bits = 2"), EXPERTS, 256 * 4 + 256 + 96),
    (QMOE.format(', expert_weight_bits = 8, quant_type = "nvfp4"'), EXPERTS, 2 * 512 + 96),
    (QMOE.format(', quant_type = "fp8"'), EXPERTS, 512 + 96),
    (QMOE.format(', quant_type = "fp8"').replace("b", "e").replace("e2", "b2"), {**EXPERTS, "e1": (4, 16, 8)}, 864),
    # a third matrix, of 4·16·8 elements
    (
        "QMoE <k = 2> (x, r, b1, f1, , b2, f3, , b3, f5, f6)",
        {**EXPERTS, "b3": (4, 16, 4), "f5": (4, 16), "f6": (4, 16)},
        3 * 512 + 64,
    ),
    # 32 by 7 elements
    ("MatMulNBits <K = 32, N = 7, block_size = 16> (x, b1, f1, , , f2)", BLOCK, 224 + 7),
    ("MatMulBnb4 <K = 32, N = 7, block_size = 16, quant_type = 1> (x, b1, f1)", {"b1": (112,), "f1": (14,)}, 224),
    ("MatMulFpQ4 <blk_quant_type = 0> (x, b1, shape)", {"b1": (140,)}, 224),
    ("MatMulBlockQuantizedFp8Weight (x, e1, f1, , f2)", {"e1": (7, 32), "f1": (7, 1), "f2": (7,)}, 224 + 7),
    (
        "MatMulBlockQuantizedFp4Weight (x, b1, b2, f1, , f2)",
        {"b1": (7, 16), "b2": (7, 2), "f1": (1,), "f2": (7,)},
        224 + 7,
    ),
    (
        'MatMulNBitsMlp <K = 32, N = 7, activation = "silu"> (x, , f3, b1, f1, f2, b2, f4)',
        {**BLOCK, "f3": (32,), "b2": (7, 2, 8), "f4": (7, 2)},
        2 * 224 + 7 + 32,
    ),
    (
        "MatMulNBitsQkv <K = 32, Nq = 7, Nkv = 5> (x, , f3, b1, f1, f2, b2, f4, , b3, f4, f5)",
        {**BLOCK, "f3": (32,), "b2": (5, 2, 8), "f4": (5, 2), "b3": (5, 2, 8), "f5": (5,)},
        224 + 2 * 160 + 7 + 5 + 32,
    ),
]

QUANTISED: list[tuple[str, Constants, int]] = [
    ("QOrderedMatMul (q, f0, i1, f1, f0, f2)", {"f0": (1,), "i1": (5, 7), "f1": (7,), "f2": (7,)}, 35 + 7),
    (
        "QOrderedAttention (q, f0, f0, f0, f0, i1, i2, i3, f1, f1, f1, f2, f3, f4, f0, f0, f0)",
        {"f0": (1,), **{f"i{at}": (8, 8) for at in (1, 2, 3)}, **{f"f{at}": (8,) for at in (1, 2, 3, 4)}},
        3 * 64 + 24,
    ),
    ("QOrderedLayerNormalization (q, f0, f1, f2, f0)", {"f0": (1,), "f1": (8,), "f2": (8,)}, 16),
    ("QOrderedGelu (q, f0, f0)", {"f0": (1,)}, 0),
    ("QLinearSigmoid (q, f0, i0, f0, i0)", {"f0": (1,), "i0": (1,)}, 0),
    ("QLinearConcat <axis = 0> (f0, i0, q, f0, i0, i1, f0, i0)", {"f0": (1,), "i0": (1,), "i1": (3, 5)}, 15),
    ("MulInteger (q, i0, i1, i0)", {"i0": (1,), "i1": (5,)}, 5),
    (
        "DynamicQuantizeLSTM <hidden_size = 4> (x, i1, i2, f1, , f2, f2, f3, f4, i4, f4, i4)",
        {"i1": (1, 3, 16), "i2": (1, 4, 16), "f1": (1, 32), "f2": (1, 2, 4), "f3": (1, 12), "f4": (1,), "i4": (1,)},
        48 + 64 + 32 + 12,
    ),
    # its formula is missing, its parameters are not
    (
        "QOrderedLongformerAttention (q, f0, i1, f0, f1, f0, f0, m, i2, f0, f2, f0, g, f0)",
        {"f0": (1,), "i1": (8, 24), "f1": (24,), "i2": (8, 24), "f2": (24,)},
        2 * 192 + 48,
    ),
]


@pytest.mark.parametrize(("node", "constants", "params"), [*PACKED, *QUANTISED])
def test_quantised_weights_and_biases_are_parameters_and_their_scales_are_none(
    read: Read, node: str, constants: Constants, params: int
) -> None:
    assert count(read(_model(node, constants))).params == params


def _model(node: str, constants: Constants) -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21, "{MICROSOFT}" : 1]>'
        " g (float[6,32] x, float[6,4] r, int8[3,5] q, float[2,8] m, int32[2,8] g) => (y)"
        f" <int64[2] shape = {{32, 7}}> {{ y = {MICROSOFT}.{node} }}"
    )
    for name, dims in constants.items():
        model.graph.initializer.add(name=name, data_type=CODES[name[0]], dims=dims)
    return model


def test_what_a_packed_weight_holds_is_stored_in_its_own_bytes(read: Read) -> None:
    table = count(read(_model(*PACKED[0][:2])))
    assert table.param_bytes == 2 * 256 + 4 * 96
    assert table.weight_bytes == 2 * 256 + sum(4 * prod(dims) for name, dims in EXPERTS.items() if name[0] == "f")


SCHEMAS = {item.name: item for item in runtime.get_all_operator_schema() if item.domain == MICROSOFT}
OURS = sorted(name for domain, name in {*registered(), *UNCOUNTED} if domain == MICROSOFT and name in SCHEMAS)


def _inputs(name: str, *types: str) -> list[tuple[int, str]]:
    """Indices and names of the inputs of an operator that may be of one of the types."""
    schema = SCHEMAS[name]
    allowed = {item.type_param_str: item.allowed_type_strs for item in schema.type_constraints}
    return [
        (index, item.name)
        for index, item in enumerate(schema.inputs)
        if not {f"tensor({of})" for of in types}.isdisjoint(allowed.get(item.typeStr, [item.typeStr]))
    ]


HAVE_NO_WEIGHTS = {
    "GridSample": "both inputs are of any type: an image and the points in it",
    "GroupQueryAttention": "its caches may be quantised",
    "PagedAttention": "its caches may be quantised",
    "SparsePagedAttention": "its caches may be quantised",
}


@pytest.mark.parametrize("name", [name for name in OURS if any(at for at, _ in _inputs(name, "int8", "uint8"))])
def test_every_operator_on_bytes_says_which_are_its_weights(name: str) -> None:
    assert (inputs_of(MICROSOFT, name).weights is None) == (name in HAVE_NO_WEIGHTS)


STEERS = re.compile(r"(cos|sin)_cache|[kv]_scale|scale[ABY]|ratio|temperature|\w+_penalty|initial_\w+|past_state")
"""Names of inputs that nothing has learned: tables, scales of caches and of data, and states before the first step."""


@pytest.mark.parametrize(
    ("name", "index", "of"),
    [(op, *found) for op in OURS for found in _inputs(op, "float", "float16") if STEERS.fullmatch(found[1])],
)
def test_what_nothing_has_learned_is_a_setting(name: str, index: int, of: str) -> None:
    inputs = inputs_of(MICROSOFT, name)
    assert index in inputs.settings if inputs.weights is None else index not in inputs.weights, of


def test_tables_and_scales_of_an_attention_are_no_parameters(read: Read) -> None:
    """Rotations of 64 positions and scales per channel of the cache; the norms' weights of 8 are learned."""
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21, "{MICROSOFT}" : 1]>'
        " g (float[1,1,64] x, int8[1,2,16,8] p, int8[1,2,16,8] v, int32[1] l, int32 t) => (y)"
        f" {{ y, k, n = {MICROSOFT}.GroupQueryAttention <num_heads = 4, kv_num_heads = 2, do_rotary = 1>"
        " (x, , , p, v, l, t, f1, f2, , , , f3, f4, f5, f6) }"
    )
    sizes = {"f1": (64, 4), "f2": (64, 4), "f3": (1, 2, 1, 8), "f4": (1, 2, 1, 8), "f5": (8,), "f6": (8,)}
    for name, dims in sizes.items():
        model.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=dims)
    assert count(read(model)).params == 16


def test_what_the_inputs_of_an_operator_are_is_said_once() -> None:
    with pytest.raises(ValueError, match="said already"):
        say(MICROSOFT, "QMoE", Inputs(weights=(2,)))
