"""numpy's library for matrix products."""

from __future__ import annotations

import os
import sys

_THREADS = "OPENBLAS_NUM_THREADS"


def load_without_threads() -> None:
    """Imports numpy for a command that multiplies no matrices: its OpenBLAS starts no threads.

    It starts one for each processor as it is loaded, and waits for them, which takes longer than the rest of the import
    where processors are many or busy. What the user set, and a numpy that is there already, stay as they are; so does
    the environment that other processes inherit.
    """
    if _THREADS in os.environ or "numpy" in sys.modules:
        return
    os.environ[_THREADS] = "1"
    try:
        import numpy  # noqa: F401, ICN001 - for its side effect
    finally:
        del os.environ[_THREADS]
