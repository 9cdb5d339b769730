"""What differs between the flavours, with a stand-in for the modules that no public registry has whole."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alexnet_bench.backends.device import driver
from alexnet_bench.backends.device.card import Card
from alexnet_bench.backends.protocol import PlanRequest, Target
from alexnet_bench.backends.tensorrt import flavour
from alexnet_bench.backends.tensorrt.build import build_plan
from alexnet_bench.core.errors import BackendRefusal, UsageError

_TF32, _TYPED = 7, 1
_DAMAGED = b"damaged"
_FLAGS = {"REFIT": 2, "REFIT_IDENTICAL": 3, "STRIP_PLAN": 4, "VERSION_COMPATIBLE": 5, "WEIGHT_STREAMING": 6}


class _Tensor(SimpleNamespace):
    """An input of a network."""


class _Config:
    def __init__(self) -> None:
        self.on: dict[int, bool] = {_TF32: True}
        self.limits: dict[str, int] = {}
        self.profiles: list[Any] = []
        self.timings: bytes | None = None

    def set_flag(self, flag: int) -> None:
        self.on[flag] = True

    def clear_flag(self, flag: int) -> None:
        self.on[flag] = False

    def set_memory_pool_limit(self, pool: str, size: int) -> None:
        self.limits[pool] = size

    def create_timing_cache(self, content: bytes) -> bytes | None:
        return None if content == _DAMAGED else content

    def set_timing_cache(self, timings: bytes, *, ignore_mismatch: bool) -> bool:
        assert ignore_mismatch is False
        if timings is None:
            raise TypeError("set_timing_cache(): incompatible function arguments")
        if timings.strip(b"+"):  # of another card or version: it is not taken
            return False
        self.timings = timings
        return True

    def get_timing_cache(self) -> SimpleNamespace | None:
        timings = self.timings
        return None if timings is None else SimpleNamespace(serialize=lambda: timings + b"+")


class _Module(SimpleNamespace):
    """As much of TensorRT as a build calls; remembers what it was told."""

    def __init__(self, version: str) -> None:
        super().__init__(__version__=version, flags=-1, config=_Config(), says_layers=True, loaded=[])
        self.LayerInformationFormat = SimpleNamespace(JSON="json")
        self.ILogger = type("ILogger", (), {"__init__": lambda _: None})
        self.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=_TYPED)
        self.ProfilingVerbosity = SimpleNamespace(DETAILED="detailed")
        self.BuilderFlag = SimpleNamespace(TF32=_TF32, **_FLAGS)
        self.HardwareCompatibilityLevel = SimpleNamespace(AMPERE_PLUS="8+", SAME_COMPUTE_CAPABILITY="same")
        self.MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")

    def Builder(self, log: Any) -> SimpleNamespace:  # noqa: N802 - TensorRT's name
        def network(flags: int) -> SimpleNamespace:
            self.flags = flags
            return SimpleNamespace(num_inputs=1, get_input=lambda _: _Tensor(name="x", shape=(2,)))

        def build(_network: object, _config: object) -> bytes:
            if self.says_layers:
                log.log("Severity.VERBOSE", "Layers:\nName: a")
            log.log("Severity.WARNING", "slow")
            return b"plan"

        return SimpleNamespace(
            create_network=network,
            create_builder_config=lambda: self.config,
            build_serialized_network=build,
            get_plugin_registry=self._registry,
        )

    def init_libnvinfer_plugins(self, _log: object, _namespace: str) -> bool:
        self.loaded.append("its own")
        return True

    def _registry(self) -> SimpleNamespace:
        return SimpleNamespace(load_library=lambda path: self.loaded.append(path) or object())

    def Runtime(self, _log: object) -> SimpleNamespace:  # noqa: N802 - as above
        inspector = SimpleNamespace(get_engine_information=lambda form: f"Layers:\nName: {form}")
        engine = SimpleNamespace(create_engine_inspector=lambda: inspector)
        has_code = self.config.on.get(_FLAGS["VERSION_COMPATIBLE"], False)

        def read(plan: bytes) -> SimpleNamespace | None:
            return engine if plan == b"plan" and (runtime.engine_host_code_allowed or not has_code) else None

        runtime = SimpleNamespace(
            deserialize_cuda_engine=read, get_plugin_registry=self._registry, engine_host_code_allowed=False
        )
        return runtime

    def OnnxParser(self, _network: object, _log: object) -> SimpleNamespace:  # noqa: N802 - as above
        return SimpleNamespace(parse_from_file=lambda _: True)


def _request(folder: Path, **changes: Any) -> PlanRequest:
    files = (str(folder / name) for name in ("model", "plan", "layers", "progress"))
    model, plan, layers, progress = files
    return PlanRequest("tensorrt", "tensorrt", model, plan, layers, progress, **changes)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(version: str) -> _Module:
        module = _Module(version)
        monkeypatch.setitem(sys.modules, "tensorrt", module)
        return module

    return put


@pytest.mark.parametrize(("version", "flags"), [("10.13.3", 1 << _TYPED), ("11.0.1", 0)])
def test_networks_are_strongly_typed_in_every_version(tmp_path: Path, install: Any, version: str, flags: int) -> None:
    module = install(version)
    built = build_plan(_request(tmp_path))
    assert module.flags == flags
    assert built.backend_version == version
    assert (tmp_path / "plan").read_bytes() == b"plan"
    assert (tmp_path / "layers").read_text() == "Layers:\nName: a"
    assert built.warnings == ("slow",)


@pytest.mark.parametrize("asked", [False, True])
def test_tf32_is_off_unless_asked_for(tmp_path: Path, install: Any, asked: bool) -> None:
    module = install("11.0.1")
    build_plan(_request(tmp_path, tf32=asked))
    assert module.config.on[_TF32] is asked


@pytest.mark.parametrize("compatible", ["off", "on"])
def test_the_inspector_is_asked_where_the_log_is_silent(tmp_path: Path, install: Any, compatible: str) -> None:
    """An engine with code of its own, too: it was built here."""
    install("10.13.3").says_layers = False
    build_plan(_request(tmp_path, settings={"version_compatible": compatible}))
    assert (tmp_path / "layers").read_text() == "Layers:\nName: json"


def test_limits_reach_the_builder(tmp_path: Path, install: Any) -> None:
    module = install("10.13.3")
    build_plan(_request(tmp_path, settings={"workspace": "2GiB", "optimization_level": "5"}))
    assert module.config.limits == {"workspace": 2 << 30}
    assert module.config.builder_optimization_level == 5
    assert module.config.profiling_verbosity == "detailed"


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({}, []),
        ({"version_compatible": "on"}, ["VERSION_COMPATIBLE"]),
        ({"refit": "on"}, ["REFIT"]),
        ({"refit": "identical"}, ["REFIT_IDENTICAL"]),
        ({"strip": "on"}, ["REFIT_IDENTICAL", "STRIP_PLAN"]),
        ({"strip": "on", "refit": "on"}, ["REFIT", "STRIP_PLAN"]),
        ({"weight_streaming": "on"}, ["WEIGHT_STREAMING"]),
        ({"weight_streaming": "1.5GiB"}, ["WEIGHT_STREAMING"]),
        ({"weight_streaming": "off", "strip": "off", "refit": "off", "version_compatible": "off"}, []),
    ],
)
def test_settings_become_flags(tmp_path: Path, install: Any, settings: dict[str, str], flags: list[str]) -> None:
    module = install("11.0.1")
    build_plan(_request(tmp_path, settings=settings))
    assert [name for name, flag in _FLAGS.items() if module.config.on.get(flag)] == flags


def test_other_cards_that_run_the_engine_are_told(tmp_path: Path, install: Any) -> None:
    for level, told in (("ampere_plus", "8+"), ("same_compute_capability", "same")):
        module = install("11.0.1")
        build_plan(_request(tmp_path, settings={"hardware_compatibility": level}))
        assert module.config.hardware_compatibility_level == told


def test_an_early_version_says_what_it_does_not_have(tmp_path: Path, install: Any) -> None:
    del install("10.0.0").BuilderFlag.WEIGHT_STREAMING
    with pytest.raises(UsageError, match=r"tensorrt 10\.0\.0 has no WEIGHT_STREAMING, which a setting asks for"):
        build_plan(_request(tmp_path, settings={"weight_streaming": "on"}))


@pytest.mark.parametrize("says_layers", [True, False])
def test_libraries_of_plugins_are_loaded_wherever_the_engine_is_read(
    tmp_path: Path, install: Any, says_layers: bool
) -> None:
    module = install("11.0.1")
    module.says_layers = says_layers
    build_plan(_request(tmp_path, plugins=("a.so", "b.so")))
    assert module.loaded == ["its own", "a.so", "b.so", *(() if says_layers else ("a.so", "b.so"))]


def test_timings_are_kept_and_used_again(tmp_path: Path, install: Any) -> None:
    timings = tmp_path / "timings" / "card.cache"
    for content in (b"+", b"++"):
        install("10.13.3")
        built = build_plan(_request(tmp_path, timing_cache_path=str(timings)))
        assert timings.read_bytes() == content
        assert built.timing_cache_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("known", [b"of another card", _DAMAGED])
def test_timings_that_are_damaged_or_of_another_card_or_version_are_replaced(
    tmp_path: Path, install: Any, known: bytes
) -> None:
    timings = tmp_path / "card.cache"
    timings.write_bytes(known)
    module = install("10.13.3")
    build_plan(_request(tmp_path, timing_cache_path=str(timings)))
    assert (module.config.timings, timings.read_bytes()) == (b"", b"+")


def test_a_build_that_takes_no_timings_is_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Any
) -> None:
    module = install("10.13.3")
    monkeypatch.setattr(module.config, "set_timing_cache", lambda _, **__: False)
    timings = tmp_path / "card.cache"
    assert build_plan(_request(tmp_path, timing_cache_path=str(timings))).timing_cache_sha256 is None
    assert not timings.exists()


def test_timings_can_be_left_out(tmp_path: Path, install: Any) -> None:
    install("10.13.3")
    request = _request(tmp_path, timing_cache_path=str(tmp_path / "card.cache"), settings={"timing_cache": "off"})
    assert build_plan(request).timing_cache_sha256 is None
    assert not (tmp_path / "card.cache").exists()


def test_an_unknown_version_is_refused(tmp_path: Path, install: Any) -> None:
    install("8.6.1")
    with pytest.raises(BackendRefusal, match=r"tensorrt 8\.6\.1 is not supported") as refused:
        build_plan(_request(tmp_path))
    assert refused.value.hint == "install one of: 10.x, 11.x"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("CUDA initialization failure with error: 35. Please check", "the NVIDIA driver 535.54.03 is too old"),
        ("CUDA initialization failure with error: 2. Please check", "tensorrt fails in Builder: pybind11.*error: 2"),
    ],
)
def test_a_builder_that_does_not_start_has_the_reason_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Any, said: str, message: str
) -> None:
    """As TensorRT's bindings do: https://github.com/NVIDIA/TensorRT/issues/2913."""

    def start(log: Any) -> None:
        log.log("Severity.WARNING", said)
        raise TypeError("pybind11::init(): factory function returned nullptr")

    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun 6\n")
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    install("11.0.1").Builder = start
    with pytest.raises(BackendRefusal, match=f"^{message}") as refused:
        build_plan(_request(tmp_path))
    assert ("update the driver" in refused.value.hint) is ("too old" in message)


def test_only_rtx_builds_for_cards_that_are_not_here(tmp_path: Path, install: Any) -> None:
    install("11.0.1")
    with pytest.raises(UsageError, match="builds for the card at hand"):
        build_plan(_request(tmp_path, settings={"compute_capability": "89"}))


def test_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "VERSION_FILE", tmp_path / "version")
    monkeypatch.setattr(driver, "LIBRARY", "libno-such-driver.so.1")
    monkeypatch.setattr(flavour, "first_card", lambda: None)
    assert flavour.target_of("tensorrt") == Target("cuda", "no NVIDIA GPU", None)
    assert flavour.cannot_build("tensorrt") == flavour.cannot_run(tmp_path) == "no NVIDIA driver"
    assert flavour.cannot_build("tensorrt-rtx") == ""
    monkeypatch.setattr(flavour, "first_card", lambda: Card("NVIDIA L4", "GPU-1", "13.0"))
    assert flavour.target_of("tensorrt") == Target("cuda", "NVIDIA L4", "for CUDA 13.0")
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27\nGCC\n")
    assert flavour.target_of("tensorrt") == Target("cuda", "NVIDIA L4", "580.65.06")
    assert flavour.target_of("tensorrt-rtx") == Target("rtx", "NVIDIA RTX GPUs", None)
    assert flavour.cannot_build("tensorrt") == ""
    for missing in ("neither is installed", ""):
        monkeypatch.setattr(flavour, "missing", lambda missing=missing: missing)
        assert flavour.cannot_run(tmp_path) == missing
