"""`alexnet-bench inspect`: a stored engine from its files alone; no runtime and no device are needed."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.attribution.by_name import join_by_name
from alexnet_bench.attribution.join import Owned
from alexnet_bench.attribution.layers import layer_cost
from alexnet_bench.attribution.roofline import roof_time_s
from alexnet_bench.backends.registry import BACKENDS, availability
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.devices import Device, parse_budget
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.inspection import InspectedLayer, Inspection
from alexnet_bench.core.passport import EngineLayerInfo, Passport
from alexnet_bench.core.profile import Bound
from alexnet_bench.core.workspace import find_workspace
from alexnet_bench.engine.build import built_from
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.loading import check_whole, find_engine, graph_file, reasons_against
from alexnet_bench.engine.recipe import from_document
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.workflows.build import engines_root

DEFAULT_BUDGET = "gtx-580"
_PEAK_OF = {
    "float64": "fp64",
    "float32": "fp32",
    "tf32": "tf32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "int8": "int8",
    "uint8": "int8",
}
"""The published peak that bounds a type of arithmetic."""


def inspect(engine: str | Path, *, budget: str = DEFAULT_BUDGET) -> Inspection:
    """What an engine consists of: layers, types, the user's nodes, FLOP, bytes, and a predicted roofline.

    Args:
        engine: a folder, a file with its passport beside it, or the beginning of a key in the cache.
        budget: the device for the roofline.

    Raises:
        UsageError: no such engine or device.
        EngineError: the engine has no passport, or its bytes are not those that it speaks of.
    """
    device = parse_budget(budget, find_workspace(Path.cwd())).device
    found = find_engine(str(engine), engines_root())
    check_whole(found)
    passport = found.passport
    recipe = from_document(passport.recipe)
    file = open_model(graph_file(found.file))
    batch = recipe.batch.opt if recipe.batch else None
    graph = build_graph(file, name=built_from(file) or found.file.stem, batch=batch, given_shapes=recipe.opt_shapes)
    costs = count(graph)
    owned = join_by_name(graph, passport.layers).owned
    return Inspection(
        model=graph.name,
        passport=passport,
        producer=f"{file.proto.producer_name} {file.proto.producer_version}".strip(),
        shapes={name: graph.tensor(name).sizes or () for name in graph.inputs},
        layers=tuple(_layer(graph, costs, *pair, device) for pair in zip(passport.layers, owned, strict=True)),
        budget_device=device.name,
        reasons_against=reasons_here(passport),
    )


def reasons_here(passport: Passport) -> tuple[str, ...]:
    """Why an engine must not be used on this machine as it is; empty when it may."""
    backend = next((backend for backend in BACKENDS if backend.name == passport.backend), None)
    if backend is None:
        return (f"foreign: built for backend {passport.backend}, which this version does not have",)
    here = availability(backend)
    if not (here.works or here.builds):
        return (f"{passport.backend} is not installed here",)
    return reasons_against(passport, this_place(backend.name, here.version))


def _layer(graph: Graph, costs: CostTable, info: EngineLayerInfo, owned: Owned, device: Device) -> InspectedLayer:
    cost = layer_cost(graph, costs, owned)
    flop = 0 if owned.layer.is_overhead else cost.flop
    idle = owned.layer.is_overhead or (flop == 0 and cost.bytes == 0)
    time_s, bound = (None, "overhead") if idle else _roof(flop, cost.bytes, info.compute_dtype, device)
    return InspectedLayer(
        name=info.name,
        onnx_nodes=info.onnx_nodes,
        shared_nodes=info.shared_nodes,
        compute_dtype=info.compute_dtype,
        input_dtypes=info.input_dtypes,
        output_dtypes=info.output_dtypes,
        macs=info.macs,
        flop=flop,
        bytes=cost.bytes,
        flop_per_byte=flop / cost.bytes if flop is not None and cost.bytes else None,
        roof_time_s=time_s,
        bound=bound,
    )


def _roof(flop: int | None, moved: int | None, dtype: str, device: Device) -> tuple[float | None, Bound | None]:
    """The least time on a device, and the roof that gives it; None where a count or the peak is not known."""
    peak, bandwidth = device.peak_flop_per_s(_PEAK_OF.get(dtype, "")), device.memory.bytes_per_s
    if flop is None or moved is None or (flop and peak is None):
        return None, None
    rate = peak or float("inf")
    time_s = roof_time_s(flop=flop, moved_bytes=moved, flop_per_s=rate, bytes_per_s=bandwidth)
    return time_s, "compute" if flop / rate >= moved / bandwidth and flop else "memory"
