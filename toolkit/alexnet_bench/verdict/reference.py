"""What is right: the outputs of a reference, and what inside it they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alexnet_bench.core.graph import Graph
from alexnet_bench.verdict.comparison import Judged, judge
from alexnet_bench.verdict.judge import Criterion, matched_outputs
from alexnet_bench.verdict.last_bias import LastBias, find_last_bias
from alexnet_bench.verdict.model_run import Run
from alexnet_bench.verdict.ranking import Ranking, find_rankings
from alexnet_bench.verdict.repeats import Outputs
from alexnet_bench.verdict.sides import AnySide, ModelSide


@dataclass(frozen=True)
class Reference:
    """A reference, looked into before it runs.

    Attributes:
        graph: of the model; None for stored outputs.
        backend: that runs it, "" for stored outputs.
        biases: the last bias of each output, or why there is none.
        rankings: how the indices of outputs are chosen.
    """

    graph: Graph | None = None
    backend: str = ""
    biases: Mapping[str, LastBias | str] = field(default_factory=dict)
    rankings: Mapping[str, Ranking] = field(default_factory=dict)

    @classmethod
    def of(cls, side: AnySide, inputs: int) -> Reference:
        """That of a side which is run on so many inputs."""
        if not isinstance(side, ModelSide):
            return cls()
        biases = {name: find_last_bias(side.graph, name) for name in side.graph.outputs}
        return cls(side.graph, side.request.backend, biases, find_rankings(side.graph, inputs))

    @property
    def inner(self) -> list[str]:
        """Tensors inside it that its run has to give beside the outputs."""
        biases = [bias.tensor for bias in self.biases.values() if isinstance(bias, LastBias)]
        return [*biases, *(ranking.scores for ranking in self.rankings.values())]

    def matched(self, ours: Run, theirs: Run) -> tuple[list[str], list[str]]:
        """Its outputs, which an engine must have; and those that the engine has beyond them.

        Raises:
            UsageError: the engine lacks one, or holds another number of inputs.
        """
        return matched_outputs(ours, theirs, tuple(ours.outputs) if self.graph is None else self.graph.outputs)

    def judge(
        self,
        names: Sequence[str],
        ours: Run,
        theirs: Run,
        tolerance: float,
        *,
        backend: str,
        again: Callable[[], Outputs],
        top1: bool = False,
    ) -> Judged:
        """Judges an engine by its outputs.

        Args:
            names: of the outputs.
            ours: its own run, with what is `inner`.
            theirs: the engine's.
            tolerance: largest error.
            backend: that ran the engine, "" for stored outputs.
            again: runs the reference, a model, once more; called when an output failed.
            top1: whether the largest element of each row is compared too, for the report.
        """
        values = {name: arrays[0] for name, arrays in ours.outputs.items() if name not in names}
        criterion = Criterion(tolerance, top1, self.biases, values, self.rankings, ours.outputs)
        same = bool(backend) and backend == self.backend
        return judge(names, ours.outputs, theirs.outputs, criterion, graph=self.graph, again=again, same_runtime=same)
