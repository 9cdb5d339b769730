"""The first card, as the driver's library tells it: here one that is compiled for the test, with two cards."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_bench.backends.device import ask_card, driver
from alexnet_bench.backends.device.card import Card, first_card

_SOURCE = """
#include <stdlib.h>
#include <string.h>
static int started;
static int first(void) { const char *seen = getenv("CUDA_VISIBLE_DEVICES"); return seen ? atoi(seen) : 0; }
int cuInit(unsigned flags) { started = getenv("NO_DEVICE") == NULL; return started ? 0 : 100; }
int cuDeviceGet(int *device, int ordinal) { *device = first() + ordinal; return started ? 0 : 3; }
int cuDeviceGetName(char *name, int size, int device) {
  strncpy(name, device ? "NVIDIA T4" : "NVIDIA L4", size); return 0; }
int UUID(char *uuid, int device) { memset(uuid, 0xa0 + device, 16); return 0; }
int cuDriverGetVersion(int *version) { *version = 13050; return 0; }
"""
_A, _B = "GPU-a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0", "GPU-a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1"


@pytest.fixture(params=["cuDeviceGetUuid_v2", "cuDeviceGetUuid"])
def library(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library, where the loader of a new process looks first."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc to compile a library with")
    source, made = tmp_path / "driver.c", tmp_path / ask_card.LIBRARY
    source.write_text(_SOURCE.replace("UUID", request.param))
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), str(source)], check=True, timeout=120)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(driver, "LIBRARY", str(made))
    return made


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """What was found is kept for the process."""
    first_card.cache_clear()
    yield
    first_card.cache_clear()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("seen", "name", "uuid"), [("0", "NVIDIA L4", _A), ("1", "NVIDIA T4", _B)])
def test_it_is_the_one_that_programs_may_see(seen: str, name: str, uuid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert first_card() == Card(name, uuid, "13.5")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert first_card() == Card(name, uuid, "13.5")


@pytest.mark.usefixtures("library")
def test_a_driver_without_a_device_has_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_DEVICE", "1")
    assert first_card() is None


def test_cuda_is_not_started_in_this_process(library: Path) -> None:
    assert first_card()
    assert ctypes.CDLL(str(library)).cuDeviceGet(ctypes.byref(ctypes.c_int()), 0) == 3
    assert ask_card.ask(ctypes.CDLL(str(library)))["name"] == "NVIDIA L4"


def test_without_a_driver_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    monkeypatch.setattr(driver, "LIBRARY", "libno-such-driver.so.1")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("asked"))
    assert first_card() is None


def test_where_nothing_is_answered_there_is_no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "version").touch()
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    monkeypatch.setattr(ask_card, "__file__", str(tmp_path / "no such program.py"))
    assert driver.has_driver()
    assert first_card() is None
