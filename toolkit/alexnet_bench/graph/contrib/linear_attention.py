"""Linear attention and the causal convolutions before it: a state that is carried on in place of a cache."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import FLOAT, Dims, Node, rule
from alexnet_bench.graph.contrib.sizes import over, plus, times


@rule("LinearAttention")
def linear_attention(node: Node) -> None:
    """[batch, length, heads·width of a value], and the state [batch, kv heads, width of a key, width of a value].

    There are as many heads as queries or keys have, whichever are more. `state_window` keeps as many states.
    """
    query, value = node.dims(0), node.dims(2)
    heads, kv_heads = node.integer("q_num_heads", 0), node.integer("kv_num_heads", 0)
    if query is None or value is None or len(query) != 3 or len(value) != 3 or min(heads, kv_heads) < 1:
        return
    width = over(value[2], kv_heads)
    node.make(0, node.dtype(0), [query[0], query[1], times(width, max(heads, kv_heads))])
    window = node.integer("state_window", 0)
    state = [query[0], kv_heads, over(query[2], heads), width]
    node.make(1, node.dtype(3) if node.has(3) else node.dtype(0), [window, *state] if window else state)


@rule("GatedDeltaNet")
def gated_delta_net(node: Node) -> None:
    """[tokens, heads, width of a value], and the state [batch, heads, width of a value, width of a key].

    Q, K and V are packed into one where K is left out; the sizes of the state tell the heads then.
    """
    query, value, state = node.dims(0), node.dims(2), node.dims(6)
    if query is None:
        return
    if node.has(1):
        if value is not None and len(value) == len(query) > 1:
            heads = value[-2] if value[-2] is None or query[-2] is None else max(query[-2], value[-2])
            node.make(0, node.dtype(0), [*query[:-2], heads, value[-1]])
    elif state is not None and len(state) == 4:
        node.make(0, node.dtype(0), [*query[:-1], state[1], state[2]])
    node.make(1, node.dtype(6) if node.has(6) else FLOAT, state)
    capacity = node.integer("state_update_capacity", 0)
    if capacity and state is not None:
        node.make(2, node.dtype(6), [state[0], None])


@rule("CausalConvWithState")
def causal_conv_with_state(node: Node) -> None:
    """As the input, and the inputs that the next call looks back at: (k - 1)·dilation of them.

    Channels first, or [batch, length, channels] with `channels_last`. `state_window` keeps as many states.
    """
    dims, weights = node.dims(0), node.dims(1)
    node.make(0, node.dtype(0), dims)
    if dims is None or weights is None or len(dims) < 3 or len(weights) < 3:
        return
    length = times(plus(weights[-1], -1), node.integer("dilation", 1))
    last = bool(node.integer("channels_last", 0))
    state: Dims = [dims[0], length, *dims[2:]] if last else [*dims[:-1], length]
    window = node.integer("state_window", 0)
    node.make(1, node.dtype(0), [window, *state] if window else state)


@rule("VarlenCausalConvWithState")
def varlen_causal_conv_with_state(node: Node) -> None:
    """As the input [tokens, channels], the state as it came, and [batch, capacity, channels] of transitions."""
    dims, state = node.dims(0), node.dims(4)
    node.make(0, node.dtype(0), dims)
    node.make(1, node.dtype(0), state)
    if state:
        node.make(2, node.dtype(0), [state[0], node.integer("state_update_capacity", 0), state[1]])


@rule("LinearAttentionGate")
def linear_attention_gate(node: Node) -> None:
    """As the first input, and as input 3."""
    node.make(0, node.dtype(0), node.dims(0))
    node.make(1, node.dtype(0), node.dims(3))
