"""Inputs and outputs in the JSON files of Polygraphy (0.30 and later), written and read without it.

Inputs are a list of one object for each iteration, name -> array (`polygraphy run --load-inputs`, `--save-inputs`).
Outputs are a `RunResults`: for each runner its name and a list of iterations (`--save-outputs`, `--load-outputs`).
An array is a .npy file in base64; `polygraphy_class` tells arrays, iterations and results apart. Source:
polygraphy/json/serde.py and polygraphy/comparator/struct.py of Polygraphy 0.53. Nothing is ever unpickled.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable, without_mark
from alexnet_bench.verdict.parity import Array

_CLASS = "polygraphy_class"
_LAZY = ("LazyArray", "LazyNumpyArray")
_RESULTS, _ITERATION, _ARRAY = "RunResults", "IterationResult", "ndarray"
_HOW = "polygraphy run MODEL --onnxrt --save-inputs FILE.json --save-outputs FILE.json writes such files"

Iteration = dict[str, Array]


def encode_inputs(iterations: Iterable[Mapping[str, Array]]) -> bytes:
    """Inputs as a file of them, one object for each iteration."""
    return _encode([{name: _array(value) for name, value in iteration.items()} for iteration in iterations])


def encode_outputs(runners: Mapping[str, Iterable[Mapping[str, Array]]]) -> bytes:
    """The outputs of several runners as a file of them, by their names."""
    results = [[name, [_result(name, iteration) for iteration in runs]] for name, runs in runners.items()]
    return _encode({"lst": results, _CLASS: _RESULTS})


def read_inputs(path: Path) -> list[Iteration]:
    """The inputs in a file, by iteration; a single object is one iteration.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    found = _read(path)
    if isinstance(found, dict) and _CLASS not in found:
        found = [found]
    if not isinstance(found, list):
        raise UsageError(f"{_shown(path)} holds no inputs", _HOW)
    return [_iteration(path, item) for item in found]


def read_outputs(path: Path) -> dict[str, list[Iteration]]:
    """The outputs in a file by runner, in its order; a second runner of one name is told by a number.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """
    found = _read(path)
    runners = found.get("lst") if isinstance(found, dict) and found.get(_CLASS) == _RESULTS else None
    if not isinstance(runners, list) or not runners:
        raise UsageError(f"{_shown(path)} holds no outputs of runners", _HOW)
    results: dict[str, list[Iteration]] = {}
    for item in runners:
        if not (isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], list)):
            raise UsageError(f"{_shown(path)} holds a runner without a name and outputs", _HOW)
        name = item[0] if item[0] not in results else f"{item[0]}#{len(results) + 1}"
        results[name] = [_iteration(path, _outputs(path, iteration)) for iteration in item[1]]
    return results


def _encode(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=4) + b"\n"


def _result(name: str, iteration: Mapping[str, Array]) -> dict[str, Any]:
    outputs = {key: {"values": _array(value), _CLASS: _LAZY[0]} for key, value in iteration.items()}
    return {"outputs": outputs, "runtime": None, "runner_name": name, _CLASS: _ITERATION}


def _array(value: Array) -> dict[str, str]:
    content = io.BytesIO()
    np.save(content, value, allow_pickle=False)
    return {"array": base64.b64encode(content.getvalue()).decode(), _CLASS: _ARRAY}


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(without_mark(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        reason = getattr(error, "strerror", None) or printable(str(error), 200)
        raise UsageError(f"{_shown(path)} cannot be read: {reason}", _HOW) from None


def _outputs(path: Path, iteration: object) -> Mapping[str, Any]:
    outputs = iteration.get("outputs") if isinstance(iteration, dict) else None
    if not isinstance(outputs, dict):
        raise UsageError(f"{_shown(path)} holds an iteration without outputs", _HOW)
    return outputs


def _iteration(path: Path, item: object) -> Iteration:
    if not isinstance(item, dict):
        raise UsageError(f"{_shown(path)} holds an iteration that is no list of named arrays", _HOW)
    return {name: _decoded(path, name, value) for name, value in item.items()}


def _decoded(path: Path, name: str, value: Any) -> Array:
    if isinstance(value, dict) and value.get(_CLASS) in _LAZY:
        value = value.get("values")
    text = value.get("array") if isinstance(value, dict) and value.get(_CLASS) == _ARRAY else None
    if not isinstance(text, str):
        raise UsageError(f"{_shown(path)}: {printable(name)} is no numpy array", "save numpy arrays, not torch tensors")
    try:
        found = np.load(io.BytesIO(base64.b64decode(text, validate=True)), allow_pickle=False)
    except (binascii.Error, ValueError, OSError, EOFError) as error:
        reason = printable(str(error), 200)
        raise UsageError(f"{_shown(path)}: the array {printable(name)} is damaged: {reason}", _HOW) from None
    if not isinstance(found, np.ndarray):
        raise UsageError(f"{_shown(path)}: {printable(name)} is an archive, and no array", _HOW)
    return found


def runner_of(path: Path, results: Mapping[str, Sequence[Iteration]], wanted: str) -> tuple[str, Sequence[Iteration]]:
    """The outputs of one runner.

    Args:
        path: of the file, for messages.
        results: as `read_outputs` gives them.
        wanted: name of a runner, "" for the only one.

    Raises:
        UsageError: there is no such runner, or a choice.
    """
    if wanted in results or (not wanted and len(results) == 1):
        name = wanted or next(iter(results))
        return name, results[name]
    names = ", ".join(printable(name) for name in results)
    problem = f"holds no outputs of {printable(wanted)}" if wanted else "holds the outputs of several runners"
    raise UsageError(f"{_shown(path)} {problem}", f"write FILE.json#RUNNER; there are: {names}")


def _shown(path: Path) -> str:
    return printable(str(path), 200)
