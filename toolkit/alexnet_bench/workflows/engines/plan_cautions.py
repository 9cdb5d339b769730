"""What to know of layers of TensorRT whose engine has no passport. Codes as in `cautions`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Caution
from alexnet_bench.core.text import plural, printable

_MOST = 0.5
"""Of the nodes that layers name; passes of TensorRT's parser add some of their own."""


def of_names(
    layers: Sequence[NamedLayer], graph: Graph | None = None, *, of_tensorrt: bool = True
) -> Iterator[Caution]:
    """How the nodes of layers were found, and what is not told of their types.

    Args:
        layers: of the engine.
        graph: of the model that is said to be the engine's; None where none is.
        of_tensorrt: whether they are TensorRT's.
    """
    if graph is not None:
        yield from _of_model(layers, graph)
    if any(layer.is_by_name for layer in layers):
        yield Caution(
            "by-name",
            "there is no metadata, and layers have those nodes that their names are made of",
            "TensorRT 8.6 and later write metadata with --profilingVerbosity=detailed",
        )
    elif layers and not any(layer.layer.op for layer in layers):
        yield Caution(
            "names-only",
            "the engine tells no more of its layers than names",
            "build it with details: trtexec --profilingVerbosity=detailed, or ProfilingVerbosity.DETAILED",
        )
    products = [item.layer for item in layers if item.multiplies and item.layer.compute_dtype == "float32"]
    if products and of_tensorrt:
        yield Caution(
            "tf32-not-told",
            f"an engine does not tell whether its float32 products round to TF32: {plural(len(products), 'layer')}, "
            f"{printable(products[0].name, 200)} first",
            "TensorRT allows it unless told not to (trtexec --noTF32)",
        )


def _of_model(layers: Sequence[NamedLayer], graph: Graph) -> Iterator[Caution]:
    """A model most of whose nodes the engine does not know."""
    named = {name for layer in layers for name in layer.nodes}
    known = named.intersection(node.name for node in graph.nodes)
    if len(known) < _MOST * len(named):
        stranger = min(named - known)
        yield Caution(
            "other-model",
            f"{len(known)} of the {plural(len(named), 'node')} that its layers name are in the model "
            f"{printable(graph.name, 200)}, {printable(stranger, 200)} is not: it seems to be another model",
            "give --model the one that the engine was built from",
        )


def of_types(named: Sequence[NamedLayer]) -> Iterator[Caution]:
    """Where the sizes of an engine's tensors are not told, counts are of the model, whatever types the engine has."""
    untold = [item.layer for item in named if item.nodes and item.layer.moved_bytes is None]
    low = [layer for layer in untold if layer.compute_dtype not in ("", "float32", "tf32")]
    if low:
        yield Caution(
            "model-types",
            f"bytes are counted at the types of the model; {plural(len(low), 'layer')} of the engine, "
            f"{printable(low[0].name, 200)} first, compute in others",
        )
