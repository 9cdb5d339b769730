"""A CUDA driver that is made up, for packages that call one: a C library whose every function is answered by Python.

The library has the name and the functions of NVIDIA's, and nothing else of it. What it is asked for is done by the fake
device, whose memory is the host's, so that a package which was compiled against CUDA's headers runs here as it is.
"""
# ruff: noqa: N802 - the names of CUDA

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alexnet_bench.core.errors import BackendRefusal
from tests.unit.backends.fake_cuda import CONTEXT, Retained
from tests.unit.backends.fake_device import FakeDevice, Memory

SONAME = "libcuda.so.1"
SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NOT_INITIALIZED, INVALID_CONTEXT, NOT_SUPPORTED, UNKNOWN = (
    *(0, 1, 2, 3, 201, 801, 999),
)
_TEXTS = {
    INVALID_VALUE: b"invalid argument",
    OUT_OF_MEMORY: b"out of memory",
    NOT_INITIALIZED: b"initialization error",
    INVALID_CONTEXT: b"invalid device context",
    NOT_SUPPORTED: b"operation not supported",
    UNKNOWN: b"unknown error",
}
_NON_BLOCKING = 1
_ARGUMENTS = 6
_HOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *[ctypes.c_uint64] * _ARGUMENTS)
_HEAD = """
#include <stdint.h>
typedef int (*hook_t)(int, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
static hook_t hook;
void made_up_answer(hook_t given) { hook = given; }
"""
_FUNCTION = """
int %s(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{ return hook ? hook(%d, a, b, c, d, e, f) : %d; }
"""


def missing_tools() -> str:
    """Which of the tools that build the library are not here; "" when all are."""
    return ", ".join(tool for tool in ("gcc", "nm") if shutil.which(tool) is None)


def functions_of(extension: Path) -> list[str]:
    """The functions of the driver that a compiled package calls, in the order of their names."""
    listed = subprocess.run(
        ["nm", "--dynamic", "--undefined-only", str(extension)], capture_output=True, text=True, check=True
    ).stdout
    return sorted(set(re.findall(r"\bU (cu[A-Z]\w+)", listed)))


def compile_driver(functions: list[str], folder: Path) -> Path:
    """The library, with these functions; each takes numbers and addresses, six at most.

    Args:
        functions: by name.
        folder: in which it is made, as the file that a linker looks for.
    """
    source = folder / "made_up_driver.c"
    bodies = (_FUNCTION % (name, number, NOT_INITIALIZED) for number, name in enumerate(functions))
    source.write_text(_HEAD + "".join(bodies))
    library = folder / "libcuda.so"
    command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{SONAME}", "-o", str(library), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return library


class MadeUpDriver:
    """Answers what the library is asked, by a fake device.

    Attributes:
        device: that does the work; its errors become CUDA's codes.
        stack: the contexts that were pushed, the last one current.
    """

    def __init__(self, library: ctypes.CDLL, functions: list[str]) -> None:
        self.device = FakeDevice()
        self.stack: list[int] = []
        self._functions = functions
        self._retained: list[Retained] = []
        self._handles: dict[int, Any] = {}
        self._pinned: dict[int, Memory] = {}
        self._texts = {code: ctypes.create_string_buffer(text) for code, text in _TEXTS.items()}
        self._hook = _HOOK(self._answer)
        library.made_up_answer(self._hook)

    def use(self, device: FakeDevice) -> None:
        """From here on another device; nothing of the one before is known."""
        self.device, self.stack, self._retained, self._handles, self._pinned = device, [], [], {}, {}

    def _answer(self, number: int, *values: int) -> int:
        name = self._functions[number]
        answer: Callable[..., int | None] | None = getattr(self, name.partition("_v")[0], None)
        if answer is None:
            self.device.wrongs.append(f"called {name}, which nobody made up")
            return NOT_SUPPORTED
        try:
            return answer(*values[: answer.__code__.co_argcount - 1]) or SUCCESS
        except BackendRefusal as error:
            return OUT_OF_MEMORY if error.hint else UNKNOWN
        except (KeyError, AssertionError) as error:
            self.device.wrongs.append(f"{name}: {type(error).__name__} {error}")
            return INVALID_VALUE

    def cuInit(self, flags: int) -> None:
        assert flags == 0
        self.device.enter("init")

    def cuGetErrorString(self, code: int, text: int) -> None:
        _put(ctypes.c_void_p, text, ctypes.addressof(self._texts[code & 0xFFFF]))

    def cuDriverGetVersion(self, version: int) -> None:
        _put(ctypes.c_int, version, 13050)

    def cuDeviceGet(self, device: int, ordinal: int) -> None:
        assert ordinal & 0xFFFFFFFF == 0
        self.device.enter("Device")
        _put(ctypes.c_int, device, 0)

    def cuDeviceGetName(self, name: int, size: int, _device: int) -> None:
        self.device.enter("name")
        ctypes.memmove(name, self.device.name.encode() + b"\0", min(size & 0xFFFFFFFF, len(self.device.name) + 1))

    def cuDeviceComputeCapability(self, major: int, minor: int, _device: int) -> None:
        self.device.enter("compute_capability")
        _put(ctypes.c_int, major, 8)
        _put(ctypes.c_int, minor, 9)

    def cuDeviceGetAttribute(self, value: int, attribute: int, _device: int) -> None:
        major, minor = 75, 76
        self.device.enter("compute_capability")
        _put(ctypes.c_int, value, {major: 8, minor: 9}[attribute & 0xFFFFFFFF])

    def cuDevicePrimaryCtxRetain(self, context: int, _device: int) -> None:
        self.device.enter("retain_primary_context")
        self._retained.append(Retained(self.device))
        self.device.add("context", self._retained[-1])
        _put(ctypes.c_void_p, context, CONTEXT)

    def cuDevicePrimaryCtxRelease(self, _device: int) -> None:
        if not self._retained:
            self.device.wrongs.append("released the primary context more often than it was retained")
        else:
            self._retained.pop().close()

    def cuCtxPushCurrent(self, context: int) -> None:
        assert context == CONTEXT
        self.device.enter("push")
        self.stack.append(context)

    def cuCtxPopCurrent(self, context: int) -> int:
        if not self.stack:
            self.device.wrongs.append("popped a context where none is current")
            return INVALID_CONTEXT
        self.stack.pop()
        if context:
            _put(ctypes.c_void_p, context, CONTEXT)
        self.device.enter("pop", closing=True)
        return SUCCESS

    def cuCtxGetCurrent(self, context: int) -> None:
        _put(ctypes.c_void_p, context, self.stack[-1] if self.stack else None)

    def cuCtxGetDevice(self, device: int) -> int:
        _put(ctypes.c_int, device, 0)
        return SUCCESS if self.stack else INVALID_CONTEXT

    def cuMemGetInfo(self, free: int, total: int) -> None:
        self._current()
        found = self.device.free_memory()
        _put(ctypes.c_size_t, free, found.free_bytes)
        _put(ctypes.c_size_t, total, found.total_bytes)

    def cuMemAlloc(self, address: int, size: int) -> None:
        self._current()
        _put(ctypes.c_uint64, address, self.device.allocate(size).address)

    def cuMemFree(self, address: int) -> None:
        self._current()
        self.device.memory(address).close()

    def cuMemHostAlloc(self, address: int, size: int, _flags: int) -> None:
        self._current()
        memory = self.device.allocate_pinned(size)
        self._pinned[memory.array.ctypes.data] = memory
        _put(ctypes.c_void_p, address, memory.array.ctypes.data)

    def cuMemFreeHost(self, address: int) -> None:
        self._current()
        self._pinned[address].close()

    def cuMemcpyHtoDAsync(self, target: int, source: int, count: int, stream: int) -> None:
        self._current()
        assert count == self._pinned[source].size_bytes
        self.device.copy_to_device(self.device.memory(target), self._pinned[source], self._handles[stream])

    def cuMemcpyDtoHAsync(self, target: int, source: int, count: int, stream: int) -> None:
        self._current()
        assert count == self._pinned[target].size_bytes
        self.device.copy_to_host(self._pinned[target], self.device.memory(source), self._handles[stream])

    def cuStreamCreate(self, stream: int, flags: int) -> None:
        assert flags & 0xFFFFFFFF == _NON_BLOCKING
        self._current()
        made = self.device.create_stream()
        self._handles[made.handle] = made
        _put(ctypes.c_void_p, stream, made.handle)

    def cuStreamSynchronize(self, stream: int) -> None:
        self._current()
        self._handles[stream].synchronize()

    def cuStreamDestroy(self, stream: int) -> None:
        self._current()
        self._handles[stream].close()

    def cuEventCreate(self, event: int, flags: int) -> None:
        assert flags & 0xFFFFFFFF == 0  # one that knows the time
        self._current()
        made = self.device.create_event()
        handle = 0x1000 + len(self._handles)
        self._handles[handle] = made
        _put(ctypes.c_void_p, event, handle)

    def cuEventRecord(self, event: int, stream: int) -> None:
        self._current()
        self._handles[event].record(self._handles[stream])

    def cuEventElapsedTime(self, milliseconds: int, start: int, end: int) -> None:
        self._current()
        _put(ctypes.c_float, milliseconds, 1e3 * self._handles[end].seconds_since(self._handles[start]))

    def cuEventDestroy(self, event: int) -> None:
        self._current()
        self._handles[event].close()

    def _current(self) -> None:
        if not self.stack:
            self.device.wrongs.append("called the driver without a context")


def _put(kind: Any, address: int, value: Any) -> None:
    """Writes what a function gives, where its caller wants it."""
    kind.from_address(address).value = value
