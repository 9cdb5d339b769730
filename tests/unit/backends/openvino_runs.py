"""Models run on the real OpenVINO with layer times, and an oracle for what each kernel claims to make."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto

from alexnet_bench.attribution import coverage
from alexnet_bench.attribution.join import join, value_numbers
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.backends.openvino import backend
from alexnet_bench.backends.openvino import record as openvino_record
from alexnet_bench.backends.openvino.backend import OpenVino
from alexnet_bench.backends.openvino.layers import read_layers
from alexnet_bench.backends.openvino.record import Record
from alexnet_bench.backends.openvino.recorder import Recorder
from alexnet_bench.backends.openvino.tensors import Claims, operators_of
from alexnet_bench.backends.protocol import NAMED_MODEL, LoadRequest
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.inputs import generate
from tests.unit.backends.conftest import Profiled

_RUNS = 4
_OUTPUT = "exposed "
Operators = frozenset[tuple[int, int | None]]


def profiled(
    model: ModelProto | Path,
    *,
    precision: str = "",
    left_out: Collection[str] = (),
    adds_up: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Profiled:
    """Runs a model with layer times, and sees to it that its rows add up.

    The files of the run lie in a folder that goes when the result does.

    Args:
        model: given as a file or a message.
        precision: to compute in.
        left_out: the nodes that OpenVINO may leave out although their results are not known without them.
        adds_up: whether all nodes have an owner, so that the rows add up to the model.
        settings: of the backend.
    """
    folder = Path(tempfile.mkdtemp(prefix="openvino-"))
    path = model if isinstance(model, Path) else folder / "model.onnx"
    if not isinstance(model, Path):
        onnx.save(model, path)
    file = open_model(path)
    graph = build_graph(file, name="model")
    named = named_copy(file)
    if named is not None:
        (folder / NAMED_MODEL).write_bytes(named)
    runner = OpenVino()
    asked = dict(settings or {})
    runner.activate(LoadRequest("openvino", str(path), 2, str(folder), precision, asked, shapes=sizes_of(graph)))
    feeds = generate(graph, seed=0)
    for _ in range(_RUNS + 1):
        runner.infer(feeds)
    runner.deactivate()
    times = read_layers(folder, graph, timed_runs=_RUNS, wall_s=(1.0,) * _RUNS)
    attribution, costs = join(graph, count(graph), times.layers), count(graph)
    layers = timed_layers(graph, costs, attribution, times, None)
    covered = coverage.measured(costs, attribution, layers, times)
    run = Profiled(path, folder, graph, times, attribution, layers, covered, feeds)
    weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
    if adds_up:
        _check_sums(run, left_out)
    return run


def _check_sums(run: Profiled, may_miss: Collection[str]) -> None:
    """All work of the model is in the rows, but for nodes whose results are certain to be there without them."""
    costs, left_out = count(run.graph), {"macs": 0.0, "flop": 0.0}
    for layer in run.layers:
        shares = {part.name: part.share for part in layer.shared_nodes}
        for name in layer.merged_nodes:
            assert name in may_miss or _is_known(run.graph, name), f"{name} has to be computed"
            for said in left_out:
                left_out[said] += shares.get(name, 1.0) * (getattr(costs.by_name[name], said) or 0)
    for said, merged in left_out.items():
        rows = sum(getattr(layer, said) or 0 for layer in run.layers)
        total = sum(getattr(row, said) or 0 for row in costs.rows)
        assert abs(rows + merged - total) < 0.5, f"{said} of {rows} and {merged} are not {total}"


def _is_known(graph: Graph, name: str) -> bool:
    """Whether no input can change what a node makes, or another one makes the same."""
    values, made = value_numbers(graph), next(node.writes for node in graph.live_nodes if node.name == name)
    others = {values[item] for node in graph.live_nodes if node.name != name for item in node.writes}
    return graph.fixed.issuperset(made) or others.issuperset(values[item] for item in made)


def sizes_of(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {name: graph.tensor(name).sizes or () for name in graph.inputs}


def whole(claims: Claims, number: int, output: int) -> tuple[str, ...]:
    """The user's tensors that an output of a kernel is, as opposed to takes part in making."""
    value = claims.values.get((number, output))
    return value.tensors if value is not None and value.is_whole else ()


def lost_claims(run: Profiled) -> set[str]:
    """Tensors that are not made by the kernel that claims them, by OpenVINO's own account.

    Each claimed tensor becomes an output of the model, which OpenVINO has to compute as such. If a kernel makes that
    tensor anyway, nothing changes: the same kernel, of the same operators, feeds the new output. If it makes another
    one, its fusion falls apart. All at once first; what changed then is asked for again alone, because an output that
    is kept cannot be written over by a sum.
    """
    record = _compiled(run, ())
    claims = Claims(record, run.graph, count(run.graph))
    named = {name for operator in record.source for names in operator.outputs for name in names}
    claimed = {
        tensor: frozenset(operators_of(kernel))
        for number, kernel in enumerate(record.kernels)
        if kernel.kind not in ("Input", "Output", "Const") and operators_of(kernel)
        for output in range(len(kernel.outputs))
        for tensor in whole(claims, number, output)
        if tensor in named.difference(run.graph.outputs)  # what Dropout or Identity reads has no name any more
    }
    assert claimed
    makers = _makers(_compiled(run, claimed), sorted(claimed))
    doubtful = {tensor for tensor, operators in claimed.items() if makers[tensor] != operators}
    return {tensor for tensor in doubtful if _makers(_compiled(run, [tensor]), [tensor])[tensor] != claimed[tensor]}


def _compiled(run: Profiled, exposed: Collection[str]) -> Record:
    """The kernels of a model with further outputs."""
    import openvino

    core = openvino.Core()
    model = core.read_model(backend.source_of(_request(run)))
    backend.fix_shapes(model, sizes_of(run.graph))
    recorder = Recorder(run.folder)
    recorder.mark(model)
    ports: list[Any] = model.add_outputs(sorted(exposed)) if exposed else []
    for number, port in enumerate(ports):
        port.get_node().set_friendly_name(f"{_OUTPUT}{number}")
    properties = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 2}
    recorder.compiled(core.compile_model(model, "CPU", properties))
    recorder.finish()
    return openvino_record.read(run.folder, timed_runs=0)


def _request(run: Profiled) -> LoadRequest:
    return LoadRequest("openvino", str(run.path), 2, str(run.folder))


def _makers(record: Record, exposed: list[str]) -> dict[str, Operators]:
    """The operators of the kernel behind each output, conversions on the way left out."""
    by_name = {kernel.name: kernel for kernel in record.kernels}
    found: dict[str, Operators] = {}
    for number, tensor in enumerate(exposed):
        kernel = by_name[f"{_OUTPUT}{number}"]
        while kernel.kind == "Output" or not operators_of(kernel):
            kernel = record.kernels[kernel.inputs[0][0]]
        found[tensor] = frozenset(operators_of(kernel))
    return found
