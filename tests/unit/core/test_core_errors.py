from __future__ import annotations

import inspect
import re

from alexnet_bench.core import errors
from alexnet_bench.core.errors import AlexnetBenchError

_LINE = re.compile(r"^(?:[├└]── )?(\w+) +(\d)?\s*\S", re.MULTILINE)


def _classes() -> dict[str, type[AlexnetBenchError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, AlexnetBenchError)}


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    assert errors.__doc__ is not None
    tree = errors.__doc__.partition("\n")[2]
    drawn: dict[str, str] = dict(_LINE.findall(tree))
    classes = _classes()
    assert set(drawn) == set(classes)
    for name, code in drawn.items():
        if name != "AlexnetBenchError":
            assert classes[name].exit_code == int(code), name
            assert classes[name].__bases__ == (AlexnetBenchError,), name


def test_only_crashes_are_internal_and_only_checks_fail() -> None:
    codes = {name: kind.exit_code for name, kind in _classes().items() if kind.exit_code != 2}
    assert codes == {"AlexnetBenchError": 5, "BackendCrash": 5, "PrecisionError": 1}


def test_an_error_carries_message_and_hint() -> None:
    error = errors.UsageError("what is wrong", "what to type")
    assert (str(error), error.message, error.hint) == ("what is wrong", "what is wrong", "what to type")
    assert errors.ModelError("alone").hint == ""


def test_every_class_says_when_it_happens() -> None:
    assert all(inspect.getdoc(kind) for kind in _classes().values())
