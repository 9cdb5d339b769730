from __future__ import annotations

import platform
from pathlib import Path

import pytest

from alexnet_bench import __version__
from alexnet_bench.backends.registry import BACKENDS
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.measure import ceilings as measured
from alexnet_bench.network import architectures
from alexnet_bench.workflows.ceilings import machine_ceilings
from alexnet_bench.workflows.doctor import diagnose
from alexnet_bench.workflows.models import list_models
from alexnet_bench.workflows.resolve import onnx_package_models


def test_every_model_is_listed_with_its_cost() -> None:
    models = {model.name: model for model in list_models()}
    assert list(models) == [*architectures.names(), *onnx_package_models()]
    assert (models["alexnet-2012"].params, models["alexnet-2012"].macs) == (60_965_224, 724_406_816)
    assert (models["onnx:vgg19"].params, models["onnx:vgg19"].macs) == (143_667_240, 19_632_062_464)
    assert models["onnx:vgg19"].input_shape == (3, 224, 224)
    assert all(model.mac_flop == 2 * model.macs for model in models.values())


def test_the_doctor_tries_every_backend(cache: Path) -> None:
    found = diagnose()
    assert (found.version, found.python) == (__version__, platform.python_version())
    assert found.cache == str(cache / "alexnet-bench")
    assert [backend.name for backend in found.backends] == [backend.name for backend in BACKENDS]
    works = {backend.name: backend.works for backend in found.backends}
    assert works["onnxruntime-cpu"]
    assert all(backend.hint for backend in found.backends if not backend.works)


def test_ceilings_come_from_the_cache_unless_asked_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rates = iter((1e9, 3e9, 2e9))

    def measure(backend: str, _: int) -> Ceilings:
        rate = next(rates)
        return Ceilings({"float32": rate}, rate, {"float32": rate}, rate, backend, 1)

    monkeypatch.setattr(measured, "measure_ceilings", measure)
    said: list[str] = []
    found = [
        machine_ceilings(backend, refresh=refresh, progress=said.append).bytes_per_s
        for backend, refresh in ((None, False), ("onnxruntime-cpu", False), (None, True), (None, False), (None, True))
    ]
    assert found == [1e9, 1e9, 3e9, 3e9, 3e9]  # the last one measured is lower, and the higher is kept
    assert next(rates, None) is None
    assert said == ["ceilings of this machine with onnxruntime-cpu"] * 5
