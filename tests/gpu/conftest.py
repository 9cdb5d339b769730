"""What runs on an NVIDIA GPU alone; elsewhere every test is skipped, and says why."""

from __future__ import annotations

import ctypes

import pytest

from alexnet_bench.backends.registry import availability, get_backend


def driver_missing() -> str:
    """Why no GPU can be used here, "" when one can."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver: libcuda.so.1 is not there"
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "the NVIDIA driver finds no device"
    return ""


@pytest.fixture(autouse=True, scope="session")
def gpu() -> None:
    """Skips where there is none."""
    if reason := driver_missing():
        pytest.skip(reason)


@pytest.fixture(params=["onnxruntime-cuda", "onnxruntime-tensorrt"])
def cuda_provider(request: pytest.FixtureRequest) -> str:
    """The name of a backend, where its runtime is installed."""
    here = availability(get_backend(request.param))
    if not here.works:
        pytest.skip(here.reason)
    return here.backend
