"""What is asked of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BuildOptions:
    """How to build.

    Attributes:
        recipe: name of a recipe or path of its file; None takes the one of the backend and the precision.
        backend: name in the registry, None for the recipe's, else the first that works here.
        precision: "fp32", "tf32", "fp16" or "bf16"; None takes the recipe's.
        optimize: whether to apply the passes that make a graph faster; None as the recipe says.
        passes: to apply beside those; any that narrows types, which has to be that of the precision, comes last.
        keep_fp32: nodes or operators that stay in float32 beside a narrower type, with those of the recipe.
        batch: fixes the batch; several leave it open from the smallest to the largest, and the first is tried first.
        shapes: fixes the sizes of inputs, by name.
        profiles: ranges of sizes in place of the recipe's, one for each optimisation profile: the least, the usual and
            the largest sizes of inputs, by name. The engine is tried with the first.
        settings: options of the backend, by name, in place of the recipe's.
        plugins: libraries of operators that TensorRT does not have itself, beside the recipe's.
        rebuild: build again where the cache has the engine already.
        timeout_s: how long the runtime may take to load the engine, and for each forward pass; None lets the tool say.
        builds: how often to build it, to see what differs between the builds; the first stays.
        tune_s: seconds for a search for the settings that the engine runs fastest with here; None searches nothing.
    """

    recipe: str | None = None
    backend: str | None = None
    precision: str | None = None
    optimize: bool | None = None
    passes: Sequence[str] = ()
    keep_fp32: Sequence[str] = ()
    batch: int | Sequence[int] | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    profiles: Sequence[Mapping[str, Sequence[Sequence[int]]]] = ()
    settings: Mapping[str, str] | None = None
    plugins: Sequence[str | Path] = ()
    rebuild: bool = False
    timeout_s: float | None = None
    builds: int = 1
    tune_s: float | None = None
