"""`make contract-check`: fetches the bindings of TensorRT from the public registry, and holds the code against them.

    python -m tests.contract [FOLDER]

The wheels, a megabyte each, are NVIDIA's and under its licence: they are kept in FOLDER, .venv/contract by default, and
nowhere in the repository. That of onnxruntime-gpu, 250 MB, is not fetched; it is read where it lies in FOLDER already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.contract.stubs import missing_tools
from tests.contract.test_contract_tensorrt import WHEELS

PINNED = (
    "tensorrt-cu13-bindings==10.16.1.11",
    "tensorrt-cu13-bindings==11.4.0.106",
    "tensorrt-rtx-cu13-bindings==1.4.0.76",
    "tensorrt-rtx-cu13-bindings==1.5.0.114",
    "tensorrt-rtx-cu13-bindings==1.6.1.120",
)


_TIMEOUT_S = 120


def main() -> int:
    """Gives pytest's exit status; 2 when a wheel cannot be fetched, or not be looked into."""
    if tools := missing_tools():
        return _wrong(f"libraries to import the bindings against cannot be built here, for want of {tools}")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv/contract").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in filter(partial(_is_absent, folder), PINNED):
        if why := fetch(wheel, folder):
            return _wrong(f"pip cannot fetch {wheel}, is its index within reach? {why}")
    os.environ[WHEELS] = str(folder)
    return int(pytest.main(["-rs", str(Path(__file__).parent)]))


def fetch(wheel: str, folder: Path) -> str:
    """Downloads a wheel by pip; gives why that failed, in pip's last words, "" when it did not."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--retries=1")
    try:
        done = subprocess.run(
            [*pip, "--dest", str(folder), wheel], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return f"not within {_TIMEOUT_S} s"
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip said nothing"]
    return said[-1] if done.returncode else ""


def _is_absent(folder: Path, wheel: str) -> bool:
    name, _, version = wheel.partition("==")
    return not list(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))


def _wrong(why: str) -> int:
    sys.stderr.write(f"contract-check: {why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
