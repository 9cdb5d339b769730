"""What TensorRT says while it builds, kept for those who have to explain it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alexnet_bench.backends.tensorrt.plan_log import FIRST_LINE

_SHOWN_DEPTH = 2
_NOT_OURS = "logger passed into"
"""A warning that a second builder of the same process causes."""


def make_log(trt: Any) -> Any:
    """A logger with `errors`, `warnings` and `description`, the message that lists the layers of the engine.

    Args:
        trt: the module, whose classes are only known once it is imported.
    """

    class Log(trt.ILogger):  # type: ignore[misc]  # the base class is only known here
        """Keeps what is needed later, and no more: a verbose build says thousands of lines."""

        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []
            self.warnings: list[str] = []
            self.description = ""

        def log(self, severity: Any, message: str) -> None:
            """Called by TensorRT for each message."""
            name = str(severity).rpartition(".")[2]
            if name in ("ERROR", "INTERNAL_ERROR"):
                self.errors.append(message)
            elif name == "WARNING" and _NOT_OURS not in message:
                self.warnings.append(message)
            elif message.startswith(FIRST_LINE):
                self.description = message

    return Log()


def make_monitor(trt: Any, path: Path) -> Any:
    """A monitor that writes the phase of the build into a file, one line for each.

    Args:
        trt: the module.
        path: of the file.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # as above
        """Phases lie inside each other; the deep ones come and go too fast to be read."""

        def __init__(self) -> None:
            super().__init__()
            self._depths: dict[str | None, int] = {None: 0}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:  # noqa: ARG002
            """Called as a phase begins."""
            depth = self._depths.get(parent_phase, 0) + 1
            self._depths[phase_name] = depth
            if depth <= _SHOWN_DEPTH:
                with path.open("a", encoding="utf-8") as stream:
                    stream.write(f"{phase_name}\n")

        def step_complete(self, phase_name: str, step: int) -> bool:  # noqa: ARG002
            """Called after each step; the build goes on."""
            return True

        def phase_finish(self, phase_name: str) -> None:
            """Called as a phase ends."""
            self._depths.pop(phase_name, None)

    return Monitor()
