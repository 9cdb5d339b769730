"""`python -m tests.gpu [FILE]`: the tests of this folder, their outcomes and where they ran as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from alexnet_bench.core import atomic
from alexnet_bench.measure import environment
from tests.gpu.conftest import driver_missing

DEFAULT = Path("profiles", "runs", "gpu-check.json")


class Outcomes:
    """Collects what became of each test."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, str | float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the part of a test that decides: its call, or whatever went wrong before or after it."""
        if report.when == "call" or report.outcome != "passed":
            reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext[-400:]
            self.tests[report.nodeid] = {"outcome": report.outcome, "seconds": report.duration, "reason": reason}


def main() -> int:
    """Runs the tests, writes the summary, and returns pytest's status."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    outcomes = Outcomes()
    status = pytest.main(["-ra", str(Path(__file__).parent)], plugins=[outcomes])
    here = environment.describe(backend=None, backend_version=None, threads=None)
    summary = {"gpu_missing": driver_missing(), "environment": asdict(here), "tests": outcomes.tests}
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(target, json.dumps(summary, indent=2).encode() + b"\n")
    print(f"{len(outcomes.tests)} tests, summary in {target}", file=sys.stderr)
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main())
