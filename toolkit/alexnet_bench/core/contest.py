"""The contest of a model's engines: what ran it, how fast, how far from the reference, and which is to be taken.

Field names are the public contract of the JSON document. Units are suffixes; what is not known is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from alexnet_bench.core.profile import Environment
from alexnet_bench.core.verification import Measure, Side, Verdict

CONTEST_VERSION = 1
"""Raised when a field changes its meaning or goes away."""
STOCK = "onnxruntime-cpu"
"""The backend that every other one is set against, with the model as given."""


@dataclass(frozen=True, slots=True)
class EntryLatency:
    """How fast an entry is, measured without a profiler.

    Attributes:
        samples_s: every sample, by round; the rounds of all entries lie beside each other.
        median_s: over all samples.
        ci95_s: 95 % interval of the median.
        throughput_per_s: batch / median.
        ratio: median over that of onnxruntime-cpu on the model as given; None where that did not run.
        ratio_ci95: 95 % interval of the ratio, rounds paired; None for a single round.
    """

    samples_s: tuple[tuple[float, ...], ...]
    median_s: float
    ci95_s: tuple[float, float]
    throughput_per_s: float
    ratio: float | None = None
    ratio_ci95: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class EntryError:
    """How far an entry's outputs are from the reference.

    Attributes:
        output: the one that is furthest off, relative to what it may be.
        measure: what the error is relative to, as in a verification.
        error: of that output; None where nothing could be compared.
        tolerance: largest error allowed for it.
        precision: that sets the tolerance.
        verdict: on all outputs.
        reasons: why it did not pass.
        notes: what the errors of outputs that passed do not show.
    """

    output: str
    measure: Measure
    error: float | None
    tolerance: float
    precision: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One backend with the model as given, or with an engine.

    Attributes:
        backend: name of the backend.
        backend_version: of its runtime, "" where that is not installed.
        precision: that an engine was asked for; None for the model as given.
        recipe: of the engine; None for the model as given.
        passport_key: of the engine.
        compute_dtypes: layers by the type of their arithmetic, as executed.
        error: None when it did not come that far.
        latency: likewise.
        refused: why it did not take part, or not to the end; "" when it did.
        transient: whether that reason may be gone the next time: a crash, too little time, a full disk.
    """

    backend: str
    backend_version: str
    precision: str | None = None
    recipe: str | None = None
    passport_key: str | None = None
    compute_dtypes: dict[str, int] = field(default_factory=dict)
    error: EntryError | None = None
    latency: EntryLatency | None = None
    refused: str = ""
    transient: bool = False

    @property
    def is_within(self) -> bool:
        """Whether it may be taken: it ran, and its error is within the tolerance."""
        return self.latency is not None and self.error is not None and self.error.verdict == "passed"


@dataclass(frozen=True, slots=True)
class ContestCase:
    """All entries at one batch, measured in turns.

    Attributes:
        batch: images of one forward pass.
        shapes: sizes by input name.
        entries: the fastest first; those that did not take part come last.
        fastest: place in `entries` of the fastest one within the tolerance; None where there is none.
        close: places of entries within the tolerance that this measurement cannot tell from the fastest.
    """

    batch: int
    shapes: dict[str, tuple[int, ...]]
    entries: tuple[Entry, ...]
    fastest: int | None
    close: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a place where there is no entry, which makes a document that says so invalid."""
        named = (*self.close, *(() if self.fastest is None else (self.fastest,)))
        outside = [place for place in named if not 0 <= place < len(self.entries)]
        if outside:
            raise ValueError(f"there is no entry {outside[0]}, counted from 0, among {len(self.entries)}")

    @property
    def judges_nothing(self) -> bool:
        """Whether entries ran, and nothing can be said of the error of any."""
        verdicts = {
            entry.error.verdict for entry in self.entries if entry.latency is not None and entry.error is not None
        }
        return verdicts == {"inconclusive"}

    @property
    def winner(self) -> Entry | None:
        """The fastest entry within the tolerance."""
        return None if self.fastest is None else self.entries[self.fastest]


@dataclass(frozen=True, slots=True)
class Contest:
    """A model on everything that runs it here.

    Attributes:
        model: its name.
        graph_sha256: of its graph.
        weights_sha256: of its weights.
        reference: what errors are relative to.
        inputs: distinct ones that outputs were compared on.
        inputs_source: where they come from.
        precisions: whose engines were asked for.
        tolerance: that was given in place of those of the precisions.
        threads: of every entry.
        seconds: timed for each entry.
        processes: rounds, each in fresh processes.
        seed: of generated inputs.
        cases: one for each batch.
        environment: the machine.
    """

    model: str
    graph_sha256: str
    weights_sha256: str
    reference: Side
    inputs: int
    inputs_source: str
    precisions: tuple[str, ...]
    tolerance: float | None
    threads: int
    seconds: float
    processes: int
    seed: int
    cases: tuple[ContestCase, ...]
    environment: Environment
    schema: Literal["alexnet-bench.contest"] = "alexnet-bench.contest"
    schema_version: int = CONTEST_VERSION
