"""What OpenVINO executed, from the record that a run with layer times left.

A kernel names the operators that it stands for; an operator has the user's tensors at its outputs, or none where
OpenVINO's reader made it up. The join key is that list of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from alexnet_bench.backends.openvino import record as openvino_record
from alexnet_bench.backends.openvino.bytes import moved_bytes
from alexnet_bench.backends.openvino.parts import as_parts, multiplies
from alexnet_bench.backends.openvino.record import Record, SourceOp
from alexnet_bench.backends.openvino.tensors import Claims
from alexnet_bench.backends.openvino.types import compute_dtype, dtype
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.graph.counting import count

_STRETCHES = 4
_NO_CHOICE = ("unknown", "undef")
"""How the implementations begin of kernels that have none of their own."""
_NOT_EXECUTED = ("Input", "Output", "Const")


def read_layers(
    folder: Path,
    graph: Graph,
    *,
    timed_runs: int,
    wall_s: tuple[float, ...],  # noqa: ARG001 - the same for every backend
) -> LayerTimes:
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
        wall_s=tuple(record.run_s[len(record.run_s) - timed_runs :]),
        seen=_seen(record.source, graph),
    )


def _seen(source: Sequence[SourceOp], graph: Graph) -> dict[str, Tensor]:
    """The user's tensors of which OpenVINO knew the sizes before the run."""
    made = {name for node in graph.nodes for name in node.writes}
    return {
        name: Tensor(name, dtype(said), tuple(sizes))
        for operator in source
        for names, said, sizes in zip(operator.outputs, operator.types, operator.sizes, strict=False)
        for name in made.intersection(names)
        if sizes is not None and dtype(said)
    }


def engine_layers(record: Record, graph: Graph) -> list[EngineLayer]:
    """The kernels of a compiled model, each with the user's tensors that it reads and makes."""
    costs = count(graph)
    claims = Claims(record, graph, costs)
    moved = moved_bytes(record, claims.constant)
    executed = [item for item in enumerate(record.kernels) if item[1].kind not in _NOT_EXECUTED]
    layers = [
        EngineLayer(
            name=kernel.name,
            op=kernel.kind,
            reads=claims.reads[number],
            makes=claims.makes[number],
            inner=claims.inner[number],
            step_sizes=claims.step_sizes(number, graph),
            is_overhead=claims.is_overhead(number),
            is_unmatched=not claims.makes[number] and not claims.is_overhead(number),
            compute_dtype=compute_dtype(kernel, record),
            input_dtypes=_unique(record.kernels[source].outputs[port : port + 1] for source, port in kernel.inputs),
            output_dtypes=_unique([kernel.outputs]),
            tells_types=True,
            moved_bytes=moved[number].total,
            moved_constant_bytes=moved[number].constant,
            made_bytes=moved[number].made,
            named=tuple(sorted(claims.named[number])),
            multiplies=multiplies(kernel, record.source),
            tactic="" if kernel.implementation.startswith(_NO_CHOICE) else kernel.implementation,
        )
        for number, kernel in executed
    ]
    feeds = {kernel.name: {record.kernels[source].name for source, _ in kernel.inputs} for kernel in record.kernels}
    return as_parts(layers, graph, costs, feeds)


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


def _unique(types: Iterable[Sequence[str]]) -> tuple[str, ...]:
    names = (dtype(said) for group in types for said in group)
    return tuple(dict.fromkeys(filter(None, names)))
