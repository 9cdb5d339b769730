"""The environment of a measurement."""

from __future__ import annotations

import datetime as dt
import platform
import sys
from collections.abc import Mapping

from alexnet_bench.core.machine import affinity, cpu_model, load_average, usable_cores
from alexnet_bench.core.profile import Environment, Scalar


def describe(
    *,
    backend: str | None,
    backend_version: str | None,
    threads: int | None,
    device: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> Environment:
    """What must match for two profiles to be comparable, and what only describes.

    Args:
        backend: that ran, None where nothing ran.
        backend_version: of its runtime.
        threads: that it was given.
        device: that it ran on, as the runtime says; None where nothing ran.
        settings: what was in force, as the runtime says.
    """
    comparable: dict[str, Scalar] = {
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "usable_cores": usable_cores(),
        "backend": backend,
        "backend_version": backend_version,
        "threads": threads,
        "device": device,
    }
    described: dict[str, Scalar] = {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "load_average": load_average(),
        "affinity": ",".join(map(str, affinity())),
        "settings": ", ".join(f"{name} {value}" for name, value in (settings or {}).items()) or None,
    }
    return Environment(comparable, described)
