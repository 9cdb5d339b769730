"""What `CudaPython` hands out, each closed by a call of its own; and what the codes mean that all calls give back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.device.driver import call_refusal
from alexnet_bench.backends.device.protocol import Event as AnyEvent
from alexnet_bench.backends.device.protocol import Stream as AnyStream
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

_OUT_OF_MEMORY = "cudaErrorMemoryAllocation"

Call = Callable[..., Any]
"""A function of the runtime API by its name, with its arguments; checked."""


def check(cuda: Any, function: str, answer: Sequence[Any]) -> Any:
    """The results of a call: one alone, several as a tuple.

    CUDA is made to forget an error that is told here: libraries would take it for one of their own calls.

    Args:
        cuda: the module.
        function: that was called.
        answer: an error code, and the results.

    Raises:
        BackendRefusal: the code is not that of success.
    """
    code, *results = answer
    if int(code) == 0:
        return results[0] if len(results) == 1 else tuple(results)
    name, text = _text(cuda.cudaGetErrorName(code)), _text(cuda.cudaGetErrorString(code))
    cuda.cudaGetLastError()
    hint = "give a smaller --batch" if name == _OUT_OF_MEMORY else ""
    raise call_refusal(f"{function} fails: {name} ({text})", hint)


def _text(answer: Sequence[Any]) -> str:
    said = answer[-1]
    return printable(said.decode(errors="replace") if isinstance(said, bytes) else str(said), 200)


@dataclass(frozen=True)
class Buffer:
    """Memory of the device."""

    address: int
    size_bytes: int
    call: Call

    def close(self) -> None:
        """As the protocol."""
        self.call("cudaFree", self.address)


@dataclass(frozen=True)
class Pinned:
    """Page-locked memory of the host."""

    address: int
    array: np.ndarray
    call: Call

    def close(self) -> None:
        """As the protocol."""
        self.call("cudaFreeHost", self.address)


@dataclass(frozen=True)
class Stream:
    """A stream; it does not wait for the default stream."""

    handle: int
    call: Call

    def synchronize(self) -> None:
        """As the protocol."""
        self.call("cudaStreamSynchronize", self.handle)

    def close(self) -> None:
        """As the protocol."""
        self.call("cudaStreamDestroy", self.handle)


@dataclass(frozen=True)
class Event:
    """An event that can be timed."""

    handle: int
    call: Call

    def record(self, stream: AnyStream) -> None:
        """As the protocol."""
        self.call("cudaEventRecord", self.handle, stream.handle)

    def seconds_since(self, earlier: AnyEvent) -> float:
        """As the protocol."""
        if not isinstance(earlier, Event):
            raise TypeError("an event of another device")
        return float(self.call("cudaEventElapsedTime", earlier.handle, self.handle)) * 1e-3  # given in milliseconds

    def close(self) -> None:
        """As the protocol."""
        self.call("cudaEventDestroy", self.handle)


@dataclass(frozen=True)
class Graph:
    """A graph that is ready to be launched."""

    handle: int
    call: Call

    def launch(self, stream: AnyStream) -> None:
        """As the protocol."""
        self.call("cudaGraphLaunch", self.handle, stream.handle)

    def close(self) -> None:
        """As the protocol."""
        self.call("cudaGraphExecDestroy", self.handle)
