"""The models that the benchmarks run on, and the files that feed them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.worker import write_arrays
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
    """A model's file and a folder with arrays to feed it."""

    path: Path
    inputs: Path


def prepare(name: str, scratch: Path) -> Prepared:
    """Resolves a model at batch 1 and writes generated inputs, as `alexnet-bench profile` does."""
    resolved = resolve(name)
    graph = build_graph(open_model(resolved.path), name=resolved.name)
    folder = scratch / f"inputs-{name.replace(':', '-')}"
    folder.mkdir()
    write_arrays(folder, generate(graph, seed=0, pixel_range=resolved.pixel_range))
    return Prepared(resolved.path.resolve(), folder)
