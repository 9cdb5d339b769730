"""TensorRT and TensorRT-RTX: attributed, right, timed in parts, and nothing left on the device."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_bench import BuildOptions, Options, VerifyOptions, build_engine, profile, verify
from alexnet_bench.backends.device.choose import APIS, installed, open_device
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tensorrt.plan_header import read_plan_header
from alexnet_bench.backends.tensorrt.runner import TensorRt
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.network import architectures
from tests.unit.backends.lives import kept_bytes

_BACKENDS = ("tensorrt", "tensorrt-rtx")
_NETWORKS = ("lenet-5", "alexnet-2012")
_LARGE, _BATCH = "alexnet-2012", 32
_KEPT_BYTES = 8 << 20
"""What other programs on the card may take meanwhile; a life's inputs are 19 MB, its weights 244."""


def _plan(backend: str, name: str, precision: str, folder: Path, **told: Any) -> Path:
    """An engine for the card that is here."""
    here = availability(get_backend(backend))
    if not here.works:
        pytest.skip(here.reason)
    plan = folder / "engine.plan"
    build_engine(name, options=BuildOptions(backend=backend, precision=precision, **told), output=plan)
    with closing(open_device()) as device:
        capability, built_for = device.capability, read_plan_header(plan).capabilities
    if built_for and capability not in built_for:
        pytest.skip(f"{backend} {here.version} does not build for SM {capability / 10}")
    return plan


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", _NETWORKS)
@pytest.mark.parametrize("backend", _BACKENDS)
def test_layers_belong_to_the_nodes_of_the_model(backend: str, name: str, precision: str, tmp_path: Path) -> None:
    found = profile(_plan(backend, name, precision, tmp_path), options=Options(seconds=1.0, processes=2))
    assert found.engine is not None
    assert found.latency is not None
    assert found.engine.backend == backend
    assert found.coverage.macs_attributed_fraction == 1.0
    assert (found.coverage.time_attributed_fraction or 0) >= 0.98
    parts = found.latency.parts
    assert min(parts.h2d_s or 0, parts.compute_s or 0, parts.d2h_s or 0) > 0
    assert (parts.compute_s or 0) < found.latency.median_s
    assert (found.memory.device_peak_bytes or 0) > 0


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", _NETWORKS)
@pytest.mark.parametrize("backend", _BACKENDS)
def test_outputs_are_those_of_the_processor(backend: str, name: str, precision: str, tmp_path: Path) -> None:
    plan = _plan(backend, name, precision, tmp_path)
    found = verify(plan, against=name, options=VerifyOptions(precision=precision))
    assert found.verdict == "passed"


_SETTINGS = (
    {"strip": "on"},
    {"strip": "on", "refit": "on"},
    {"refit": "identical"},
    {"weight_streaming": "on"},
    {"weight_streaming": "100KiB"},
    {"version_compatible": "on"},
    {"hardware_compatibility": "ampere_plus"},
    {"hardware_compatibility": "same_compute_capability"},
)


@pytest.mark.parametrize("settings", _SETTINGS, ids=lambda settings: " ".join(map("-".join, settings.items())))
@pytest.mark.parametrize("backend", _BACKENDS)
def test_engines_are_right_whatever_the_build_was_told(backend: str, settings: dict[str, str], tmp_path: Path) -> None:
    if backend == "tensorrt-rtx" and {"version_compatible", "hardware_compatibility"}.intersection(settings):
        pytest.skip("TensorRT-RTX has no such setting")
    name = _LARGE if "strip" in settings else "lenet-5"  # of the former, nearly all is weights
    plan = _plan(backend, name, "fp32", tmp_path, settings=settings)
    assert verify(plan, against=name).verdict == "passed"
    if settings.get("strip") == "on":
        whole = build_engine(name, options=BuildOptions(backend=backend, precision="fp32"))
        assert plan.stat().st_size < whole.size_bytes / 2


@pytest.mark.parametrize("backend", _BACKENDS)
def test_each_profile_is_run_and_none_besides(backend: str, tmp_path: Path) -> None:
    def sizes(*batches: int) -> dict[str, list[tuple[int, ...]]]:
        return {"input": [(batch, 1, 32, 32) for batch in batches]}

    plan = _plan(backend, "lenet-5", "fp32", tmp_path, profiles=(sizes(1, 1, 2), sizes(8, 16, 32)))
    for batch in (1, 32):
        found = profile(plan, batch=batch, options=Options(seconds=0.5, processes=2))
        assert found.coverage.macs_attributed_fraction == 1.0
        assert verify(plan, against="lenet-5", options=VerifyOptions(batch=batch)).verdict == "passed"
    with pytest.raises(ShapeError, match="no optimisation profile of the engine holds input 4x1x32x32"):
        profile(plan, batch=4, options=Options(seconds=0.5))


@pytest.mark.parametrize("backend", _BACKENDS)
def test_builds_are_held_against_each_other_and_timed(backend: str, tmp_path: Path) -> None:
    _plan(backend, "lenet-5", "fp32", tmp_path)
    found = build_engine("lenet-5", options=BuildOptions(backend=backend, precision="fp32", builds=3)).builds
    assert found is not None
    assert found.not_run == ""
    assert all(build.median_s for build in found.builds)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("backend", _BACKENDS)
def test_kernels_are_captured_and_nothing_is_left(backend: str, api: str, tmp_path: Path) -> None:
    plan = _plan(backend, _LARGE, "fp32", tmp_path, batch=_BATCH)
    if api not in installed():
        pytest.skip(f"{api} is not installed")
    shape = (_BATCH, *architectures.get(_LARGE).input_shape)
    image = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)

    def live() -> None:
        runner = TensorRt()
        request = LoadRequest(backend, str(plan), 1, settings={"device_api": api}, shapes={"input": image.shape})
        loaded = runner.activate(request)
        assert (loaded.settings["cuda_graph"] == "on") is (api == "cuda-python")
        first = runner.infer({"input": image})[0].copy()
        assert first.any()
        assert np.array_equal(runner.infer({"input": image.copy()})[0], first)
        runner.deactivate()

    device = open_device(api)
    try:
        assert kept_bytes(lambda: device.free_memory().free_bytes, live) < _KEPT_BYTES
    finally:
        device.close()
