"""What is right: a reference run, and what to give in its place where its runtime does not take it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.verdict.model_run import Run
from alexnet_bench.verdict.sides import AnySide, ModelSide
from alexnet_bench.workflows.verification.sides import REFERENCE_BACKEND, run_side

_WHILE_RUNNING = "fails while running"
"""In the refusal of a runtime that loaded a model, and of whose kernels one fails on the inputs."""
_OTHER_OUTPUTS = "give outputs of another runtime as --against: FILE.json, as Polygraphy and --save-outputs write it"


def run_reference(side: AnySide, folder: Path, marked: Sequence[str], *, made_up: bool) -> Run:
    """What the reference gives, computed or stored.

    Args:
        side: the reference.
        folder: for its outputs.
        marked: tensors inside it that are wanted, too.
        made_up: whether the inputs were generated, of which a model may not take all.

    Raises:
        AlexnetBenchError: the runtime does not take it, or fails; the hint is at what may be given instead.
    """
    try:
        return run_side(side, folder, marked)
    except BackendRefusal as refusal:
        raise BackendRefusal(
            f"the reference does not run: {refusal.message}", _instead(side, refusal, made_up=made_up)
        ) from None


def _instead(side: AnySide, refusal: BackendRefusal, *, made_up: bool) -> str:
    """Inputs, or another reference: ONNX Runtime has no LRN of even sizes, for one."""
    has_lrn = isinstance(side, ModelSide) and any(node.op_type == "LRN" for node in side.graph.nodes)
    if has_lrn and "LRN" in refusal.message:
        return (
            f"give as --against what a pass makes of it, exact but for rounding: "
            f"build-engine MODEL --backend {REFERENCE_BACKEND} --no-optimize --pass lower-lrn -o NEW.onnx"
        )
    if made_up and _WHILE_RUNNING in refusal.message:
        return f"the model may not take inputs that are made up: give real ones by --inputs PATH; or {_OTHER_OUTPUTS}"
    return _OTHER_OUTPUTS
