"""Linear attention, the causal convolutions before it, and its gates: models that carry a state, not a cache."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.prices import RMS_NORM, SIGMOID, SOFTPLUS, activation_price
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula

_GATED, _DELTA = ("gated", "gated_delta"), ("delta", "gated_delta")


def recur(*, rule: str, updates: int, reads: int, key_width: int, value_width: int, decays: int) -> Work:
    """A matrix S of key width by value width per head, updated and read at each token (ONNX, LinearAttention).

    S <- S + k·vᵀ and o = scale·Sᵀ·q are a MAC each for every element of S, and one more with the delta rules, which
    first subtract Sᵀ·k from v and multiply by a rate. The gated rules multiply S by exp(decay).

    Args:
        rule: the attribute update_rule.
        updates: batch · tokens · heads of keys and values.
        reads: batch · tokens · heads of the output.
        key_width: elements of a key.
        value_width: elements of a value.
        decays: elements of the decay, each of which goes through exp.
    """
    if rule not in ("linear", *_GATED, *_DELTA):
        raise UnknownShape(f"no formula for the update rule {rule!r}")
    state = key_width * value_width
    macs = state * (updates * (2 if rule in _DELTA else 1) + reads)
    flop = reads * value_width
    flop += updates * state if rule in _GATED else 0
    flop += updates * 2 * value_width if rule in _DELTA else 0
    return Work(macs=macs, flop=2 * macs + flop, transcendentals=decays if rule in _GATED else 0)


@formula("LinearAttention", settings=(3,))
@formula("LinearAttention", domain=MICROSOFT, settings=(3,))
def linear_attention(op: Operation) -> Work:
    """Shapes: query [batch, tokens, q_num_heads·width], key and value likewise with `kv_num_heads` (opset 27).

    Counted token by token, as the definition is; working in chunks gives the same result by other products.
    """
    heads, kv_heads = op.integer("q_num_heads", 0), op.integer("kv_num_heads", 0)
    if min(heads, kv_heads) < 1:
        raise UnknownShape("q_num_heads or kv_num_heads is missing")
    batch, tokens, hidden = op.input_shape(0)
    values = op.input_shape(2)[2]
    if hidden % heads or values % kv_heads:
        raise ValueError(f"{hidden} and {values} columns are not {heads} and {kv_heads} heads")
    return recur(
        rule=str(op.attribute("update_rule", "gated_delta")),
        updates=batch * tokens * kv_heads,
        reads=batch * tokens * max(heads, kv_heads),
        key_width=hidden // heads,
        value_width=values // kv_heads,
        decays=op.input_elements(4) if op.has_input(4) else 0,
    )


@formula("GatedDeltaNet", domain=MICROSOFT, settings=(6,))
def gated_delta_net(op: Operation) -> Work:
    """The same with tokens first: query [..., heads, key width], value [..., value heads, value width].

    Packed Q, K and V take their sizes from initial_state (input 6), [batch, value heads, value width, key width].
    `qk_l2_norm` costs 3 per element of queries and keys. Gates: -exp(a)·softplus(decay + bias), sigmoid of beta.
    """
    made = op.output_shape()
    tokens = prod(made[:-2])
    if op.has_input(1):
        key_heads, key_width = op.input_shape(0)[-2:]
        heads, value_width = op.input_shape(2)[-2:]
    else:
        _, heads, value_width, key_width = op.input_shape(6)
        key_heads = (op.input_shape(0)[-1] - heads * value_width) // (2 * key_width)
    decays = op.input_elements(4) if op.has_input(4) else 0
    rates = op.input_elements(5) if op.has_input(5) else 0
    work = recur(
        rule=str(op.attribute("update_rule", "gated_delta")),
        updates=tokens * heads,
        reads=tokens * made[-2],
        key_width=key_width,
        value_width=value_width,
        decays=decays,
    )
    flop, transcendentals = work.flop, work.transcendentals
    if op.integer("qk_l2_norm", 0):
        flop += 3 * 2 * tokens * key_heads * key_width
    if op.attribute("gate_activation", "none") == "qwen":
        flop, transcendentals = flop + 4 * decays, transcendentals + 3 * decays
    if op.attribute("beta_activation", "none") == "sigmoid":
        flop, transcendentals = flop + SIGMOID[0] * rates, transcendentals + SIGMOID[1] * rates
    return Work(work.macs, flop, transcendentals)


@formula("CausalConvWithState", settings=(3,))
@formula("CausalConvWithState", domain=MICROSOFT, settings=(3,))
@formula("VarlenCausalConvWithState", domain=MICROSOFT, settings=(4,))
def causal_conv(op: Operation) -> Work:
    """A dot product with the channel's own kernel per output (ONNX, operator CausalConvWithState, opset 27).

    Weights are [channels, 1, k...]. The bias is input 2, or 3 over packed sequences; `activation` may be silu.
    """
    outputs = op.output_elements()
    macs = outputs * prod(op.input_shape(1)[1:])
    bias = op.has_input(3 if op.node.op_type.startswith("Varlen") else 2)
    flop, transcendentals = activation_price(str(op.attribute("activation", "none")))
    return Work(macs, 2 * macs + outputs * (bias + flop), outputs * transcendentals)


@formula("LinearAttentionGate", domain=MICROSOFT)
def linear_attention_gate(op: Operation) -> Work:
    """scale·softplus(a + bias), and the sigmoid of b (input 3) where it is given (ContribOperators.md)."""
    decays, rates = op.input_elements(0), op.input_elements(3) if op.has_input(3) else 0
    return Work(
        flop=(2 + SOFTPLUS[0]) * decays + SIGMOID[0] * rates,
        transcendentals=SOFTPLUS[1] * decays + SIGMOID[1] * rates,
    )


@formula("EngramGate", domain=MICROSOFT)
def engram_gate(op: Operation) -> Work:
    """Two RMS norms and their dot product, a gate per row, and its product with the value (ContribOperators.md).

    Per element of the keys 2 · 4, 2 and 1; with output 1 another norm. The gate itself, one per row, is left out.
    """
    normed = len(op.node.outputs) > 1 and bool(op.node.outputs[1])
    return Work(flop=((3 if normed else 2) * RMS_NORM + 3) * op.input_elements(0))
