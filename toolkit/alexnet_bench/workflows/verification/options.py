"""What is asked of a verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.verdict.samples import LEAST_INPUTS


@dataclass(frozen=True)
class VerifyOptions:
    """How to verify.

    Attributes:
        backend: that runs the engine, None for the first that works here; the reference always runs on ONNX Runtime.
        precision: fp32, tf32, fp16, bf16 or int8; None takes what the engine says of itself.
        tolerance: largest error; None takes that of the precision.
        inputs: a file or folder of real inputs, None to make them up.
        count: of inputs that are generated, at least 16; None takes 16.
        batch: size of a lone symbolic first dimension.
        shapes: sizes by input name.
        seed: of the first generated input; None takes 0.
        pixel_range: of generated images; None takes the network's own where it is known, else 0 to 1.
        threads: None takes the physical cores that this process may use.
        timeout_s: how long a runtime may take to load a model, and for each forward pass.
        top1: whether top-1 agreement is given too; it says nothing of weights that are not trained.
        search: whether the first bad node is looked for after a failure.
        save_inputs: where the inputs are written, as Polygraphy reads them.
        save_outputs: likewise the outputs of both.
    """

    backend: str | None = None
    precision: str | None = None
    tolerance: float | None = None
    inputs: str | Path | None = None
    count: int | None = None
    batch: int | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    seed: int | None = None
    pixel_range: tuple[float, float] | None = None
    threads: int | None = None
    timeout_s: float | None = None
    top1: bool = False
    search: bool = True
    save_inputs: str | Path | None = None
    save_outputs: str | Path | None = None

    @property
    def made_up(self) -> int:
        """How many inputs are generated where none are given."""
        return LEAST_INPUTS if self.count is None else self.count

    @property
    def first_seed(self) -> int:
        """Seed of the first of those."""
        return self.seed or 0

    @property
    def saved(self) -> dict[str, Path]:
        """What is written beside the result, by option."""
        given = {"--save-inputs": self.save_inputs, "--save-outputs": self.save_outputs}
        return {option: Path(path) for option, path in given.items() if path is not None}
