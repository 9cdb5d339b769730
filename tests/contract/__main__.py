"""`make contract-check`: fetches the bindings of TensorRT from the public registry, and holds the code against them.

    python -m tests.contract [FOLDER]

The wheels, a megabyte each, are NVIDIA's and under its licence: they are kept in FOLDER, .venv/contract by default, and
nowhere in the repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.test_contract_tensorrt import WHEELS

_PINNED = (
    "tensorrt-cu13-bindings==10.16.1.11",
    "tensorrt-cu13-bindings==11.4.0.106",
    "tensorrt-rtx-cu13-bindings==1.4.0.76",
    "tensorrt-rtx-cu13-bindings==1.5.0.114",
    "tensorrt-rtx-cu13-bindings==1.6.1.120",
)


def main() -> int:
    """Gives pytest's exit status; 2 when a wheel cannot be fetched."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv/contract").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in _PINNED:
        name, _, version = wheel.partition("==")
        if not list(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")):
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
            if subprocess.run([*pip, "--dest", str(folder), wheel], check=False).returncode:
                return 2
    os.environ[WHEELS] = str(folder)
    return int(pytest.main(["-rs", str(Path(__file__).parent)]))


if __name__ == "__main__":
    sys.exit(main())
