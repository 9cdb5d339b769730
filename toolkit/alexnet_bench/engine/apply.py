"""The passes of a recipe applied to a model, with what is to stay in float32 kept out of the way of narrower types."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Container, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_bench.backends.client import MAX_WAIT_S, PATIENT, Deadlines
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.engine.evaluate import BACKEND, InWorker
from alexnet_bench.engine.recipe import PRECISION_PASSES, Recipe

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto

    from alexnet_bench.graph.passes import Feeds, PassResult
    from alexnet_bench.graph.passes.evaluate import Evaluator

_WHY_KEPT = "the recipe keeps it"
_MOST_NAMED = 4
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Applied:
    """A model after the passes of a recipe.

    Attributes:
        model: to write.
        changes: one line for each change.
        origins: for each node of it, the user's nodes that it stands for.
        kept_fp32: the user's nodes that a pass to a narrower type left alone because of their numbers, or as asked; of
            a backend that is told the type, those that were asked for.
        unable: those that it had to leave alone, each with the reason.
        notes: what the recipe names and the model does not have, and what was not checked.
    """

    model: ModelProto
    changes: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    kept_fp32: tuple[str, ...]
    unable: dict[str, str]
    notes: tuple[str, ...] = ()


def runtime_of_passes() -> str:
    """The version of the runtime that passes compute with; "" where it is not installed, and they do without."""
    found = availability(get_backend(BACKEND))
    return found.version if found.works else ""


def apply_passes(
    model: ModelProto, names: Sequence[str], *, feeds: Feeds = (), timeout_s: float = MAX_WAIT_S
) -> PassResult:
    """Runs passes one after the other; what they compute, ONNX Runtime computes in a process of its own.

    Args:
        model: with its weights loaded; it stays as it is.
        names: of passes, in the order to run them.
        feeds: real inputs by name, for passes that look at activations.
        timeout_s: the longest that ONNX Runtime may take to load a model, and for each forward pass.

    Returns:
        the last model (the given one, where no pass finds anything to do), all changes prefixed by the name of their
        pass, and origins in terms of the given model.

    Raises:
        UsageError: there is no pass of that name, or the model is not one in memory.
        BackendCrash: ONNX Runtime died or hung.
    """
    from alexnet_bench.graph.passes import apply

    with _evaluator(Deadlines(timeout_s, timeout_s)) as evaluator:
        return apply(model, names, feeds=feeds, evaluator=evaluator)


def apply_recipe(
    model: ModelProto, recipe: Recipe, feeds: Mapping[str, np.ndarray], deadlines: Deadlines = PATIENT
) -> Applied:
    """Applies the passes of a recipe in order.

    Args:
        model: with its weights, every node named; it stays as it is unless there is nothing to do.
        recipe: what to do.
        feeds: inputs, for passes that look at activations.
        deadlines: how long a runtime may take with which passes compute.

    Raises:
        BackendCrash: that runtime died or hung.
        UsageError: a pass that is not known, or a name to keep that is none of a node, nor of any operator.
    """
    if not recipe.passes and not recipe.keep_fp32:
        return Applied(model, (), {node.name: (node.name,) for node in model.graph.node}, (), {})
    from alexnet_bench.graph.passes import apply
    from alexnet_bench.graph.passes.result import composed

    user_ops = {node.name: node.op_type for node in model.graph.node}
    first = next((at for at, name in enumerate(recipe.passes) if name in PRECISION_PASSES), len(recipe.passes))
    with _evaluator(deadlines) as evaluator:
        faster = apply(model, recipe.passes[:first], feeds=[feeds], evaluator=evaluator)
        kept, unknown = _kept(faster, recipe.keep_fp32, user_ops)
        asking = _asking_to_keep(faster.model, kept) if kept and recipe.narrows_types else faster.model
        typed = apply(asking, recipe.passes[first:], feeds=[feeds], evaluator=evaluator)
    origins = composed(faster.origins, typed.origins)
    notes = tuple(f"keep_fp32: there is no node of operator {name}" for name in unknown)
    notes += tuple(filter(None, [typed.unchecked]))
    stay = [_named_reason(line, faster.origins) for line in typed.kept_fp32]
    unable = {user: reason for name, reason in stay if name in typed.unable for user in faster.origins.get(name, ())}
    left = [name for name, _ in stay if name not in typed.unable] if recipe.narrows_types else kept
    kept_fp32 = dict.fromkeys(user for name in left for user in faster.origins.get(name, ()))
    changes = (*faster.changes, *typed.changes, *_by_reason(stay))
    return Applied(typed.model, changes, origins, tuple(kept_fp32), unable, notes)


def _evaluator(deadlines: Deadlines) -> AbstractContextManager[Evaluator | None]:
    """None where ONNX Runtime is not installed."""
    return InWorker(deadlines) if runtime_of_passes() else nullcontext()


def _kept(result: PassResult, wanted: Sequence[str], user_ops: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The nodes that a recipe wants kept, by name or operator, their own or the user's; and operators of which none is.

    A recipe may be for many models, not all of which have an operator; a node is one of this model.
    """
    called = {
        node.name: {node.name, node.op_type, *origin, *(user_ops[name] for name in origin if name in user_ops)}
        for node, origin in ((node, result.origins.get(node.name, ())) for node in result.model.graph.node)
    }
    known = {name for names in called.values() for name in names}.union(user_ops, user_ops.values())
    unknown = [name for name in wanted if name not in known]
    for name in unknown:
        _check_operator(name, known)
    return [name for name, names in called.items() if names.intersection(wanted)], unknown


def _check_operator(name: str, known: Collection[str]) -> None:
    """Raises UsageError for what is called like no operator of ONNX, with the names of the model that it may mean."""
    import onnx

    if name in {schema.name for schema in onnx.defs.get_all_schemas()}:
        return
    by_case = {one.lower(): one for one in known if one}
    close = difflib.get_close_matches(name.lower()[:_LONGEST_NAME], by_case, n=3)
    raise UsageError(
        f"keep_fp32: there is no node or operator {printable(name, 200)}",
        f"did you mean {' or '.join(printable(by_case[one], 200) for one in close)}?"
        if close
        else "give the name of a node or an operator: alexnet-bench profile MODEL --static --top 0 has them",
    )


def _asking_to_keep(model: ModelProto, names: Sequence[str]) -> ModelProto:
    """The model with what a pass to a narrower type reads: nodes that an earlier run found it must keep."""
    from onnx import ModelProto

    from alexnet_bench.graph.passes.precision import kept_before, remember

    asking = ModelProto()
    asking.CopyFrom(model)
    remember(asking, kept_before(model) | dict.fromkeys(names, _WHY_KEPT))
    return asking


def _named_reason(line: str, known: Container[str]) -> tuple[str, str]:
    """A node's name and why it stays in float32, of "name: reason"; a name may itself hold ": "."""
    ends = [at for at in range(len(line)) if line.startswith(": ", at)]
    at = next((at for at in ends if line[:at] in known), len(line))
    return line[:at], line[at + 2 :]


def _by_reason(stay: Sequence[tuple[str, str]]) -> list[str]:
    """What stays in float32, a line for each reason."""
    names: dict[str, list[str]] = {}
    for name, reason in stay:
        names.setdefault(reason, []).append(name)
    return [
        f"in float32 stay {', '.join(found[:_MOST_NAMED])}"
        f"{f' and {len(found) - _MOST_NAMED} more' if len(found) > _MOST_NAMED else ''}: {reason}"
        for reason, found in names.items()
    ]
