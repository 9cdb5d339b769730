"""What is worth a try on a machine."""

from __future__ import annotations

import pytest

from alexnet_bench.backends.onnxruntime import session as onnxruntime_session
from alexnet_bench.backends.openvino import backend as openvino
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.backends.torch import runtime as torch_runtime
from alexnet_bench.backends.tunable import THREADS, moves, tunable

_SETTINGS = {
    "onnxruntime-cpu": onnxruntime_session.SETTINGS,
    "openvino": openvino.SETTINGS,
    "torch": torch_runtime.SETTINGS,
}


@pytest.mark.parametrize("backend", tunable())
def test_every_move_is_one_that_the_backend_takes_and_changes_something(backend: str) -> None:
    known = _SETTINGS[get_backend(backend).name]
    found = moves(backend, threads=4, cores=4, cpus=8)
    assert len({tuple(sorted(move.items())) for move in found}) == len(found)
    for move in found:
        settings = {name: value for name, value in move.items() if name != THREADS}
        assert all(value in known[name].choices for name, value in settings.items())
        assert move.get(THREADS) != "4"
        assert THREADS in move or any(value != known[name].choices[0] for name, value in settings.items())


def _threads(backend: str, threads: int, cores: int, cpus: int) -> list[str]:
    return [move[THREADS] for move in moves(backend, threads=threads, cores=cores, cpus=cpus) if THREADS in move]


def test_threads_are_one_the_cores_half_of_them_and_all_siblings() -> None:
    assert _threads("onnxruntime-cpu", 8, 8, 16) == ["1", "4", "16"]
    assert _threads("onnxruntime-cpu", 3, 8, 16) == ["1", "4", "8", "16"]
    assert _threads("onnxruntime-cpu", 2, 2, 2) == ["1"]
    assert _threads("torch", 1, 1, 1) == []


def test_openvino_uses_siblings_only_when_it_is_told_to() -> None:
    assert {THREADS: "8", "hyper_threading": "YES"} in moves("openvino", threads=4, cores=4, cpus=8)
    assert _threads("openvino", 4, 4, 4) == ["1", "2"]
    assert not any("hyper_threading" in move for move in moves("openvino", threads=4, cores=4, cpus=4))


def test_one_thread_is_not_split_into_streams() -> None:
    assert {"streams": "2"} in moves("openvino", threads=2, cores=2, cpus=2)
    assert {"streams": "2"} not in moves("openvino", threads=1, cores=1, cpus=1)


def test_backends_on_a_gpu_have_nothing_to_try() -> None:
    assert moves("tensorrt", threads=2, cores=2, cpus=2) == []
    assert "onnxruntime-cuda" not in tunable()
