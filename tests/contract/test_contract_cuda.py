"""Everything that the code touches of cuda-python is listed, and is there with so many arguments."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from alexnet_bench.backends.device.cuda_python import FUNCTIONS, module_name
from tests.unit.backends.fake_cuda import Runtime
from tests.unit.backends.fake_device import FakeDevice

_CODE = Path(__file__).parents[2] / "toolkit" / "alexnet_bench" / "backends" / "device"
_FILES = ("cuda_python.py", "cuda_resources.py")
_NAME = re.compile(r"cuda[A-Z]\w+")
_CALLERS = ("_call", "call")
VALUES = {
    "cudaDeviceAttr.cudaDevAttrComputeCapabilityMajor": 75,
    "cudaDeviceAttr.cudaDevAttrComputeCapabilityMinor": 76,
    "cudaError_t.cudaErrorMemoryAllocation": 2,
    "cudaEventDefault": 0,
    "cudaHostAllocDefault": 0,
    "cudaMemcpyKind.cudaMemcpyDeviceToHost": 2,
    "cudaMemcpyKind.cudaMemcpyHostToDevice": 1,
    "cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal": 1,
    "cudaStreamNonBlocking": 1,
}
"""All that is no function, with what it stands for in CUDA's headers."""


@pytest.fixture(scope="module")
def nodes() -> list[ast.AST]:
    trees = (ast.parse((_CODE / name).read_text(encoding="utf-8")) for name in _FILES)
    return [node for tree in trees for node in _code_of(tree)]


@pytest.fixture(scope="module")
def cuda() -> ModuleType:
    module = module_name()
    if module is None:
        pytest.skip("cuda-python is not installed: pip install cuda-python")
    return importlib.import_module(module)


def _code_of(tree: ast.Module) -> Iterator[ast.AST]:
    """All but the list of functions itself."""
    for item in tree.body:
        targets = item.targets if isinstance(item, ast.Assign) else []
        if not any(isinstance(target, ast.Name) and target.id == "FUNCTIONS" for target in targets):
            yield from ast.walk(item)


def _touched(nodes: list[ast.AST]) -> set[str]:
    """Names of CUDA, as attributes and as text."""
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return set(filter(_NAME.fullmatch, found))


def _calls(nodes: list[ast.AST]) -> Iterator[tuple[str, int]]:
    """Functions that are called, with the number of their arguments."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        told = node.args[0] if node.args and node.func.attr in _CALLERS else None
        if isinstance(told, ast.Constant):
            yield str(told.value), len(node.args) - 1
        elif node.func.attr in FUNCTIONS:
            yield node.func.attr, len(node.args)


def test_all_that_is_touched_is_listed_and_the_other_way_round(nodes: list[ast.AST]) -> None:
    assert _touched(nodes) - {"cudaDeviceAttr", "cudaMemcpyKind", "cudaStreamCaptureMode"} == {
        *FUNCTIONS,
        *(name.rpartition(".")[2] for name in VALUES),
    }


def test_functions_are_called_with_as_many_arguments_as_are_listed(nodes: list[ast.AST]) -> None:
    calls = set(_calls(nodes))
    assert len(calls) > 20
    assert [call for call in calls if FUNCTIONS[call[0]] != call[1]] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_package_has_every_function(name: str, cuda: ModuleType) -> None:
    assert len(inspect.signature(getattr(cuda, name)).parameters) == FUNCTIONS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_stand_in_has_every_function(name: str) -> None:
    assert len(inspect.signature(getattr(Runtime(FakeDevice()), name)).parameters) == FUNCTIONS[name]


@pytest.mark.parametrize("name", VALUES)
def test_the_package_has_every_value(name: str, cuda: ModuleType) -> None:
    found = cuda
    for part in name.split("."):
        found = getattr(found, part)
    assert int(found) == VALUES[name]


def test_handles_are_numbers(cuda: ModuleType) -> None:
    kinds = (cuda.cudaStream_t, cuda.cudaEvent_t, cuda.cudaGraph_t, cuda.cudaGraphExec_t)
    assert [int(kind()) for kind in kinds] == [0] * 4
