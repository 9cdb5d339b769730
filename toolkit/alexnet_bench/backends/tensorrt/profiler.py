"""A profiler that TensorRT tells the times of layers, and passes them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def make_profiler(trt: Any, report: Callable[[str, float], None]) -> Any:
    """A profiler.

    Args:
        trt: the module of TensorRT.
        report: told the layer's name and its time in milliseconds.
    """

    class Profiler(trt.IProfiler):  # type: ignore[misc]  # the base class is only known here
        """Passes on what it is told."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            """Called by TensorRT for each layer."""
            report(layer_name, ms)

    return Profiler()
