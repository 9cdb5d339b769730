"""The models that the benchmarks run on, and the files that feed them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.inputs import generate
from alexnet_bench.network import architectures
from alexnet_bench.workflows.resolve import onnx_package_models, resolve


def reference_networks() -> list[str]:
    """The names of the reference networks."""
    return list(architectures.names())


def package_models() -> dict[str, Path]:
    """The models inside the onnx package, by the name to type."""
    return onnx_package_models()


@dataclass(frozen=True)
class Prepared:
    """A model's file and a folder with arrays to feed it.

    Attributes:
        path: of the ONNX file.
        inputs: the folder.
        graph: with the shapes of those arrays.
    """

    path: Path
    inputs: Path
    graph: Graph


def prepare(model: str | Path, scratch: Path, *, batch: int | None = None) -> Prepared:
    """Resolves a model and writes generated inputs, as `alexnet-bench profile` does.

    Args:
        model: a name, or the path of an ONNX file.
        scratch: for the inputs.
        batch: of a lone symbolic first dimension, None for 1.
    """
    resolved = resolve(model)
    graph = build_graph(open_model(resolved.path), name=resolved.name, batch=batch)
    folder = scratch / f"inputs-{resolved.name.replace(':', '-')}-{batch or 1}"
    folder.mkdir()
    write_arrays(folder, generate(graph, seed=0, pixel_range=resolved.pixel_range))
    return Prepared(resolved.path.resolve(), folder, graph)
