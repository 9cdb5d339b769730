"""Everything that the code touches of cuda-python is there, with so many arguments, and takes those given."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alexnet_bench.backends.device.cuda_python import CudaPython, module_name
from alexnet_bench.backends.device.driver import has_driver
from tests.unit.backends.device_contract import DeviceContract, Open
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


def _code() -> Iterator[ast.AST]:
    for name in _FILES:
        yield from ast.walk(ast.parse((_CODE / name).read_text(encoding="utf-8")))


def _touched() -> set[str]:
    """Names of CUDA, as attributes and as text."""
    nodes = list(_code())
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return set(filter(_NAME.fullmatch, found))


def _calls() -> Iterator[tuple[str, int]]:
    """Functions that are called, with the number of their arguments."""
    for node in _code():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        told = node.args[0] if node.args and node.func.attr in _CALLERS else None
        if isinstance(told, ast.Constant):
            yield str(told.value), len(node.args) - 1
        elif _NAME.fullmatch(node.func.attr):
            yield node.func.attr, len(node.args)


FUNCTIONS = dict(sorted(set(_calls())))
"""What is called, and with how many arguments."""


@pytest.fixture(scope="module")
def cuda() -> ModuleType:
    module = module_name()
    if module is None:
        pytest.skip("cuda-python is not installed: pip install cuda-python")
    return importlib.import_module(module)


def test_the_code_is_read_whole() -> None:
    """What is touched is called, always with as many arguments, or has a value."""
    assert len(FUNCTIONS) == len(set(_calls())) > 20
    enumerations = {name.rpartition(".")[0] for name in VALUES} - {"", "cudaError_t"}
    assert _touched() == {*FUNCTIONS, *enumerations, *(name.rpartition(".")[2] for name in VALUES)}


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


_HANDLES = {
    "cudaStreamCreateWithFlags": "cudaStream_t",
    "cudaEventCreateWithFlags": "cudaEvent_t",
    "cudaStreamEndCapture": "cudaGraph_t",
    "cudaGraphInstantiate": "cudaGraphExec_t",
}
"""What functions give, by the package's names."""


class Bound:
    """The package itself, which takes the arguments of each call as it would with a driver; the stand-in then answers.

    What it is given and gives back are the package's own codes, enumerators and handles.

    Attributes:
        taken: the functions that were called.
    """

    def __init__(self, package: ModuleType, stand_in: Runtime) -> None:
        self._package, self._stand_in = package, stand_in
        words = (
            (package.cudaMemcpyKind.cudaMemcpyHostToDevice, "h2d"),
            (package.cudaMemcpyKind.cudaMemcpyDeviceToHost, "d2h"),
            (package.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal, "thread"),
            (package.cudaDeviceAttr.cudaDevAttrComputeCapabilityMajor, "major"),
            (package.cudaDeviceAttr.cudaDevAttrComputeCapabilityMinor, "minor"),
        )
        self._words = {(type(value), int(value)): word for value, word in words}
        self.taken: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._package, name)
        if name not in FUNCTIONS or name.startswith("cudaGetError"):
            self.taken.add(name)
            return real
        return lambda *arguments: self._call(name, real, arguments)

    def _call(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        self.taken.add(name)
        refused, *_ = real(*arguments)  # a TypeError here is what this is for
        assert name == "cudaGetLastError" or int(refused), f"{name} works without a driver"
        code, *results = getattr(self._stand_in, name)(*map(self._plain, arguments))
        if name in _HANDLES:
            results = [getattr(self._package, _HANDLES[name])(results[0] or 0)]
        return (self._package.cudaError_t(int(code)), *results)

    def _plain(self, value: Any) -> Any:
        """An enumerator as the stand-in's word for it, a handle as a number."""
        return self._words.get((type(value), int(value)), int(value))


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here: tests/gpu runs the package itself")
class TestArguments(DeviceContract):
    @pytest.fixture
    def open_device(self, cuda: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
        below = FakeDevice(step_s=2.0**-8)
        bound = Bound(cuda, Runtime(below))
        monkeypatch.setitem(sys.modules, cuda.__name__, bound)
        yield CudaPython
        assert below.open_resources() == below.wrongs == []
        assert {"cudaSetDevice", "cudaDeviceGetAttribute"} < bound.taken
