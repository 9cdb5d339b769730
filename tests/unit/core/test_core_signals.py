"""Signals that wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import alexnet_bench
from alexnet_bench.core.signals import held

_INFERENCE = """
import os, signal
from onnx import TensorProto, helper
from onnx.shape_inference import infer_shapes
from alexnet_bench.graph import contrib
from alexnet_bench.graph.contrib.node import DOMAIN, RULES

signal.signal(signal.SIGINT, signal.default_int_handler)  # which whoever started the tests may have had ignored
RULES[DOMAIN, "Gelu"] = lambda node: os.kill(os.getpid(), signal.SIGINT)
value = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("Gelu", ["x"], ["y"], domain=DOMAIN)], "g",
    [value("x", TensorProto.FLOAT, [2])], [value("y", TensorProto.FLOAT, None)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)])
try:
    with contrib.registered_schemas():
        infer_shapes(model)
        print("inferred")
except KeyboardInterrupt:
    print("interrupted")
"""


def _interrupted(done: list[str], failure: Exception | None = None) -> None:
    with held():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all")
        if failure is not None:
            raise failure


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT as in a terminal, whatever whoever started the tests made of it."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("failure", [None, ValueError("of the work")])
def test_ctrl_c_waits_until_the_end_and_is_not_lost(failure: Exception | None) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupted(done, failure)
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_ignored_stays_ignored() -> None:
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, usual)


def test_the_rules_that_onnx_calls_are_not_interrupted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INFERENCE],
        env=os.environ | {"PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1])},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "inferred\ninterrupted\n"), done.stderr
