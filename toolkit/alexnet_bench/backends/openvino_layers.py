"""What OpenVINO executed, from the record that a run with layer times left.

A kernel names the operators that it stands for; an operator has the user's tensors at its outputs, or none where
OpenVINO's reader made it up. The join key is that list of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from alexnet_bench.backends import openvino_record
from alexnet_bench.backends.openvino_bytes import moved_bytes
from alexnet_bench.backends.openvino_moved import fixed_tensors
from alexnet_bench.backends.openvino_record import Record
from alexnet_bench.backends.openvino_tensors import Claims
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.graph import Graph

_STRETCHES = 4
_DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "boolean": "bool",
    **{f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (4, 8, 16, 32, 64)},
}
_NOT_EXECUTED = ("Input", "Output", "Const")
_CONTROL_FLOW = ("If", "TensorIterator")
"""What has graphs inside, Loop and Scan included: its precision is the type of its condition or its counter."""
_MOVES = ("Concatenation", "Split", "Reshape", "Transpose", "Reorder", "Convert")
_PRODUCTS = ("MatMul", "FullyConnected", "Convolution", "Deconvolution")


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """Layers in terms of the user's tensors, with the times of the last `timed_runs` runs.

    OpenVINO's counters are averages over all runs since loading, in whole microseconds, so that a single run cannot be
    told from them: the runs are cut in four stretches, and each sample is the mean of one. A mean is known within two
    microseconds in the first of them, five in the last; a kernel of under a microsecond has none.

    Args:
        folder: where the run left its record.
        graph: the user's graph.
        timed_runs: how many runs at the end count; the ones before warmed up.
        wall_s: not used: reading the counters takes part of it. The runs as this backend timed them are given instead.

    Raises:
        BackendCrash: the record is not there, or not what was written.
    """
    record = openvino_record.read(folder, timed_runs=timed_runs)
    ends = _ends(len(record.run_s), timed_runs)
    samples = {kernel.name: _means(record, number, ends) for number, kernel in enumerate(record.kernels)}
    layers = tuple(layer for layer in engine_layers(record, graph) if _is_shown(layer, samples[layer.name]))
    return LayerTimes(
        layers=layers,
        samples_s={layer.name: samples[layer.name] for layer in layers},
        run_s=tuple(fmean(record.run_s[start:end]) for start, end in pairwise(ends)),
        wall_s=tuple(record.run_s[len(record.run_s) - timed_runs :]) if wall_s else (),
    )


def engine_layers(record: Record, graph: Graph) -> list[EngineLayer]:
    """The kernels of a compiled model, each with the user's tensors that it reads and makes."""
    claims = Claims(record, graph)
    moved = moved_bytes(record, claims.constant, _DTYPES)
    layers = [
        EngineLayer(
            name=kernel.name,
            op=kernel.kind,
            reads=claims.reads[number],
            makes=claims.makes[number],
            inner=claims.inner[number],
            is_overhead=claims.is_overhead(number),
            is_unmatched=not claims.makes[number] and not claims.is_overhead(number),
            compute_dtype="" if kernel.kind in _CONTROL_FLOW else _dtype(kernel.precision),
            input_dtypes=_unique(record.kernels[source].outputs[port : port + 1] for source, port in kernel.inputs),
            output_dtypes=_unique([kernel.outputs]),
            is_view=number in claims.aids,
            tells_types=True,
            moved_bytes=moved[number].total,
            moved_constant_bytes=moved[number].constant,
        )
        for number, kernel in enumerate(record.kernels)
        if kernel.kind not in _NOT_EXECUTED
    ]
    return _as_parts(layers, graph)


def _as_parts(layers: Sequence[EngineLayer], graph: Graph) -> list[EngineLayer]:
    """Where several kernels together make one node, those that only move data are overhead: no part of its work.

    One of the others also has what is computed for that node from what they read, and that no kernel names: the product
    among them if there is one, else the first. What no input can change, such as an initial state, is not computed.
    """
    node_of = {name: node for node in graph.live_nodes for name in node.writes}
    nodes, fixed = {node.name: node for node in graph.live_nodes}, fixed_tensors(graph)
    together: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for number, layer in enumerate(layers):
        made = {node_of[name].name for name in layer.makes if name in node_of}
        if len(made) == 1 and not layer.is_overhead:
            together.setdefault((layer.reads, made.pop()), []).append(number)
    result = list(layers)
    for (reads, name), numbers in together.items():
        if len(numbers) > 1:
            workers = [number for number in numbers if layers[number].op not in _MOVES] or numbers
            first = next((number for number in workers if layers[number].op in _PRODUCTS), workers[0])
            folded = [read for read in nodes[name].reads if read in node_of and read not in reads]
            result[first] = replace(
                layers[first],
                inner=(*layers[first].inner, *(read for read in folded if read not in fixed)),
                equals=tuple(read for read in folded if read in fixed),
            )
            for number in set(numbers).difference(workers):
                result[number] = replace(layers[number], is_overhead=True)
    return result


def _is_shown(layer: EngineLayer, samples_s: Sequence[float]) -> bool:
    """Whether it ran: what the plugin added and never needed (constants turned once, while loading) did not."""
    return any(samples_s) or not (layer.is_overhead or layer.is_unmatched)


def _ends(runs: int, timed_runs: int) -> list[int]:
    """How many runs are over as each stretch of the timed ones begins and ends, the first begin included."""
    stretches = max(1, min(_STRETCHES, timed_runs))
    return [runs - timed_runs + timed_runs * number // stretches for number in range(stretches + 1)]


def _means(record: Record, kernel: int, ends: Sequence[int]) -> tuple[float, ...]:
    """Mean seconds of a kernel over each stretch, from the averages over all runs so far."""
    totals_us = [(runs, runs * record.average_us[runs - 1][kernel] if runs else 0) for runs in ends]
    return tuple(max(0, after - before) * 1e-6 / (end - start) for (start, before), (end, after) in pairwise(totals_us))


def _dtype(said: str) -> str:
    """A type by numpy's name; "" for what is none."""
    return _DTYPES.get(said.lower(), "")


def _unique(types: Iterable[Sequence[str]]) -> tuple[str, ...]:
    names = (_dtype(said) for group in types for said in group)
    return tuple(dict.fromkeys(filter(None, names)))
