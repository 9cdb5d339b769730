"""Times of the layers of a torch module, as the layer run measured and left them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from alexnet_bench.backends.run_record import check_runs, read_record
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.graph import Graph

FILE = "torch.json"


class Call(msgspec.Struct):
    """One timed call.

    Attributes:
        name: of the layer.
        op: torch's class.
        reads: the model's tensors that it takes.
        makes: the model's tensor that it gives.
        dtype: type of what it takes, by numpy's name.
        made: type of what it gives.
    """

    name: str
    op: str
    reads: list[str]
    makes: str
    dtype: str = ""
    made: str = ""


class Record(msgspec.Struct):
    """Calls in order; seconds of each in each run, and of each run."""

    calls: list[Call]
    samples_s: list[list[float]]
    run_s: list[float]


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """Layers in terms of the user's tensors, with the times of the last `timed_runs` runs.

    Args:
        folder: where the run left its record.
        graph: the user's graph.
        timed_runs: how many runs at the end count; the ones before warmed up.
        wall_s: wall time of all runs as the caller saw it.

    Raises:
        BackendCrash: the record is not there, damaged, or lacks runs.
    """
    record = read_record(folder / FILE, Record, "torch")
    check_runs(len(record.run_s), timed_runs, "torch")
    first = len(record.run_s) - timed_runs
    return LayerTimes(
        layers=tuple(_layer(call, graph) for call in record.calls),
        samples_s={
            call.name: tuple(column) for call, *column in zip(record.calls, *record.samples_s[first:], strict=True)
        },
        run_s=tuple(record.run_s[first:]),
        wall_s=wall_s[len(wall_s) - timed_runs :],
    )


def _layer(call: Call, graph: Graph) -> EngineLayer:
    """A call as a layer; one that gives what it takes (dropout) is nothing that the model asks for."""
    known = call.makes in graph.tensors or any(call.makes in node.outputs for node in graph.live_nodes)
    return EngineLayer(
        name=call.name,
        op=call.op,
        reads=tuple(call.reads),
        makes=(call.makes,),
        is_overhead=call.makes in call.reads,
        is_unmatched=not known,
        compute_dtype=call.dtype,
        input_dtypes=(call.dtype,) if call.dtype else (),
        output_dtypes=(call.made,) if call.made else (),
    )
