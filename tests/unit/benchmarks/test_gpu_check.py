"""`python -m tests.gpu`: what it says and writes, on tests that are made up; the real ones need a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[3]
SKIPPED = "import pytest\n\n@pytest.mark.parametrize('x', [1, 2])\ndef test_a(x):\n    pytest.skip('no card')\n"
PASSED = "def test_b():\n    pass\n"
FAILED = "def test_c():\n    assert 1 == 2\n"


def check(folder: Path, code: str, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Status, what was said, and the summary."""
    tests, out = folder / "tests", folder / "new" / "out.json"
    tests.mkdir()
    (tests / "test_made_up.py").write_text(code)
    call = f"main({['--out', str(out), '--no-benchmark', *arguments]!r}, folder=Path({str(tests)!r}))"
    command = [sys.executable, "-c", f"from pathlib import Path; from tests.gpu.__main__ import main; exit({call})"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr, json.loads(out.read_text())


@pytest.mark.parametrize(
    ("code", "arguments", "status", "said"),
    [
        (SKIPPED, (), 5, "nothing ran: no card (2 tests)"),
        (SKIPPED + PASSED, ("--only", "test_a"), 5, "nothing ran: no card (2 tests)"),
        (PASSED, ("--only", "test_x"), 5, "nothing ran: no test was chosen"),
        (SKIPPED + PASSED, (), 0, "3 tests, summary in"),
        (SKIPPED + FAILED, (), 1, "3 tests, summary in"),
        ("import no_such_module", (), 1, "0 tests, summary in"),
    ],
)
def test_the_status_is_0_only_where_something_ran(
    code: str, arguments: tuple[str, ...], status: int, said: str, tmp_path: Path
) -> None:
    found, stderr, _ = check(tmp_path, code, *arguments)
    assert (found, said in stderr) == (status, True), stderr
    assert ("nothing ran" in stderr) == (status == 5)


def test_the_summary_has_each_test_and_where_it_ran(tmp_path: Path) -> None:
    _, _, summary = check(tmp_path, SKIPPED + FAILED)
    assert sorted(test["outcome"] for test in summary["tests"].values()) == ["failed", "skipped", "skipped"]
    (failed,) = (test for test in summary["tests"].values() if test["outcome"] == "failed")
    assert "assert 1 == 2" in failed["reason"]
    assert summary["environment"]["backends"]["onnxruntime-cuda"].keys() >= {"version", "works", "reason"}
