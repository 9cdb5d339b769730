"""Which settings of a backend are worth a search, and the values that are worth a try.

A move changes one thing: one setting, or several that mean nothing without each other. Moves that change different
settings can be made together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

THREADS = "threads"
"""The one setting that every backend has; not among the options of its own, but a number of its own in a request."""
Move = dict[str, str]

_ORT: tuple[Move, ...] = (
    {"spinning": "off"},
    {"arena": "off"},
    {"memory_pattern": "off"},
    {"graph_optimization": "extended"},
)
_OPENVINO: tuple[Move, ...] = (
    {"pinning": "NO"},
    {"hint": "THROUGHPUT"},
    {"hint": "THROUGHPUT", "streams": "AUTO"},
)


def moves(backend: str, *, threads: int, cores: int, cpus: int) -> list[Move]:
    """What is worth a try on a machine, in terms of what it changes.

    Args:
        backend: its name.
        threads: that are used untold.
        cores: physical ones.
        cpus: with both threads of each core.
    """
    return _MOVES[backend](threads, cores, cpus) if backend in _MOVES else []


def tunable() -> tuple[str, ...]:
    """The names of the backends whose settings are searched."""
    return tuple(_MOVES)


def _ort(threads: int, cores: int, cpus: int) -> list[Move]:
    return [*_thread_moves(threads, cores, cpus), *map(dict, _ORT)]


def _openvino(threads: int, cores: int, cpus: int) -> list[Move]:
    found = _thread_moves(threads, cores, cores)
    if cpus > cores:  # it leaves the second thread of a core alone unless it is told not to
        found.append({THREADS: str(cpus), "hyper_threading": "YES"})
    streams: list[Move] = [{"streams": "2"}] if threads > 1 else []
    return [*found, *map(dict, _OPENVINO), *streams]


def _torch(threads: int, cores: int, cpus: int) -> list[Move]:
    return _thread_moves(threads, cores, cpus)


def _thread_moves(threads: int, cores: int, cpus: int) -> list[Move]:
    counts = {1, cores, cpus, *([cores // 2] if cores >= 4 else [])} - {threads}
    return [{THREADS: str(count)} for count in sorted(counts)]


_MOVES: Mapping[str, Callable[[int, int, int], list[Move]]] = {
    "onnxruntime-cpu": _ort,
    "openvino": _openvino,
    "torch": _torch,
}
