"""Options of a run, beside those that an engine was built with."""

from __future__ import annotations

from collections.abc import Mapping

from alexnet_bench.backends.device.choose import APIS, AUTO
from alexnet_bench.backends.settings import Setting, chosen
from alexnet_bench.backends.tensorrt.options import build_settings

DEVICE_API, CUDA_GRAPH, TF32 = "device_api", "cuda_graph", "tf32"
SETTINGS: Mapping[str, Setting] = {
    DEVICE_API: Setting((AUTO, *APIS), "the package for memory, streams and events; auto takes what is installed"),
    CUDA_GRAPH: Setting(("on", "off"), "whether the engine's kernels are captured once and launched as one"),
    TF32: Setting(("off", "on"), "whether the engine was built so that float32 products may round to TF32"),
}


def run_settings(backend: str, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The options of the run, each with a value; and those of the build, as they are given.

    Args:
        backend: its name, for messages.
        given: both kinds; an engine's recipe carries those that it was built with.

    Raises:
        UsageError: a name or a value is not known.
    """
    running = {name: value for name, value in given.items() if name in SETTINGS}
    building = {name: value for name, value in given.items() if name not in SETTINGS}
    build_settings(backend, building)
    return chosen(backend, SETTINGS, running), building
