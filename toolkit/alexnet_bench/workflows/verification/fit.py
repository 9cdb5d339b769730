"""Whether an engine takes the inputs that a verification has for its reference."""

from __future__ import annotations

from collections.abc import Mapping

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import memo_folder
from alexnet_bench.engine.hashes import model_hash
from alexnet_bench.graph.binding import Shape, declared_shapes, written
from alexnet_bench.graph.convert import required_inputs
from alexnet_bench.workflows.verification.open_sizes import Opened


def check_taken(reference: Opened, engine: Opened, shapes: Mapping[str, Shape | None]) -> None:
    """Refuses inputs that the engine's file does not take, with the sizes of both sides.

    Args:
        reference: what the inputs are made or read for.
        engine: what is verified.
        shapes: of the reference's inputs, by name; an open size fits any.

    Raises:
        ShapeError: an input has other sizes in the engine's file.
    """
    if reference.file is None or engine.file is None:
        return
    declared = declared_shapes(engine.file.proto.graph)
    for name in required_inputs(engine.file.proto.graph):
        own, given = declared[name], shapes.get(name)
        if own is not None and given is not None and _differ(own, given):
            raise ShapeError(
                f"input {printable(name)} is {written(own)} for the engine {printable(engine.name, 200)}, and "
                f"{written(given)} for the reference {printable(reference.name, 200)}",
                hint_at_reference(reference, engine),
            )


def _differ(own: Shape, given: Shape) -> bool:
    """Whether no sizes are both."""
    pairs = zip(own, given, strict=False)
    return len(own) != len(given) or any(isinstance(x, int) and isinstance(y, int) and x != y for x, y in pairs)


def hint_at_reference(reference: Opened, engine: Opened) -> str:
    """What to give in place of a reference whose sizes the engine does not take."""
    if engine.built is not None and reference.model is not None:
        sha256 = model_hash(reference.model.path, memo_folder()).sha256
        if sha256 != engine.built.passport.model_sha256:
            return "the engine was built from another model, or from that one before it changed: give it as --against"
    return "give as --against a model that takes the engine's sizes, or give sizes that both take"
