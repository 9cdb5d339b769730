"""Signals: Fourier transforms, windows and filter banks."""

from __future__ import annotations

from math import log2, prod

from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula


def transform(length: int, *, real: bool) -> int:
    """FLOP of one fast Fourier transform: 5·n·log2(n), half of it for real data (Frigo and Johnson 2005, section 7).

    That is the convention in which transforms are compared, whatever the algorithm really does; factors come from
    tables.
    """
    return round((2.5 if real else 5) * length * log2(length)) if length > 1 else 0


@formula("DFT", values=(1, 2))
def dft(op: Operation) -> Work:
    """A transform along one axis for each index of the others (ONNX, operator DFT).

    The input is [..., 1] for real data and [..., 2] for complex data. Half a spectrum is made of real data with
    `onesided`, and real data of half a spectrum with `inverse` too.
    """
    shape, made = op.input_shape(0), op.output_shape()
    axis = _dft_axis(op)
    onesided, inverse = bool(op.integer("onesided", 0)), bool(op.integer("inverse", 0))
    length = _setting(op, 1, shape[axis]) if onesided and not inverse else made[axis]
    others = prod(made) // (made[axis] * made[-1]) if prod(made) else 0
    return Work(flop=others * transform(length, real=shape[-1] == 1 or (onesided and inverse)))


def _dft_axis(op: Operation) -> int:
    return _setting(op, 2, op.integer("axis", -2 if op.graph.opset >= 20 else 1))


def _setting(op: Operation, index: int, default: int) -> int:
    """The value of an input that is one integer. Raises UnknownShape when it is given and data."""
    known = op.values(index)
    if op.has_input(index) and len(known) != 1:
        raise UnknownShape(f"the value of input {index} is unknown")
    return known[0] if known else default


@formula("STFT", values=(3,), settings=(2,))
def stft(op: Operation) -> Work:
    """A product with the window (input 2) and a transform for each frame (ONNX, operator STFT).

    signal is [batch, length, 1 or 2], the output [batch, frames, bins, 2]. The length of a frame is that of the
    window, else the value of frame_length (input 3), else that of the signal.
    """
    signal = op.input_shape(0)
    batch, frames = op.output_shape()[:2]
    real = len(signal) < 3 or signal[2] == 1
    length = op.input_shape(2)[0] if op.has_input(2) else _setting(op, 3, signal[1])
    if length > signal[1]:  # ONNX's inference finds a frame where less than a step is missing
        raise ValueError(f"a frame of {length:,} does not fit on a signal of {signal[1]:,}")
    windowed = length * (1 if real else 2) if op.has_input(2) else 0
    return Work(flop=batch * frames * (windowed + transform(length, real=real)))


@formula("Rfft", "Irfft", domain=MICROSOFT)
def rfft(op: Operation) -> Work:
    """Transforms of real data over the last `signal_ndim` axes, or back to it (ContribOperators.md)."""
    real = op.input_shape(0) if op.node.op_type == "Rfft" else op.output_shape()
    axes = op.integer("signal_ndim", 1)
    if not 1 <= axes <= len(real):
        raise ValueError(f"a signal of {axes} axes in {len(real)}")
    return Work(flop=prod(real[:-axes]) * transform(prod(real[-axes:]), real=True))


@formula("ComplexMul", "ComplexMulConj", domain=MICROSOFT)
def complex_product(op: Operation) -> Work:
    """Four products and two sums for each complex number, which is two elements."""
    return Work(flop=3 * op.output_elements())


@formula("MelWeightMatrix", settings=(3, 4))
def mel_weights(op: Operation) -> Work:
    """Triangles over the bins, as many as there are bands (ONNX, operator MelWeightMatrix).

    Per element at most a difference and a quotient. The two ends go to the mel scale by a logarithm, and each of
    bands + 2 edges comes back by a power and 4 operations.
    """
    edges = op.output_shape()[-1] + 2
    return Work(flop=2 * op.output_elements() + 4 * edges, transcendentals=edges + 2)


@formula("HannWindow", "HammingWindow", "BlackmanWindow")
def window(op: Operation) -> Work:
    """A cosine or two per element, scaled and added."""
    cosines = 2 if op.node.op_type == "BlackmanWindow" else 1
    elements = op.output_elements()
    return Work(flop=3 * cosines * elements, transcendentals=cosines * elements)
