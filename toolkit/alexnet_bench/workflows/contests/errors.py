"""How far the entries of a contest are from the reference: one run of that, and each entry against it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alexnet_bench.backends.client import Deadlines
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.contest import EntryError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.verification import Side
from alexnet_bench.graph.onnx_io import ModelFile
from alexnet_bench.verdict import precision as precisions
from alexnet_bench.verdict.model_run import Run, run_model
from alexnet_bench.verdict.pictures import Pixels
from alexnet_bench.verdict.reference import Reference
from alexnet_bench.verdict.repeats import Outputs
from alexnet_bench.verdict.samples import LEAST_INPUTS, made_up
from alexnet_bench.verdict.sides import ModelSide, write_inputs
from alexnet_bench.workflows.verification.sides import REFERENCE_BACKEND, REFERENCE_SETTINGS


@dataclass(frozen=True)
class Referee:
    """The reference after its run.

    Attributes:
        side: the reference.
        looked: what its outputs are judged by.
        run: of it.
        folder: for the outputs of entries.
    """

    side: ModelSide
    looked: Reference
    run: Run
    folder: Path

    @property
    def described(self) -> Side:
        """The reference, for the document."""
        return self.side.described(self.run)

    @cached_property
    def again(self) -> Outputs:
        """The outputs of a second run of the reference, which is done when the first entry fails."""
        return self.side.run(self.folder / "again").outputs

    def judge(self, request: LoadRequest, precision: str, tolerance: float | None) -> EntryError:
        """Runs an entry on all inputs, and compares its outputs.

        Args:
            request: how a worker loads it.
            precision: that sets the tolerance.
            tolerance: in place of that one; None takes it.

        Raises:
            BackendRefusal: the runtime does not take it.
            BackendCrash: the worker died or hung.
            UsageError: it lacks an output.
        """
        theirs = run_model(request, self.side.inputs, self.folder / "entry", self.side.deadlines)
        names, _ = self.looked.matched(self.run, theirs)
        allowed = precisions.TOLERANCES[precision] if tolerance is None else tolerance
        judged = self.looked.judge(names, self.run, theirs, allowed, backend=request.backend, again=lambda: self.again)
        worst = max(judged.outputs, key=lambda output: output.of_allowed)
        return EntryError(
            output=worst.name,
            measure=worst.measure,
            error=worst.error,
            tolerance=worst.tolerance,
            precision=precision,
            verdict=judged.verdict,
            reasons=judged.reasons,
            notes=judged.notes,
        )


def make_referee(
    name: str,
    file: ModelFile,
    graph: Graph,
    *,
    pixels: Pixels,
    seed: int,
    threads: int,
    deadlines: Deadlines,
    folder: Path,
) -> Referee:
    """Makes inputs up and runs the reference: the model as given, each operator computed alone.

    Args:
        name: of the model.
        file: of it.
        graph: of it, with the shapes of the case.
        pixels: ranges of generated images.
        seed: of the first input.
        threads: of the runtime.
        deadlines: how long it may take.
        folder: for inputs and outputs.

    Raises:
        UsageError: too few distinct inputs can be generated.
        BackendRefusal: ONNX Runtime does not take the model.
    """
    samples = made_up(graph, count=LEAST_INPUTS, seed=seed, pixels=pixels)
    inputs = write_inputs(samples, graph, folder / "inputs")
    path, settings = str(file.path.resolve()), dict(REFERENCE_SETTINGS)
    request = LoadRequest(REFERENCE_BACKEND, path, threads, settings=settings, files=file.states)
    side = ModelSide(name, file, graph, request, inputs, deadlines)
    looked = Reference.of(side, LEAST_INPUTS)
    return Referee(side, looked, side.run(folder / "reference", looked.inner), folder)
