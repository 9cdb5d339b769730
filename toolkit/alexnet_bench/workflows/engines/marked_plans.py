"""Engines in the format of their runtime whose inside is to be seen: built again, with tensors as outputs too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import memo_folder
from alexnet_bench.engine.hashes import model_hash
from alexnet_bench.engine.plan import with_weights
from alexnet_bench.verdict.sides import ModelSide
from alexnet_bench.workflows.engines.sized import at_usual_sizes
from alexnet_bench.workflows.resolve import ResolvedModel
from alexnet_bench.workflows.verification.open_sizes import Opened


@dataclass(frozen=True)
class MarkedPlans:
    """Builds an engine again from the model that it was built from, as its runtime shows no tensor inside it.

    Attributes:
        engine: with its passport and recipe.
        model: that is compared with; only the one that the engine was built from can be built again.
        side: how the engine is run.
        progress: told of the build.
    """

    engine: Opened
    model: ResolvedModel | None
    side: ModelSide
    progress: Callable[[str], None]

    def __call__(self, tensors: Sequence[str], folder: Path) -> LoadRequest:
        """What loads the engine with tensors inside it as outputs too.

        Args:
            tensors: names in the engine's graph.
            folder: where the engine goes.

        Raises:
            EngineError: it was built from another model than the one at hand.
            AlexnetBenchError: it cannot be built so.
        """
        from alexnet_bench.workflows.engines.plan import Task, make_marked_plan

        built, recipe, model = self.engine.built, self.engine.recipe, self.model
        if built is None or recipe is None or model is None or not self._is_of(model):
            raise EngineError(
                "to look inside, the engine is built again, and --against is not the model that it was built from",
                "give that model: --against MODEL",
            )
        usual = replace(at_usual_sizes(model, recipe, None), deadlines=self.side.deadlines)
        folder.mkdir(parents=True, exist_ok=True)
        task = Task(usual, with_weights(recipe), usual.feeds(), built.passport.key, folder)
        self.progress(f"building {printable(model.name)} again, to look inside")
        plan = make_marked_plan(task, tensors, self.progress)
        return replace(self.side.request, model_path=str(plan.resolve()), weights_path="")

    def _is_of(self, model: ResolvedModel) -> bool:
        built = self.engine.built
        return built is not None and model_hash(model.path, memo_folder()).sha256 == built.passport.model_sha256
