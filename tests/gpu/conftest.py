"""What runs on an NVIDIA GPU alone; elsewhere every test is skipped, and says why."""

from __future__ import annotations

import pytest

from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.driver import no_driver
from alexnet_bench.backends.registry import availability, get_backend


def driver_missing() -> str:
    """Why no GPU can be used here, "" when one can."""
    return no_driver() or ("" if first_card() else "the NVIDIA driver finds no device")


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
