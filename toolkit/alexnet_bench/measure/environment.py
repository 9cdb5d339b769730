"""The environment of a measurement."""

from __future__ import annotations

import datetime as dt
import platform
import sys

from alexnet_bench.core.machine import cpu_model, load_average, usable_cores
from alexnet_bench.core.profile import Environment, Scalar


def describe(*, backend: str | None, backend_version: str | None, threads: int | None) -> Environment:
    """What must match for two profiles to be comparable, and what only describes."""
    comparable: dict[str, Scalar] = {
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "usable_cores": usable_cores(),
        "backend": backend,
        "backend_version": backend_version,
        "threads": threads,
    }
    described: dict[str, Scalar] = {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "load_average": load_average(),
    }
    return Environment(comparable, described)
