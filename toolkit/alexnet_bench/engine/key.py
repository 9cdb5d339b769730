"""The key of an engine: a hash of all that its build depends on, and of nothing else."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import msgspec

from alexnet_bench import __version__
from alexnet_bench.backends.registry import get_backend, target_here
from alexnet_bench.core.machine import cpu_model
from alexnet_bench.engine.apply import runtime_of_passes
from alexnet_bench.engine.recipe import Recipe

BUILD_VERSION = 3
"""Raised when the same inputs give another engine."""
_FOR_PEOPLE = ("name", "title")
_FEATURES = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "fphp", "i8mm", "bf16", "sve", "sve2"),
)
"""Extensions of x86-64 and AArch64 that runtimes choose kernels by, as Linux names them."""


@dataclass(frozen=True)
class Place:
    """What an engine is built with and for.

    Attributes:
        backend: name of the backend.
        backend_version: of its runtime.
        target: the kind of device.
        device: the processor with its extensions.
        driver: of the device, None where there is none.
    """

    backend: str
    backend_version: str
    target: str
    device: str
    driver: str | None = None


def this_place(backend: str, backend_version: str) -> Place:
    """This machine, with a backend: its processor, or what the backend builds for."""
    target = target_here(get_backend(backend))
    if target is not None:
        return Place(backend, backend_version, target.kind, target.device, target.driver)
    return Place(backend, backend_version, "cpu", device_name())


def engine_key(model_sha256: str, recipe: Recipe, place: Place) -> str:
    """The key, 64 hexadecimal digits.

    Args:
        model_sha256: of graph and weights.
        recipe: what is asked for; its name and title do not count.
        place: with what and for what.
    """
    followed = {name: value for name, value in msgspec.to_builtins(recipe).items() if name not in _FOR_PEOPLE}
    followed["plugins"] = [plugin.sha256 for plugin in recipe.plugins]  # wherever they lie
    depends_on = {
        "model_sha256": model_sha256,
        "recipe": followed,
        "place": asdict(place),
        "alexnet-bench": (__version__, BUILD_VERSION),
        "onnx": metadata.version("onnx"),
        "passes": runtime_of_passes() if recipe.passes else "",
    }
    return hashlib.sha256(msgspec.json.encode(depends_on, order="deterministic")).hexdigest()


@lru_cache(maxsize=1)
def device_name() -> str:
    """The processor with the extensions that kernels are chosen by: "AMD EPYC (x86_64 avx2 avx512f)"."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "").partition(":")[2].split()
    present = [name for name in _FEATURES if name in flags]
    return f"{cpu_model()} ({' '.join([platform.machine(), *present])})"
