"""Calls to TensorRT, each checked: a refusal by exception, by no or by nothing is one error with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alexnet_bench.backends.device.driver import call_refusal
from alexnet_bench.backends.tensorrt.build_log import make_log
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

_HAS_CODE = "getEngineHostCodeAllowed"
"""Of TensorRT's error for a version compatible engine that may not run the code that it carries."""
_LET_IT = "it carries code, which would run as yours: where you trust who built it, give --host-code"


class Checked:
    """What holds objects of TensorRT, in attributes of a fixed name for each kind.

    Args:
        backend: its name, for messages.
        trt: its module.
    """

    def __init__(self, backend: str, trt: Any) -> None:
        self.backend = backend
        self._trt = trt
        self._log = make_log(trt)

    def _must(self, owner: str, function: str, *arguments: object) -> Any:
        """What a call gives, which is an error when it is nothing, or no."""
        answer = self._call(owner, function, *arguments)
        if answer is None or answer is False:
            raise self._refusal(function, "")
        return answer

    def _call(self, owner: str, function: str, *arguments: object) -> Any:
        """A call; its owner goes by name, so that an error on its way holds on to nothing of TensorRT."""
        with self._told(function):
            return getattr(getattr(self, f"_{owner}"), function)(*arguments)

    def _get(self, owner: str, name: str) -> Any:
        with self._told(name):
            return getattr(getattr(self, f"_{owner}"), name)

    def _set(self, owner: str, name: str, *, value: object) -> None:
        with self._told(name):
            setattr(getattr(self, f"_{owner}"), name, value)

    @contextmanager
    def _told(self, function: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the bindings raise classes of several modules
            raise self._refusal(function, f"{type(error).__name__}: {error}") from None

    def _refusal(self, function: str, reason: str) -> BackendRefusal:
        """The refusal, with what TensorRT last said in its log."""
        said = self._log.errors[-1] if self._log.errors else ""
        why = printable(
            "; ".join(" ".join(part.split()) for part in (reason, said) if part) or "it gives no reason", 600
        )
        log = "\n".join([*self._log.errors, *self._log.warnings])
        hint = _LET_IT if _HAS_CODE in log else ""
        return call_refusal(f"{self.backend} fails in {function}: {why}", hint, said=log)
