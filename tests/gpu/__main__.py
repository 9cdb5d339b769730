"""`python -m tests.gpu`: the tests of this folder and the benchmark of GPUs; what came of them, and where, as JSON.

It needs no network, and runs in whatever environment it is started in: pytest, the package, and the runtimes that are
to be tried. The status is 0 when something ran and nothing failed, 5 (pytest's "no tests") when nothing ran.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.driver import driver_version
from alexnet_bench.backends.registry import BACKENDS, availability
from alexnet_bench.core import atomic
from alexnet_bench.measure import environment
from tests.gpu.conftest import driver_missing

DEFAULT = Path("profiles", "runs", "gpu-check.json")
NOTHING_RAN = int(pytest.ExitCode.NO_TESTS_COLLECTED)
_TOP = Path(__file__).resolve().parents[2]


class Outcomes:
    """Collects what became of each test."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, str | float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the part of a test that decides: its call, or whatever went wrong before or after it."""
        if report.when == "call" or report.outcome != "passed":
            reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext[-4000:]
            self.tests[report.nodeid] = {"outcome": report.outcome, "seconds": report.duration, "reason": reason}


def main(arguments: Sequence[str] | None = None, *, folder: Path = Path(__file__).parent) -> int:
    """Runs the tests, then the benchmark, and writes the summary.

    Args:
        arguments: of the command line.
        folder: of the tests.
    """
    asked = _parser().parse_args(arguments)
    outcomes = Outcomes()
    chosen = ["-k", asked.only] if asked.only else []
    status = int(pytest.main(["-ra", "--continue-on-collection-errors", *chosen, str(folder)], plugins=[outcomes]))
    summary: dict[str, Any] = {"gpu_missing": driver_missing(), "environment": _here(), "tests": outcomes.tests}
    _write(asked.out, summary)  # the benchmark takes long, and may be ended
    if asked.benchmark and not driver_missing():
        failed, summary["benchmarks"] = _benchmark(quick=asked.quick)
        _write(asked.out, summary)
        status = status or failed
    print(f"{len(outcomes.tests)} tests, summary in {asked.out}", file=sys.stderr)
    why = "" if status not in (0, NOTHING_RAN) else nothing_ran(outcomes.tests)
    if why:
        print(f"nothing ran: {why}", file=sys.stderr)
    return NOTHING_RAN if why else status


def nothing_ran(tests: Mapping[str, Mapping[str, str | float]]) -> str:
    """Why not one test ran, each reason once, the most frequent first; "" where one did."""
    if any(test["outcome"] != "skipped" for test in tests.values()):
        return ""
    reasons = Counter(str(test["reason"]).removeprefix("Skipped: ") for test in tests.values())
    return "; ".join(f"{reason} ({number} tests)" for reason, number in reasons.most_common()) or "no test was chosen"


def _benchmark(*, quick: bool) -> tuple[int, dict[str, Any] | None]:
    """The status of the benchmark, and its document; None where it ended before its first row."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        target = Path(folder, "bench.json")
        command = [sys.executable, "-m", "benchmarks", "--only", "gpu", "--json", str(target)]
        status = subprocess.run([*command, *(["--quick"] if quick else [])], cwd=_TOP, check=False).returncode
        return status, json.loads(target.read_bytes()) if target.is_file() else None


def _here() -> dict[str, Any]:
    card = first_card()
    here = environment.describe(backend=None, backend_version=None, threads=None)
    return {
        **asdict(here),
        "driver": driver_version(),
        "card": asdict(card) if card else None,
        "backends": {backend.name: asdict(availability(backend)) for backend in BACKENDS},
    }


def _write(target: Path, summary: Mapping[str, Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(target, json.dumps(summary, indent=2).encode() + b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=DEFAULT, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--only", metavar="EXPRESSION", help="of these tests only, as pytest -k has it")
    parser.add_argument("--no-benchmark", dest="benchmark", action="store_false", help="the tests alone")
    parser.add_argument(
        "--quick", action="store_true", help="one round of two batches: to see that the benchmark works"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
