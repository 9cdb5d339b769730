"""`alexnet-bench models`: what can be profiled by name."""

from __future__ import annotations

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.listings import ModelListing
from alexnet_bench.graph.counting import count as count_graph
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.network import architectures
from alexnet_bench.network.counts import count as count_network
from alexnet_bench.workflows.resolve import onnx_package_models


def list_models() -> tuple[ModelListing, ...]:
    """The reference networks, then the models of the onnx package that can be counted."""
    references = [_reference(name) for name in architectures.names()]
    return (*references, *(listing for name in onnx_package_models() if (listing := _package_model(name)) is not None))


def _reference(name: str) -> ModelListing:
    network = architectures.get(name)
    counts = count_network(network)
    return ModelListing(name, network.title, network.input_shape, counts.params, counts.macs, counts.mac_flop)


def _package_model(name: str) -> ModelListing | None:
    """A model of the onnx package; None when a later release of it holds something that cannot be read."""
    path = onnx_package_models()[name]
    try:
        graph = build_graph(open_model(path), name=name)
    except AlexnetBenchError:
        return None
    costs = count_graph(graph)
    shape = (graph.tensor(graph.inputs[0]).sizes or ())[1:] if graph.inputs else ()
    return ModelListing(
        name, f"inside the onnx package: {path.name}", shape, costs.params, costs.macs, 2 * costs.macs, costs.flop
    )
