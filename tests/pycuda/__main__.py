"""`make pycuda-check`: builds PyCUDA from its source without a CUDA toolkit, and runs it on a driver that is made up.

    python -m tests.pycuda [FOLDER]

CUDA's headers come from the public registry, as wheels of NVIDIA's and under its licence; they are kept in FOLDER,
.venv/pycuda by default, with what was built, and nowhere in the repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.pycuda.made_up_driver import compile_driver, missing_tools
from tests.pycuda.test_pycuda_driver import ALONE

_HEADERS = (
    "nvidia-cuda-runtime==13.5.37",
    "nvidia-cuda-crt==13.5.37",
    "nvidia-cuda-cccl==13.3.5.0.6",
    "nvidia-cuda-profiler-api==13.5.25",
)
_PACKAGE = "pycuda==2026.1"
_DEFAULTS = """CUDA_ROOT = ""
CUDA_INC_DIR = {includes!r}
CUDADRV_LIB_DIR = [{libraries!r}]
CUDADRV_LIBNAME = ["cuda"]
CUDA_ENABLE_CURAND = False
"""
"""What PyCUDA's setup reads in the home folder (`.aksetup-defaults.py`). Its cuRAND is not used here."""


def main() -> int:
    """Gives pytest's exit status; 2 when something cannot be fetched or built."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv/pycuda").resolve()
    if missing := missing_tools():
        sys.stderr.write(f"{missing} not found\n")
        return 2
    site = folder / "site"
    if not (site / "pycuda").is_dir() and not _build(folder, site):
        return 2
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, ALONE: "1", "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", str(Path(__file__).parent)], env=environment, check=False
    ).returncode


def _build(folder: Path, site: Path) -> bool:
    """Installs PyCUDA and what it needs into a folder. The library that it is linked to has no functions yet."""
    toolkit, libraries = folder / "cuda", folder / "lib"
    libraries.mkdir(parents=True, exist_ok=True)
    compile_driver([], libraries)
    include = toolkit / "nvidia" / "cu13" / "include"
    settings = _DEFAULTS.format(includes=[str(include), str(include / "cccl")], libraries=str(libraries))
    (folder / ".aksetup-defaults.py").write_text(settings)
    return _install(toolkit, *_HEADERS, dependencies=False) and _install(site, _PACKAGE, home=folder)


def _install(folder: Path, *packages: str, dependencies: bool = True, home: Path | None = None) -> bool:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
    options = [] if dependencies else ["--no-deps"]
    environment = os.environ if home is None else {**os.environ, "HOME": str(home)}
    return subprocess.run([*pip, *options, *packages], env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
