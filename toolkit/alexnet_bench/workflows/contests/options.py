"""What is asked of a contest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.workflows.options import DEFAULT_SECONDS

DEFAULT_PRECISIONS = ("fp32",)
ROUNDS = 5
"""Student's interval over three rounds is twice as wide, and those of many lose their time with loading."""


@dataclass(frozen=True)
class ContestOptions:
    """How to hold a contest.

    Attributes:
        backends: names in the registry; None takes all. ONNX Runtime with the model as given always takes part.
        precisions: of the engines that are built, beside the model as given; ("all",) takes every one with a recipe.
        tolerance: largest error of an entry; None takes that of its precision.
        shapes: sizes by input name.
        threads: of every entry; None takes the physical cores that this process may use.
        seconds: timed seconds for each entry; building, judging and warming up come on top.
        processes: rounds that the timed seconds are spread over, each in fresh processes.
        seed: of generated inputs.
        timeout_s: how long a runtime may take to load, and for each forward pass, before it is ended.
    """

    backends: tuple[str, ...] | None = None
    precisions: tuple[str, ...] = DEFAULT_PRECISIONS
    tolerance: float | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    threads: int | None = None
    seconds: float = DEFAULT_SECONDS
    processes: int = ROUNDS
    seed: int = 0
    timeout_s: float | None = None
