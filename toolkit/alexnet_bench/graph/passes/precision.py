"""A float32 graph as one of float16 or bfloat16, with what must stay in float32 kept, and why.

Types change at the edges of nodes by Cast, one for each tensor and type; weights are stored in the type that their
readers take. Inputs, outputs and what graphs inside nodes read stay float32.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.graph.passes import coordinates, low_types, ranges, widen
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.result import Feeds, PassResult

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator
    from alexnet_bench.graph.passes.inferred import Types
    from alexnet_bench.graph.passes.low_types import LowType

KEPT = "alexnet-bench.kept_float32"
"""Key of the metadata that holds the nodes kept because of their numbers, as JSON: name -> reason."""
_MAKES_COORDINATES = "angles, coordinates or sizes are made of what it makes"


def to_float16(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """float16 (IEEE 754 binary16): at most 65504, and 11 bits of significand.

    With feeds, ONNX Runtime computes every activation in float32; nodes that read or make one beyond the range stay in
    float32. Without, or where it does not run the model, the changes say that nothing was checked.

    Raises:
        BackendCrash: the evaluator's runtime died or hung.
    """
    return _lowered(model, low_types.FLOAT16, feeds, evaluator)


def to_bfloat16(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """bfloat16: the range of float32 with 8 bits of significand, so that nothing overflows that did not before."""
    return _lowered(model, low_types.BFLOAT16, feeds, evaluator)


@dataclass
class _Work:
    """One change of types.

    Attributes:
        draft: the model.
        low: the type to change to.
        types: of the model before.
        twins: the tensors' names in the low type.
    """

    draft: Draft
    low: LowType
    types: Types
    twins: dict[str, str] = field(default_factory=dict)


def _lowered(model: ModelProto, low: LowType, feeds: Feeds, evaluator: Evaluator | None) -> PassResult:
    draft = Draft(model)
    given = {node.name for node in draft.nodes}
    if low is low_types.BFLOAT16:
        widen.raise_opset(draft)
    types = draft.types()
    before = kept_before(model)
    unable = {node.name: reason for node in draft.nodes if (reason := low_types.why_unable(draft, types, node, low))}
    others = {
        node.name: reason for node in draft.nodes if (reason := low_types.why_of_another_type(draft, types, node, low))
    }
    unable |= others
    wanted = before | dict.fromkeys(coordinates.makers(draft, types) - others.keys(), _MAKES_COORDINATES)
    wanted |= {node.name: reason for node in draft.nodes if (reason := low_types.why_kept(draft, node, low))}
    candidates = unable | wanted
    nodes = [
        node for node in draft.nodes if node.name in others or low_types.computes_in_float(draft, types, node, low)
    ]
    lowered = [node for node in nodes if node.name not in candidates]
    if not lowered:
        return Draft(model).finished(_listed(nodes, candidates), unable.keys() - wanted.keys())
    found = ranges.check(model, draft, types, lowered, low, feeds, evaluator)
    kept = {**candidates, **found.kept}
    work = _Work(draft, low, types)
    changed = [node for node in lowered if node.name not in kept]
    for node in changed:
        _change(work, node)
    removed = _sweep(draft, given)
    if changed:
        remember(draft.model, {**before, **found.kept})
        draft.changes.append(f"{len(changed)} of {len(nodes)} nodes in {low.name}; the others stay in float32")
        draft.changes += [*found.notes, *removed]
    return replace(draft.finished(_listed(nodes, kept), unable.keys() - wanted.keys()), unchecked=found.unchecked)


def _sweep(draft: Draft, given: Container[str]) -> list[str]:
    """Takes out the Cast and Constant nodes that nothing reads; says which of them were in the model given."""
    gone = []
    for node in reversed(list(draft.nodes)):
        if node.op_type in ("Cast", "Constant") and not any(draft.wiring.uses(name) for name in node.output):
            gone += draft.drop(node)
    return [f"removed {name}: nothing reads it any more" for name in gone if name in given]


def kept_before(model: ModelProto) -> dict[str, str]:
    """What an earlier run kept because of its numbers: a later run may see other inputs, or none.

    What others wrote under that key, and is no object of strings, counts as nothing.
    """
    stored = next((item.value for item in model.metadata_props if item.key == KEPT), "{}")
    try:
        return msgspec.json.decode(stored, type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def remember(model: ModelProto, kept: Mapping[str, str]) -> None:
    """Writes into a model what a later run must keep, node -> reason, in place of what stood there."""
    others = [item for item in model.metadata_props if item.key != KEPT]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    if kept:
        model.metadata_props.add(key=KEPT, value=json.dumps(dict(kept), sort_keys=True))


def _listed(nodes: list[NodeProto], kept: Mapping[str, str]) -> list[str]:
    return [f"{node.name}: {kept[node.name]}" for node in nodes if node.name in kept]


def _change(work: _Work, node: NodeProto) -> None:
    """Lets a node read and make the low type; its readers are given float32 again until they change too."""
    inputs = low_types.float_inputs(work.draft, work.types, node, work.low)
    outputs = low_types.float_outputs(work.draft, work.types, node, work.low)
    for position in inputs:
        work.draft.wiring.rename_input(node, position, _as_low(work, node.input[position], node))
    for position in outputs:
        _make_low(work, node, position)


def _as_low(work: _Work, name: str, reader: NodeProto) -> str:
    """The name of a float32 tensor in the low type, made when it is first asked for."""
    if name in work.twins:
        return work.twins[name]
    value = work.draft.value(name)
    if value is not None:
        twin = work.draft.fresh(f"{name}/{work.low.name}")
        work.draft.set_constant(low_types.converted(value, work.low, twin))
    else:
        twin = work.draft.fresh(f"{name}/{work.low.name}")
        cast = work.low.cast(name, twin, work.draft.fresh(f"{name}/to_{work.low.name}"))
        maker = work.draft.wiring.producer(name)
        if maker is None:
            work.draft.insert_before(reader, cast)
        else:
            work.draft.insert_after(maker, cast)
    work.twins[name] = twin
    return twin


def _make_low(work: _Work, node: NodeProto, position: int) -> None:
    """The node makes the low type under a new name, and a Cast the tensor that its readers know."""
    name = node.output[position]
    twin = work.draft.fresh(f"{name}/{work.low.name}")
    work.draft.wiring.rename_output(node, position, twin)
    back = work.low.cast(twin, name, work.draft.fresh(f"{name}/to_float32"), to_low=False)
    work.draft.insert_after(node, back)
    work.twins[name] = twin
