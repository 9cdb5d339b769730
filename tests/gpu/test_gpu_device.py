"""The contract of devices, on a real one, by each package that is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alexnet_bench.backends.device.choose import APIS, installed
from tests.unit.backends.device_contract import DeviceContract, Open


def _opener(name: str) -> Open:
    if name not in installed():
        pytest.skip(f"{name} is not installed")
    return APIS[name]


class TestCudaPython(DeviceContract):
    @pytest.fixture
    def open_device(self) -> Open:
        return _opener("cuda-python")


class TestPyCuda(DeviceContract):
    @pytest.fixture
    def open_device(self) -> Open:
        return _opener("pycuda")


@pytest.mark.parametrize("name", APIS)
def test_other_libraries_share_the_context(name: str) -> None:
    """In a process of its own: torch has to see what lies in the same primary context."""
    _opener(name)
    pytest.importorskip("torch", reason="torch is not installed")
    code = f"""
import torch
if not torch.cuda.is_available():
    raise SystemExit(77)
from alexnet_bench.backends.device.choose import open_device
before = torch.ones(8, device="cuda")
device = open_device({name!r})
buffer = device.allocate(1 << 20)
assert (torch.ones(8, device="cuda") + before).sum().item() == 16
buffer.close()
device.close()
assert before.sum().item() == 8
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("torch has no CUDA")
    assert done.returncode == 0, done.stderr
