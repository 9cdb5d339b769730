"""What runs on an NVIDIA GPU alone; elsewhere every test is skipped, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.driver import no_driver
from alexnet_bench.backends.registry import availability, get_backend


def driver_missing() -> str:
    """Why no GPU can be used here, "" when one can."""
    return no_driver() or ("" if first_card() else "the NVIDIA driver finds no device")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of runtimes that nobody has run on a card before are shown, and fail nothing here."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("default"))


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
