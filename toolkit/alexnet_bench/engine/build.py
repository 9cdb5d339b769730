"""A model made into an engine: inputs fixed or left open, passes applied, written in the form that is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench import __version__
from alexnet_bench.backends.client import PATIENT, Deadlines
from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.text import printable
from alexnet_bench.engine.apply import apply_recipe
from alexnet_bench.engine.cache import ENGINE_FILE
from alexnet_bench.engine.loading import data_file
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.graph import functions, naming
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.graph.walk import MAX_INLINE_BYTES, data_bytes

if TYPE_CHECKING:
    import numpy as np
    from onnx import GraphProto, ModelProto

MODEL_NAME = "alexnet-bench.model"
"""The entry of an engine's metadata that says which model it was built from."""
_LEAST_EXTERNAL_BYTES = 1024


@dataclass(frozen=True)
class Written:
    """An engine's file, and how it came about.

    Attributes:
        file: the engine.
        passes: that were applied, in order.
        changes: one line for each change that they made.
        origins: for each node of the engine, the user's nodes that it stands for.
        kept_fp32: the user's nodes that are to stay in float32 because of their numbers, as a pass found, or as asked.
        unable: those that it had to leave alone, each with the reason.
        notes: what a user should know beside that, each a sentence.
    """

    file: Path
    passes: tuple[str, ...]
    changes: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    kept_fp32: tuple[str, ...]
    unable: dict[str, str]
    notes: tuple[str, ...] = ()


def write_engine(
    source: ModelFile,
    graph: Graph,
    recipe: Recipe,
    *,
    feeds: Mapping[str, np.ndarray],
    folder: Path,
    key: str,
    deadlines: Deadlines = PATIENT,
) -> Written:
    """Writes the engine that a recipe makes of a model.

    Args:
        source: the user's model.
        graph: of it, with the shapes that the engine is tried with.
        recipe: what to do.
        feeds: inputs of those shapes, for passes that look at values.
        folder: where to.
        key: of the engine.
        deadlines: how long a runtime may take with which passes compute.

    Raises:
        UsageError: a pass that is not known.
        BackendCrash: that runtime died or hung.
        ModelError: the model cannot be loaded as a whole.
    """
    model = _whole(source)
    _name_in_order(model.graph, graph)
    _fix_inputs(model.graph, graph, recipe)
    applied = apply_recipe(model, recipe, feeds, deadlines)
    model = applied.model
    model.producer_name = "alexnet-bench"
    model.producer_version = f"{__version__}, onnx {metadata.version('onnx')}"
    _say_built_from(model, graph.name)
    file = _write(model, folder, key)
    return Written(
        file, recipe.passes, applied.changes, applied.origins, applied.kept_fp32, applied.unable, applied.notes
    )


def built_from(engine: ModelFile) -> str:
    """What the model was called that an engine was built from, "" when it does not say."""
    return next((item.value for item in engine.proto.metadata_props if item.key == MODEL_NAME), "")


def says_built_here(file: Path) -> bool:
    """Whether an ONNX file says that it is an engine, whatever lies beside it; False for what is none."""
    try:
        return bool(built_from(open_model(file)))
    except ModelError:
        return False


def _say_built_from(model: ModelProto, name: str) -> None:
    """An engine may itself have been built from an engine, whose entry goes."""
    others = [item for item in model.metadata_props if item.key != MODEL_NAME]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    model.metadata_props.add(key=MODEL_NAME, value=name)


def _whole(source: ModelFile) -> ModelProto:
    """The model with its weights, functions inlined."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model: ModelProto = onnx.load(source.path)
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"{printable(str(source.path), 1000)} cannot be loaded: {printable(str(error), 400)}",
            "copy or export the model again",
        ) from None
    return functions.inline(model) if source.has_functions else model


def _name_in_order(proto: GraphProto, graph: Graph) -> None:
    """Gives every node its identity as its name, and puts the nodes in topological order."""
    by_name = {}
    for node, name in zip(proto.node, naming.identities(proto), strict=True):
        node.name = name
        by_name[name] = node
    if list(by_name) != [node.name for node in graph.nodes]:
        ordered = [by_name[node.name] for node in graph.nodes]
        del proto.node[:]
        proto.node.extend(ordered)


def _fix_inputs(proto: GraphProto, graph: Graph, recipe: Recipe) -> None:
    """Writes sizes into the inputs where the recipe leaves them no choice, and wherever else their symbol stands."""
    fixed: dict[str, int] = {}
    for info in proto.input:
        sizes = graph.tensor(info.name).sizes
        dims = info.type.tensor_type.shape.dim if info.type.HasField("tensor_type") else ()
        for axis, (dim, size) in enumerate(zip(dims, sizes or (), strict=False)):
            if dim.HasField("dim_value") or not _is_fixed(recipe, info.name, axis):
                continue
            if dim.dim_param:
                fixed[dim.dim_param] = size
            else:
                dim.dim_value = size
    for info in (*proto.input, *proto.output, *proto.value_info):
        for dim in info.type.tensor_type.shape.dim if info.type.HasField("tensor_type") else ():
            if dim.dim_param in fixed:
                dim.dim_value = fixed[dim.dim_param]


def _is_fixed(recipe: Recipe, name: str, axis: int) -> bool:
    """Whether a recipe leaves one size for a dimension of an input, in all of its profiles."""
    ends = {size for ranges in recipe.sizes for size in ranges.of_axis(name, axis) or (None,)}
    return len(ends) == 1 and None not in ends


def _write(model: ModelProto, folder: Path, key: str) -> Path:
    import onnx

    file = folder / ENGINE_FILE
    if data_bytes(model) < MAX_INLINE_BYTES:
        onnx.save(model, file)
    else:
        onnx.save(
            model,
            file,
            save_as_external_data=True,
            location=data_file(key),
            size_threshold=_LEAST_EXTERNAL_BYTES,
        )
    return file
