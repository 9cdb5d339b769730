"""Recurrent layers. Sequence lengths are data: every sequence counts at its full length."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_bench.graph.formulas.registry import Operation, Work, formula


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


@formula(*_CELLS)
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
    steps = first * second * directions  # time and batch, in whichever order `layout` has them
    macs = steps * rows * (inputs + hidden)
    per_unit = cell.flop
    if op.has_input(3):
        per_unit += cell.gates + bool(op.integer("linear_before_reset", 0))
    per_unit += cell.peephole_flop if op.has_input(_PEEPHOLES) else 0
    return Work(
        macs=macs, flop=2 * macs + steps * hidden * per_unit, transcendentals=steps * hidden * cell.transcendentals
    )
