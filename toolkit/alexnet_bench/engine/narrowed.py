"""What a pass gave a type of 16 bits, and what to do where a runtime has no kernels for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alexnet_bench.backends.onnxruntime.session import node_without_kernel
from alexnet_bench.backends.protocol import Backend
from alexnet_bench.backends.registry import BACKENDS, availability, install_hint
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.text import printable
from alexnet_bench.engine.computed_types import COMPUTED_IN
from alexnet_bench.engine.recipe import Recipe


def narrowed_nodes(
    recipe: Recipe, origins: Mapping[str, tuple[str, ...]], before: Graph, after: Graph
) -> dict[str, str]:
    """The engine's nodes that a pass gave a narrower type, each with the user's that is told to keep its own.

    Args:
        recipe: that was followed.
        origins: for each node of the engine, the user's.
        before: the user's graph.
        after: the engine's.
    """
    if not recipe.narrows_types:
        return {}
    low = COMPUTED_IN[recipe.precision]
    narrow_before = set(_of_type(before, low))
    found = {name: origins.get(name, ()) for name in _of_type(after, low)}
    return {name: origin[0] for name, origin in found.items() if origin and narrow_before.isdisjoint(origin)}


def explained(refusal: BackendRefusal, recipe: Recipe, narrow: Mapping[str, str]) -> BackendRefusal:
    """The refusal of an engine, with what has kernels where this backend lacks one for a type that a pass chose.

    Args:
        refusal: by the runtime.
        recipe: that was followed.
        narrow: as `narrowed_nodes` gives them.
    """
    node = narrow.get(node_without_kernel(refusal.message))
    if node is None:
        return refusal
    low = COMPUTED_IN[recipe.precision]
    lacks = f"{recipe.backend} has no kernel of {low} for node {printable(node, 200)}"
    others = [backend for backend in BACKENDS if backend.name != recipe.backend and _computes_in(backend, low)]
    here = [backend.name for backend in others if (found := availability(backend)).works or found.builds]
    if here:
        options = " or ".join(f"--backend {name}" for name in here)
        return BackendRefusal(
            f"{lacks}: {refusal.message}", f"build it for a backend that computes in {low}: {options}"
        )
    first = others[0]
    return BackendRefusal(
        f"{lacks}: {refusal.message}", f"{first.name} can be told to compute in {low}: {install_hint(first)}"
    )


def _computes_in(backend: Backend, dtype: str) -> bool:
    """Whether it computes any model in a type: it is told to, or builds engines of it."""
    is_told = backend.tried_by_default and dtype in backend.precisions
    return is_told or bool(backend.planner and dtype in backend.products)


def _of_type(graph: Graph, dtype: str) -> Iterator[str]:
    """The nodes that read or make a type."""
    for node in graph.nodes:
        if any(graph.tensor(name).dtype == dtype for name in (*node.reads, *node.writes)):
            yield node.name
