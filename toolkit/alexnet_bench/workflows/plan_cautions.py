"""What to know of layers of TensorRT whose engine has no passport. Codes as in `cautions`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.inspection import InspectedLayer
from alexnet_bench.core.profile import Caution, LayerProfile
from alexnet_bench.core.text import plural, printable


def of_names(layers: Sequence[NamedLayer]) -> Iterator[Caution]:
    """How the nodes of layers were found, and what is not told of their types."""
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
    if products:
        yield Caution(
            "tf32-not-told",
            f"an engine does not tell whether its float32 products round to TF32: {plural(len(products), 'layer')}, "
            f"{printable(products[0].name, 200)} first",
            "TensorRT allows it unless told not to (trtexec --noTF32)",
        )


def of_types(layers: Sequence[LayerProfile] | Sequence[InspectedLayer]) -> Iterator[Caution]:
    """Counts are of the model, whatever types the engine has."""
    low = [layer for layer in layers if layer.compute_dtype not in ("", "float32", "tf32") and layer.bytes]
    if low:
        yield Caution(
            "model-types",
            f"bytes are counted at the types of the model; {plural(len(low), 'layer')} of the engine, "
            f"{printable(low[0].name, 200)} first, compute in others",
        )
