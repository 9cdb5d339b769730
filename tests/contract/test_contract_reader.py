"""The readers of code and docstrings that the contract rests on; these need no wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.signatures import Signature, signatures
from tests.contract.uses import Uses, in_order, unknown_holders, uses_in


def _uses(folder: Path, code: str) -> Uses:
    (folder / "code.py").write_text(code)
    return uses_in(folder)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(trt: Any): return trt.Logger.ERROR", {"Logger", "Logger.ERROR"}),
        ("def f(trt: Any): return trt.Runtime(1).load(2)", {"Runtime", "Runtime.load"}),
        ("def f(trt: Any, engine: Any): return engine.name", {"ICudaEngine.name"}),
        ("def f(trt: Any):\n engine = trt.make()\n return engine.name", {"make", "ICudaEngine.name"}),
        ("def m(trt) -> Any: ...\ndef f(trt: Any):\n engine = m(trt)\n engine.load()", {"ICudaEngine.load"}),
        (
            "def f(network: Any, trt):\n all = [network.get(0)]\n return [tensor.a for tensor in all]",
            {"INetworkDefinition.get", "ITensor.a"},
        ),
        ("class A:\n def f(self): return self._trt.a, self._context.b", {"a", "IExecutionContext.b"}),
        ("class A:\n def f(self, trt): return self._must('context', 'run', 1)", {"IExecutionContext.run"}),
        ("def f(trt: Any):\n class P(trt.IProfiler):\n  def done(self, ms): ...", {"IProfiler", "IProfiler.done"}),
    ],
)
def test_what_is_touched_is_found(tmp_path: Path, code: str, found: set[str]) -> None:
    assert set(in_order(_uses(tmp_path, code))) == found


@pytest.mark.parametrize(
    "code",
    [
        "def f(trt: Any):\n try: ...\n except OSError as error: return error.strerror",
        "def f(trt: Any): return max([], key=lambda tensor: tensor.size)",
        "def f(trt: Any):\n plan = read()\n return plan.content",
        "def f(trt: Any, plan: Plan): return plan.content",
        "class A:\n def f(self, trt: Any): return [tensor.size for tensor in self.mine()]",
        "def f(engine: Any): return engine.of_another_module",
        "def f(trt: Any, tensors: Tensors): return [tensor.size for tensor in tensors]",
        "def f(trt: Any, mine: Mine):\n tensors = mine.all()\n return [tensor.size for tensor in tensors]",
    ],
)
def test_what_is_ours_is_left_out(tmp_path: Path, code: str) -> None:
    assert list(in_order(_uses(tmp_path, code))) == []


def test_calls_assignments_and_guards_are_told(tmp_path: Path) -> None:
    guarded = " if hasattr(trt, 'New'):\n  config.level = 3\n"
    uses = _uses(tmp_path, f"def f(trt: Any, config: Any):\n{guarded} timings = config.make(1, deep=True)")
    assert uses.guards == {"f": {"New"}}
    level, made = (next(use for use in uses.found if use.member == name) for name in ("level", "make"))
    assert (level.is_set, level.call) == (True, None)
    assert (made.call, made.assigned_to, made.is_set) == ((1, ("deep",)), "timings", False)


def test_an_object_under_an_unknown_name_is_told(tmp_path: Path) -> None:
    code = "class A:\n def f(self, trt: Any, thing: Any):\n  self._visitor: Any = None\n  self._must('weights', 'x')"
    assert [name.rpartition(" ")[2] for name in unknown_holders(_uses(tmp_path, code))] == [
        *("thing", "_visitor", "weights"),
    ]


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ("f(self: a.b.C, x: int, y: dict[str, int] = 3) -> a.b.D\n\n  Text.", [Signature(("x", "y"), 1, "D")]),
        ("(arg0: a.b.C) -> bool\n", [Signature((), 0, "bool")]),
        ("f(*args, **kwargs)\nOverloaded function.\n\n1. f(self: C, x: int) -> None\n\n2. f(self: C) -> C\n", None),
        ("f(self: C, n: int) -> nvonnxparser::IParserError\n", [Signature(("n",), 1, "IParserError")]),
        (None, []),
        ("No signature at all.", []),
    ],
)
def test_signatures(doc: str | None, expected: list[Signature] | None) -> None:
    overloads = [Signature(("x",), 1, "None"), Signature((), 0, "C")]
    assert signatures(doc) == (overloads if expected is None else expected)


@pytest.mark.parametrize(
    ("positional", "keywords", "fits"),
    [
        (1, [], True),
        (2, [], True),
        (1, ["y"], True),
        (0, ["x"], True),
        (0, [], False),
        (3, [], False),
        (1, ["z"], False),
    ],
)
def test_how_a_function_can_be_called(positional: int, keywords: list[str], fits: bool) -> None:
    assert Signature(("x", "y"), 1, "").takes(positional, keywords) is fits


def test_a_parameter_is_not_given_twice() -> None:
    assert not Signature(("x", "y"), 1, "").takes(1, ["x"])
