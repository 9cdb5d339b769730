"""How far the entries of a contest are from the reference: one run of that, and each entry against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from alexnet_bench.verdict.comparison import judge
from alexnet_bench.verdict.judge import Criterion, matched_outputs
from alexnet_bench.verdict.last_bias import LastBias, find_last_bias
from alexnet_bench.verdict.model_run import Run, run_model
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.pictures import Pixels
from alexnet_bench.verdict.ranking import Ranking, find_rankings
from alexnet_bench.verdict.samples import LEAST_INPUTS, made_up
from alexnet_bench.verdict.sides import ModelSide, write_inputs
from alexnet_bench.workflows.verification.sides import REFERENCE_BACKEND, REFERENCE_SETTINGS


@dataclass(frozen=True)
class Referee:
    """The reference after its run.

    Attributes:
        graph: of the model, with the shapes of the case.
        inputs: folders of arrays.
        side: the reference.
        run: of it.
        described: the reference, for the document.
        biases: the last bias of each output, or why there is none.
        rankings: how the indices of outputs are chosen.
        folder: for the outputs of entries.
        deadlines: how long a runtime may take.
    """

    graph: Graph
    inputs: Sequence[Path]
    side: ModelSide
    run: Run
    described: Side
    biases: dict[str, LastBias | str]
    rankings: dict[str, Ranking]
    folder: Path
    deadlines: Deadlines

    @cached_property
    def again(self) -> Mapping[str, Sequence[Array]]:
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
        theirs = run_model(request, self.inputs, self.folder / "entry", self.deadlines)
        names, _ = matched_outputs(self.run, theirs, self.graph.outputs)
        values = {name: arrays[0] for name, arrays in self.run.outputs.items() if name not in names}
        allowed = precisions.TOLERANCES[precision] if tolerance is None else tolerance
        ours = self.run.outputs
        criterion = Criterion(allowed, biases=self.biases, bias_values=values, rankings=self.rankings, scores=ours)
        judged = judge(
            names,
            ours,
            theirs.outputs,
            criterion,
            graph=self.graph,
            again=lambda: self.again,
            same_runtime=request.backend == self.side.request.backend,
        )
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
    biases = {output: find_last_bias(graph, output) for output in graph.outputs}
    rankings = find_rankings(graph, LEAST_INPUTS)
    inner = [bias.tensor for bias in biases.values() if isinstance(bias, LastBias)]
    run = side.run(folder / "reference", [*inner, *(ranking.scores for ranking in rankings.values())])
    return Referee(graph, inputs, side, run, side.described(run), biases, rankings, folder, deadlines)
