"""Mixtures of experts: a router picks k of the experts for each token, and only those work."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.inputs import elements_in_bytes
from alexnet_bench.graph.formulas.prices import DEQUANTISE, activation_price
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula, tensor_bytes

_ROUTE = 5
"""FLOP per token and expert to route: the softmax (and 1 transcendental), and a comparison to find the best."""

_SWIGLU = (10, 1)
"""Two clamps of 1 and 2, G·sigmoid(alpha·G) (5), a sum and a product; with a third matrix, silu and its product."""


_FLOAT_BITS = {"fp4": 4, "nvfp4": 4, "wfp4afp8": 4, "fp8": 8}
"""Of a weight of QMoE, by the attribute `quant_type`; integers have as many as other attributes say."""


def _of_experts(op: Operation) -> dict[int, int]:
    """Elements of the three matrices of QMoE."""
    bits = op.integer("expert_weight_bits", 4)
    kind = _FLOAT_BITS.get(str(op.attribute("quant_type", "int")))
    return {
        index: elements_in_bytes(op.input(index), kind or op.integer(f"fc{number}_expert_weight_bits", bits))
        for number, index in enumerate((2, 5, 8), start=1)
        if op.has_input(index)
    }


@formula("MoE", domain=MICROSOFT)
@formula("QMoE", domain=MICROSOFT, weights=(2, 4, 5, 7, 8, 10), unpacked=_of_experts)
def mixture_of_experts(op: Operation) -> Work:
    """Per token and expert picked: hidden to inner, the activation, inner to hidden; then their weighted sum.

    input is [..., hidden], router_probs [tokens, experts]; the weights are [experts, inner (twice, for a fused SwiGLU),
    hidden] and [experts, hidden, inner], packed in QMoE (ContribOperators.md). A third matrix, where there is one, is a
    gate. Quantised weights are dequantised once, 2 each. No more experts are read than can have been picked.
    """
    quantised = op.node.op_type == "QMoE"
    first, second, third = (2, 5, 8) if quantised else (2, 4, 6)
    hidden, tokens = op.input_shape(0)[-1], prod(op.input_shape(0)[:-1])
    experts, columns, _ = op.input_shape(first)
    if op.input_shape(second)[:2] != (experts, hidden):
        raise ValueError("the weights of the experts do not fit the tokens")
    name = str(op.attribute("activation_type", "relu"))
    flop, transcendentals = _SWIGLU if name == "swiglu" else activation_price(name)
    gated = op.has_input(third)
    inner = columns // 2 if name == "swiglu" and not gated else columns
    per_token = hidden * columns + inner * hidden + (hidden * inner if gated else 0)
    picks = tokens * op.integer("k", 1)
    busy = min(experts, picks)
    biases = _bias(op, first + 1 + quantised, columns) + _bias(op, second + 1 + quantised, hidden)
    biases += _bias(op, third + 1 + quantised, inner) if gated else 0
    elementwise = biases + inner * (flop + (gated and name != "swiglu")) + 2 * hidden
    macs = picks * per_token
    return Work(
        macs=macs,
        flop=2 * macs + picks * elementwise + tokens * experts * _ROUTE + busy * per_token * DEQUANTISE * quantised,
        transcendentals=picks * inner * transcendentals + tokens * experts,
        bytes_read=_read(op, experts, busy),
    )


def _bias(op: Operation, index: int, width: int) -> int:
    return width if op.has_input(index) else 0


def _read(op: Operation, experts: int, busy: int) -> int:
    """Tokens and routes, and of everything that there is per expert the share that is busy."""
    whole = sum(tensor_bytes(op.input(index)) for index in (0, 1))
    shared = sum(tensor_bytes(op.input(index)) for index in range(2, len(op.node.inputs)) if op.has_input(index))
    return whole + (shared * busy // experts if experts else 0)
