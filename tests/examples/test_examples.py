"""Every example runs as its README says, and prints what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*/*.py"))

EXPECTED = {
    "profile_a_model.py": ("squeezenet:", "attributed: 100.0 % of the kernel time"),
    "count_models.py": ("resnet50", "4,089,184,256", "25,610,152"),
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_example_runs(script: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for expected in EXPECTED[script.name]:
        assert expected in done.stdout


@pytest.mark.parametrize("folder", sorted({path.parent for path in SCRIPTS}), ids=lambda path: path.name)
def test_example_has_a_readme_that_names_its_script(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert all(path.name in text for path in folder.glob("*.py"))
