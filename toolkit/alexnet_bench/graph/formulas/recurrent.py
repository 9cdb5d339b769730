"""Recurrent layers. Sequence lengths are data: every sequence counts at its full length."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula


@dataclass(frozen=True, slots=True)
class _Cell:
    """What one unit of a recurrent cell does in one step, beside its matrix products.

    Attributes:
        gates: rows of the weights per unit.
        flop: sums of the two products, gate arithmetic and activations.
        transcendentals: of the activations.
        peephole_flop: with peephole weights, more.
    """

    gates: int
    flop: int
    transcendentals: int
    peephole_flop: int = 0


# Default activations. LSTM: 4 sums, 3 sigmoids of 3, 2 tanh, c = f·c + i·g (3), h = o·tanh(c) (1).
# GRU: 3 sums, r·h (1), 2 sigmoids of 3, 1 tanh, h = (1 - z)·g + z·h (4). RNN: 1 sum, 1 tanh.
_CELLS = {
    "LSTM": _Cell(gates=4, flop=17, transcendentals=5, peephole_flop=6),
    "GRU": _Cell(gates=3, flop=14, transcendentals=3),
    "RNN": _Cell(gates=1, flop=1, transcendentals=1),
}
_PEEPHOLES = 7

DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
"""How many there are, by the attribute `direction`."""


def gates(op_type: str) -> int:
    """Rows of the weights of LSTM, GRU or RNN per unit."""
    return _CELLS[op_type].gates


@formula(*_CELLS, settings=(5, 6))
def recurrent(op: Operation) -> Work:
    """Per step, sequence and direction: gates·hidden·(input + hidden) MACs (ONNX, operators LSTM, GRU and RNN).

    W is [directions, gates·hidden, input], R is [directions, gates·hidden, hidden]. The two bias vectors fold into one
    addition per gate; with `linear_before_reset` a GRU's reset gate stands between two of them. Activations count as
    the default ones.
    """
    cell = _CELLS[op.node.op_type]
    first, second, width = op.input_shape(0)
    directions, rows, inputs = op.input_shape(1)
    hidden = op.input_shape(2)[2]
    if width != inputs or rows != cell.gates * hidden:
        raise ValueError(f"weights of {rows}x{inputs} do not fit {cell.gates} gates of {hidden} over {width} inputs")
    if op.input_shape(2) != (directions, rows, hidden):
        raise ValueError(f"of {directions} directions of {rows} rows, R is of {op.input_shape(2)}")
    if directions != DIRECTIONS.get(str(op.attribute("direction", "forward")), directions):
        raise ValueError(f"{directions} directions, and not those of `direction`")
    steps = first * second * directions  # time and batch, in whichever order `layout` has them
    macs = steps * rows * (inputs + hidden)
    per_unit = _per_unit(op, cell)
    return Work(
        macs=macs, flop=2 * macs + steps * hidden * per_unit, transcendentals=steps * hidden * cell.transcendentals
    )


@formula("DynamicQuantizeLSTM", domain=MICROSOFT, weights=(1, 2, 3, 7))
def dynamic_quantize_lstm(op: Operation) -> Work:
    """As LSTM with W [directions, input, 4·hidden] and R [directions, hidden, 4·hidden] in int8 (ContribOperators.md).

    At each step the input and the hidden state are quantised, 5 per element, and both products rescaled, 1 each.
    """
    cell = _CELLS["LSTM"]
    first, second, width = op.input_shape(0)
    directions, inputs, rows = op.input_shape(1)
    hidden = op.input_shape(2)[1]
    if width != inputs or rows != cell.gates * hidden:
        raise ValueError(f"weights of {inputs}x{rows} do not fit {cell.gates} gates of {hidden} over {width} inputs")
    steps = first * second * directions
    macs = steps * rows * (inputs + hidden)
    quantised = steps * (5 * (inputs + hidden) + 2 * rows)
    flop = 2 * macs + steps * hidden * _per_unit(op, cell) + quantised
    return Work(macs=macs, flop=flop, transcendentals=steps * hidden * cell.transcendentals)


@formula("AttnLSTM", domain=MICROSOFT, settings=(5, 6))
def attention_lstm(op: Operation) -> Work:
    """An LSTM that attends to a memory at each step (Bahdanau et al. 2015, section 3.1; ContribOperators.md).

    W [directions, 4·hidden, input and context], query weights (8) [directions, hidden, a], memory weights (9)
    [directions, depth, a], memory (11) [batch, places, depth], attention weights (13) [directions, depth + hidden, c].
    A score is v·tanh(key + query): a sum and a transcendental per element, and a dot product. Keys are made once.
    """
    cell = _CELLS["LSTM"]
    steps, batch, _ = op.input_shape(0)
    directions, rows, inputs = op.input_shape(1)
    hidden, size = op.input_shape(8)[1:]
    _, places, depth = op.input_shape(11)
    if rows != cell.gates * hidden:
        raise ValueError(f"{rows} rows are not {cell.gates} gates of {hidden}")
    context = (depth + hidden) * op.input_shape(13)[2] if op.has_input(13) else 0
    per_step = rows * (inputs + hidden) + hidden * size + places * (size + depth) + context
    turns = steps * batch * directions
    macs = turns * per_step + directions * batch * places * depth * size
    flop = turns * (hidden * _per_unit(op, cell) + places * (size + 4))
    return Work(macs, 2 * macs + flop, turns * (hidden * cell.transcendentals + places * (size + 1)))


def _per_unit(op: Operation, cell: _Cell) -> int:
    """FLOP of a unit in one step, with the bias (input 3) and peepholes (input 7) that there are."""
    flop = cell.flop
    if op.has_input(3):
        flop += cell.gates + bool(op.integer("linear_before_reset", 0))
    return flop + (cell.peephole_flop if op.has_input(_PEEPHOLES) else 0)
