"""The verification of an engine: what was compared, how far apart it is, and where it leaves the tolerance.

Field names are the public contract of the JSON document. What cannot be said is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from alexnet_bench.core.text import printable

VERIFICATION_VERSION = 1
"""Raised when a field changes its meaning or goes away."""

Verdict = Literal["passed", "failed", "inconclusive"]
Measure = Literal["spread", "size", "exact", "score", "none"]
"""What an error is relative to: the spread of the outputs over the inputs, or their size where they do not vary;
"exact" is the fraction of elements that differ; "score" is the error of the scores that indices choose; "none" where
nothing could be compared."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: the model as it was given, or the file of stored outputs.
        model_sha256: of the graph, without its weights; None for stored outputs.
        backend: that ran it, None for stored outputs.
        backend_version: likewise.
        device: likewise.
        precision: that the backend was told to compute in, "" for what the model says.
        settings: of the backend, as far as they were asked for.
        compute_dtypes: layers by the type of their arithmetic, as read back; none where that was not done.
    """

    name: str
    model_sha256: str | None = None
    backend: str | None = None
    backend_version: str | None = None
    device: str | None = None
    precision: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    compute_dtypes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputParity:
    """One output of the engine against the same output of the reference.

    Attributes:
        name: of the output.
        shape: for the first input.
        dtype: in the engine.
        reference_dtype: in the reference.
        measure: what `error` is relative to.
        error: over all inputs.
        tolerance: that the error must not exceed; 0 where values are compared exactly.
        max_abs: largest difference of two elements.
        mean_abs: mean difference of two elements.
        relative_error: relative to the size of the outputs, which says little where all inputs give about the same.
        spread: of the reference over the inputs, relative to its size.
        cosine: between what is left of both after the reference's mean over the inputs is taken away.
        top1_agreement: fraction of rows whose largest element is the same one; None unless asked for.
        worst_input: the input with the largest difference, counted from 0.
        verdict: on this output.
        reason: why it did not pass, "" when it did.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    reference_dtype: str
    measure: Measure
    error: float | None
    tolerance: float
    max_abs: float | None
    mean_abs: float | None
    relative_error: float | None
    spread: float | None
    cosine: float | None
    top1_agreement: float | None
    worst_input: int | None
    verdict: Verdict
    reason: str = ""

    @property
    def of_allowed(self) -> float:
        """The error over the largest allowed; infinite where it cannot be told, or must be exact and is not."""
        if self.error is None:
            return inf
        if not self.tolerance:
            return inf if self.error else 0.0
        return self.error / self.tolerance


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """A fault put into the outputs on purpose, which the comparison has to find.

    Attributes:
        name: "shuffled-inputs" or "lost-bias".
        output: that it was put into.
        outcome: whether it was found, or why there is nothing to put in ("does not apply").
        error: of the outputs with the fault.
        detail: in words.
    """

    name: str
    output: str
    outcome: Literal["found", "missed", "does not apply"]
    error: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TensorError:
    """A tensor of the reference, and how far the engine's is from it.

    Attributes:
        name: in the reference.
        engine_name: in the engine.
        error: as for an output; None where one of both is not a number.
    """

    name: str
    engine_name: str
    error: float | None


@dataclass(frozen=True, slots=True)
class FirstBad:
    """Where the engine leaves the tolerance.

    Attributes:
        found: whether it was found; `detail` says why not.
        nodes: of the reference, between what they read within the tolerance and what they make outside it.
        makes: the tensors made, those outside the tolerance first.
        reads: what they read, the worst first.
        runs: forward runs of the engine with tensors marked as outputs, each over all inputs.
        candidates: places that the search began with.
        detail: in words.
    """

    found: bool
    nodes: tuple[str, ...] = ()
    makes: tuple[TensorError, ...] = ()
    reads: tuple[TensorError, ...] = ()
    runs: int = 0
    candidates: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SizesTried:
    """Sizes of the inputs at which both were compared.

    Attributes:
        shapes: by input.
        inputs: how many distinct ones.
        verdict: on the outputs at these sizes.
        reasons: why it did not pass.
        outputs: at these sizes; none where they could not be compared.
    """

    shapes: dict[str, tuple[int, ...]]
    inputs: int
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    outputs: tuple[OutputParity, ...] = ()

    def __str__(self) -> str:
        return ", ".join(f"{printable(name)} {'x'.join(map(str, shape))}" for name, shape in self.shapes.items())


@dataclass(frozen=True, slots=True)
class Verification:
    """An engine against its reference, on distinct inputs.

    Attributes:
        verdict: failed as soon as one output fails; inconclusive when a self-check misses its fault.
        reasons: why it did not pass.
        engine: what is verified.
        reference: what it is compared with.
        precision: that sets the default tolerance: fp32, tf32, fp16, bf16 or int8.
        precision_source: "given", or what it was read from.
        tolerance: largest error allowed.
        tolerance_source: "given", or "default for fp16".
        inputs: how many distinct ones, of the first sizes.
        inputs_source: where they come from.
        outputs: one for each, at the first sizes.
        self_checks: two for each output.
        first_bad: None when the verification passed, or was not asked to search.
        notes: what else a reader should know.
        sizes: of the inputs, those of `outputs` first, then the ends of the range that the engine takes; none where
            they are not known.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    engine: Side
    reference: Side
    precision: str
    precision_source: str
    tolerance: float
    tolerance_source: str
    inputs: int
    inputs_source: str
    outputs: tuple[OutputParity, ...]
    self_checks: tuple[SelfCheck, ...]
    first_bad: FirstBad | None = None
    notes: tuple[str, ...] = ()
    sizes: tuple[SizesTried, ...] = ()
    schema: Literal["alexnet-bench.verification"] = "alexnet-bench.verification"
    schema_version: int = VERIFICATION_VERSION
