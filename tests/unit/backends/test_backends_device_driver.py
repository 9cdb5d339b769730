"""A driver that is too old is named. CUDA says the same where there is none, and so can be asked here."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from onnx import helper

from alexnet_bench.backends.device import driver
from alexnet_bench.backends.device.cuda_python import CudaPython, module_name
from alexnet_bench.backends.device.driver import call_refusal, driver_version, has_driver
from alexnet_bench.backends.onnxruntime.cuda import missing as no_cuda
from alexnet_bench.backends.onnxruntime.tensorrt import missing as no_tensorrt
from alexnet_bench.backends.tensorrt.flavour import cannot_build, cannot_run
from alexnet_bench.backends.tensorrt.session import Session
from alexnet_bench.core.errors import BackendRefusal
from tests.unit.backends.made_elf import elf
from tests.unit.backends.tensorrt_here import build, needs_rtx, write_node

_OLD = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\nGCC version:  gcc 11.4\n"
)
_OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (someone)  Sun Jul 27\n"
_no_driver = pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")
_needs_cuda_python = pytest.mark.skipif(module_name() is None, reason="cuda-python is not installed")
_TOO_OLD = r"^the NVIDIA driver 535\.54\.03 is too old for what is installed: "


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "version").write_text(_OLD)
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")


@pytest.mark.parametrize(
    ("text", "version"), [(_OLD, "535.54.03"), (_OPEN, "580.65.06"), ("", None), ("x86_64 only\n1.2\n", None)]
)
def test_the_version_stands_in_the_first_line(
    text: str, version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    assert driver_version() is None
    (tmp_path / "version").write_text(text)
    assert driver_version() == version


def test_a_driver_whose_kernel_module_is_not_shown_is_one_for_every_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    monkeypatch.setattr(driver, "LIBRARY", "libno-such-driver.so.1")
    (tmp_path / "capi").mkdir()
    for name in ("cuda", "tensorrt"):
        (tmp_path / "capi" / f"libonnxruntime_providers_{name}.so").write_bytes(elf(["libc.so.6"]))

    def asked() -> list[str]:
        return [cannot_build("tensorrt"), cannot_run(tmp_path), no_cuda(tmp_path), no_tensorrt(tmp_path)]

    assert asked() == ["no NVIDIA driver"] * 4
    assert call_refusal("driver version is insufficient").message == "driver version is insufficient"
    monkeypatch.setattr(driver, "LIBRARY", "libc.so.6")  # any that can be loaded
    assert all("driver" not in said for said in asked())
    refused = call_refusal("driver version is insufficient").message
    assert refused == "the NVIDIA driver is too old for what is installed: driver version is insufficient"


@pytest.mark.usefixtures("old")
def test_other_failures_are_left_as_they_are() -> None:
    refused = call_refusal("cudaMalloc fails", "a hint", said="CUDA initialization failure with error: 3")
    assert (refused.message, refused.hint) == ("cudaMalloc fails", "a hint")


@_no_driver
@_needs_cuda_python
@pytest.mark.usefixtures("old")
def test_cuda_python_finds_it_too_old() -> None:
    with pytest.raises(BackendRefusal, match=_TOO_OLD + "cudaSetDevice fails: cudaErrorInsufficientDriver") as refused:
        CudaPython()
    assert "CUDA 13 takes 580 or later" in refused.value.hint


@_no_driver
@needs_rtx
@pytest.mark.usefixtures("old")
def test_tensorrt_finds_it_too_old(tmp_path: Path) -> None:
    build(write_node(tmp_path, helper.make_node("Relu", ["x"], ["y"], "relu"), 2))
    session = Session("tensorrt-rtx", importlib.import_module("tensorrt_rtx"))
    with pytest.raises(BackendRefusal, match=_TOO_OLD + "tensorrt-rtx fails in deserialize_cuda_engine") as refused:
        session.load((tmp_path / "engine.plan").read_bytes())
    session.close()
    assert "update the driver" in refused.value.hint


@pytest.mark.usefixtures("old")
def test_a_warning_in_the_log_is_enough() -> None:
    """TensorRT 8.6 and on: https://github.com/NVIDIA/TensorRT/issues/2913."""

    def start(log: Any) -> None:
        log.log("Severity.WARNING", "CUDA initialization failure with error: 35. Please check your CUDA installation")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    module = SimpleNamespace(ILogger=type("ILogger", (), {"__init__": lambda _: None}), Runtime=start)
    with pytest.raises(BackendRefusal, match=_TOO_OLD + "tensorrt fails in Runtime: TypeError: pybind11"):
        Session("tensorrt", module).load(b"")


@_no_driver
@_needs_cuda_python
def test_without_a_driver_none_is_named() -> None:
    with pytest.raises(BackendRefusal, match=r"^cudaSetDevice fails: cudaErrorInsufficientDriver"):
        CudaPython()
