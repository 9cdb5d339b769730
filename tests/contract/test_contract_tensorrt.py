"""Everything that the code touches of TensorRT is there, with that signature: 10.16, 11.4 and TensorRT-RTX 1.4 to 1.7.

All but the TensorRT-RTX that is installed need the wheels of the bindings: `make contract-check` fetches them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet_bench.backends.tensorrt.engine_tensor import DTYPES
from tests.contract.signatures import signatures
from tests.contract.stubs import describe, describe_wheel, missing_tools
from tests.contract.uses import HOLDERS, OURS, Use, Uses, in_order, unknown_holders, uses_in

WHEELS = "ALEXNET_BENCH_CONTRACT_WHEELS"
"""Names the folder with the wheels."""
_CODE = Path(__file__).parents[2] / "toolkit" / "alexnet_bench" / "backends" / "tensorrt"
_RTX = "tensorrt_rtx"
FETCHED = {
    "10": "tensorrt_cu*_bindings-10.*.whl",
    "11": "tensorrt_cu*_bindings-11.*.whl",
    "rtx 1.4": "tensorrt_rtx_cu*_bindings-1.4.*.whl",
    "rtx 1.5": "tensorrt_rtx_cu*_bindings-1.5.*.whl",
    "rtx 1.6": "tensorrt_rtx_cu*_bindings-1.6.*.whl",
}
"""Flavours by their wheels."""
_FLAVOURS = (*FETCHED, _RTX)
_RTX_ONLY = tuple(flavour for flavour in _FLAVOURS if "rtx" in flavour)
_ONLY_IN = {
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED": ("10",),
    "DynamicShapesKernelSpecializationStrategy": _RTX_ONLY,
    "DynamicShapesKernelSpecializationStrategy.EAGER": _RTX_ONLY,
    "IRuntimeConfig.dynamic_shapes_kernel_specialization_strategy": _RTX_ONLY,
}
"""What `flavour.Flavour` keeps from the others."""
_GONE_IN_10 = (
    "Builder.build_engine",
    "IBuilderConfig.max_workspace_size",
    "ICudaEngine.get_binding_index",
    "ICudaEngine.num_bindings",
    "IExecutionContext.execute_async_v2",
    "IExecutionContext.set_binding_shape",
)
_GONE_IN_11 = (
    "BuilderFlag.FP16",
    "BuilderFlag.INT8",
    "IInt8EntropyCalibrator2",
    "IInt8MinMaxCalibrator",
    "ILayer.precision",
    "ITensor.set_dynamic_range",
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH",
    "ICudaEngine.device_memory_size",
    "OnnxParser.supports_model",
)


@pytest.fixture(scope="module")
def uses() -> Uses:
    return uses_in(_CODE)


@pytest.fixture(scope="module", params=_FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def api(flavour: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The API of a flavour: classes with their members, by name."""
    if flavour == _RTX:
        if importlib.util.find_spec(_RTX) is None:
            pytest.skip("tensorrt_rtx is not installed: pip install tensorrt-rtx")
        return _checked(describe(_RTX), "1")
    if not os.environ.get(WHEELS):
        pytest.skip(f"the bindings of TensorRT {flavour} are fetched when asked for: make contract-check")
    if tools := missing_tools():
        pytest.skip(f"libraries to import them against cannot be built here, for want of {tools}")
    wheel = next(Path(os.environ[WHEELS]).glob(FETCHED[flavour]))
    major = wheel.name.split("-")[1].partition(".")[0]
    return _checked(describe_wheel(wheel, tmp_path_factory.mktemp("bindings")), major)


def _checked(found: dict[str, Any], major: str) -> dict[str, Any]:
    assert found["version"].split(".")[0] == major
    names: dict[str, Any] = found["names"]
    assert len(names) > 100
    return names


def _demanded(uses: Uses, api: dict[str, Any], flavour: str) -> Iterator[Use]:
    """All uses but those that the code itself makes depend on what is there."""
    for use in uses.found:
        guards = uses.guards.get(use.function, set())
        is_guarded = any(name not in api and not _is_member(api, name) for name in guards)
        if not is_guarded and flavour in _ONLY_IN.get(f"{use.owner}.{use.member}".lstrip("."), _FLAVOURS):
            yield use


def _is_member(api: dict[str, Any], name: str) -> bool:
    return any(name in item.get("members", {}) for item in api.values())


def _found(api: dict[str, Any], use: Use) -> dict[str, Any] | None:
    if use.member == "__version__":
        return {}
    found: dict[str, Any] | None = api.get(use.owner or use.member)
    return found["members"].get(use.member) if found and use.owner else found


def _has(api: dict[str, Any], name: str) -> bool:
    owner, _, member = name.partition(".")
    return owner in api and (not member or member in api[owner]["members"])


def test_the_code_is_read_whole(uses: Uses) -> None:
    """Names that hold an object of TensorRT, and are in no list, would be overlooked."""
    assert unknown_holders(uses) == [], "add them to HOLDERS or OURS in tests/contract/uses.py"
    touched = set(in_order(uses))
    assert len(touched) > 60
    assert touched >= {
        "Builder.build_serialized_network",
        "IBuilderConfig.set_timing_cache",
        "DynamicShapesKernelSpecializationStrategy.EAGER",
        "ICudaEngine.create_execution_context",
        "IExecutionContext.execute_async_v3",
        "IExecutionContext.is_stream_capturable",
        "ILogger.log",
        "IProfiler.report_layer_time",
        "IRuntimeConfig.dynamic_shapes_kernel_specialization_strategy",
        "LayerInformationFormat.JSON",
        "OnnxParser.parse_from_file",
    }


def test_nothing_is_touched_that_is_gone(uses: Uses) -> None:
    assert set(in_order(uses)).isdisjoint({*_GONE_IN_10, *_GONE_IN_11})


def test_all_that_the_code_touches_is_there(uses: Uses, api: dict[str, Any], flavour: str) -> None:
    missing = [
        f"{use.where}: {use.owner}.{use.member}" for use in _demanded(uses, api, flavour) if _found(api, use) is None
    ]
    assert missing == []


def test_it_is_called_as_it_can_be(uses: Uses, api: dict[str, Any], flavour: str) -> None:
    wrong, checked = [], 0
    for use in _demanded(uses, api, flavour):
        found = _found(api, use)
        if use.call is None or found is None:
            continue
        if "members" in found:
            found = found["members"]["__init__"]
        ways = signatures(found["doc"])
        checked += bool(ways)
        if ways and not any(way.takes(*use.call) for way in ways):
            wrong.append(f"{use.where}: {use.owner}.{use.member}{use.call}, and it takes {ways}")
    assert wrong == []
    assert checked > 30


def test_what_is_assigned_can_be(uses: Uses, api: dict[str, Any], flavour: str) -> None:
    set_here = [use for use in _demanded(uses, api, flavour) if use.is_set]
    assert len(set_here) > 3
    assert [use for use in set_here if not (_found(api, use) or {}).get("settable")] == []


def test_what_is_defined_anew_is_called_with_as_many_arguments(uses: Uses, api: dict[str, Any], flavour: str) -> None:
    anew = [use for use in _demanded(uses, api, flavour) if use.overrides is not None]
    assert {use.owner for use in anew} == {"ILogger", "IProgressMonitor", "IProfiler"}
    for use in anew:
        ways = signatures((_found(api, use) or {})["doc"])
        assert use.overrides in {len(way.names) for way in ways}, use


def test_types_have_the_names_that_are_known(api: dict[str, Any]) -> None:
    assert set(api["DataType"]["members"]) >= set(DTYPES)


def test_names_in_the_code_hold_what_the_calls_return(uses: Uses, api: dict[str, Any], flavour: str) -> None:
    """The table of names is right, and no object of TensorRT has a name that is not in it."""
    checked = 0
    for use in _demanded(uses, api, flavour):
        found = _found(api, use)
        if not use.assigned_to or found is None or use.call is None:
            continue
        way = signatures(found.get("doc"))
        returned = use.member if "members" in found else next((item.returned for item in way), "")
        if returned not in api:
            returned = returned.removeprefix("I")  # C++'s name, in the docstring of OnnxParser.get_error
        name = use.assigned_to.lstrip("_")
        is_object = "members" in api.get(returned, {}) and not returned.endswith(("Dims", "DataType"))
        if is_object and name not in OURS:
            assert HOLDERS.get(name) == returned, f"{use.where}: {name} is a {returned}"
            checked += 1
    assert checked > 5


@pytest.mark.parametrize("flavour", ["10", "11"], indirect=True)
@pytest.mark.parametrize("name", _GONE_IN_10)
def test_what_is_gone_in_10_is_gone(name: str, api: dict[str, Any]) -> None:
    assert not _has(api, name)


@pytest.mark.parametrize("flavour", ["10", "11"], indirect=True)
@pytest.mark.parametrize("name", _GONE_IN_11)
def test_what_is_gone_in_11_was_there_in_10(name: str, flavour: str, api: dict[str, Any]) -> None:
    assert _has(api, name) is (flavour == "10")
