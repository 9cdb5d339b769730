"""The results as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alexnet_bench.core import atomic
from benchmarks.rows import Row

SCHEMA = "alexnet-bench.benchmarks"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Answer:
    """The rows of one benchmark.

    Attributes:
        name: of the benchmark.
        rows: of the table.
        elapsed_s: how long it took.
        others_fraction: share of the machine that other programs used meanwhile, None where that is unknown.
    """

    name: str
    rows: tuple[Row, ...]
    elapsed_s: float
    others_fraction: float | None


def write(path: Path, environment: Mapping[str, object], answers: Sequence[Answer], *, quick: bool) -> None:
    """Writes everything measured so far in one step, so that a later failure loses nothing."""
    document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "quick": quick,
        "environment": environment,
        "benchmarks": [_benchmark(answer) for answer in answers],
    }
    atomic.write_bytes(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _benchmark(answer: Answer) -> dict[str, object]:
    return {
        "name": answer.name,
        "elapsed_s": answer.elapsed_s,
        "others_fraction": answer.others_fraction,
        "rows": [
            {**msgspec.to_builtins(row), "verdict": row.verdict, "verdict_clear": row.clear} for row in answer.rows
        ],
    }
