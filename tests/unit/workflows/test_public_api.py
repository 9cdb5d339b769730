from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alexnet_bench

_PUBLIC = [
    "AlexnetBenchError",
    "BuildOptions",
    "Ceilings",
    "Contest",
    "ContestOptions",
    "InspectOptions",
    "Inspection",
    "InspectionSet",
    "LayerProfile",
    "Options",
    "PassResult",
    "Passport",
    "Profile",
    "ProfileSet",
    "SymbolicCounts",
    "Verification",
    "VerifyOptions",
    "__version__",
    "apply_passes",
    "build_engine",
    "ceilings",
    "contest",
    "export",
    "inspect",
    "inspect_all",
    "models",
    "profile",
    "profile_set",
    "read_profile",
    "symbolic_counts",
    "verify",
    "write_profile",
]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1])}


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=_ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names() -> None:
    assert alexnet_bench.__all__ == _PUBLIC
    assert dir(alexnet_bench) == sorted(_PUBLIC)
    assert all(getattr(alexnet_bench, name) is not None for name in _PUBLIC)


def test_a_name_that_is_not_public_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        alexnet_bench.nope  # noqa: B018


def test_the_functions_say_what_they_take() -> None:
    profile = inspect.signature(alexnet_bench.profile)
    assert list(profile.parameters) == ["model", "batch", "options", "progress"]
    assert list(inspect.signature(alexnet_bench.profile_set).parameters) == ["model", "batches", "options", "progress"]
    build = inspect.signature(alexnet_bench.build_engine)
    assert list(build.parameters) == ["model", "options", "output", "progress"]
    assert list(inspect.signature(alexnet_bench.export).parameters) == ["name", "output", "weights", "seed", "init"]


@pytest.mark.parametrize("first", ["workflows.profile", "workflows.export", "core.profile", "cli.main", "report.table"])
@pytest.mark.parametrize("name", ["profile", "export"])
def test_modules_of_the_same_name_do_not_hide_functions(first: str, name: str) -> None:
    code = f"import alexnet_bench.{first}; from alexnet_bench import {name}; import alexnet_bench.{first} as again; "
    assert (
        _python(f"{code} import alexnet_bench; print(callable({name}), callable(alexnet_bench.{name}))") == "True True"
    )


def test_importing_the_package_is_light() -> None:
    heavy = "{'numpy', 'onnx', 'rich', 'typer', 'msgspec', 'torch', 'onnxruntime'}"
    assert _python(f"import sys, alexnet_bench; print({heavy} & set(sys.modules))") == "set()"


@pytest.mark.parametrize("batch", ["8", 8.0, True, 0])
def test_a_batch_that_is_no_whole_number_is_one_message(batch: Any) -> None:
    with pytest.raises(alexnet_bench.AlexnetBenchError, match="a batch is a whole number from 1"):
        alexnet_bench.profile("lenet-5", batch=batch, options=alexnet_bench.Options(static=True))
    with pytest.raises(alexnet_bench.AlexnetBenchError, match="a batch is a whole number from 1"):
        alexnet_bench.symbolic_counts("lenet-5", batch=batch)


@pytest.mark.parametrize("shape", ["2x1x32x32", (2.0, 1, 32, 32), None, 7])
def test_a_shape_that_is_no_sequence_of_numbers_is_one_message(shape: Any) -> None:
    with pytest.raises(alexnet_bench.AlexnetBenchError, match="is no sequence of whole numbers"):
        alexnet_bench.profile("lenet-5", options=alexnet_bench.Options(static=True, shapes={"input": shape}))


@pytest.mark.parametrize(
    "shapes", [{"input": 5}, {"input": None}, {1: (1, 2)}, [("input", (1, 2))], {"input": b"abcd"}]
)
def test_shapes_that_are_none_are_one_message_for_formulas_too(shapes: Any) -> None:
    with pytest.raises(alexnet_bench.AlexnetBenchError, match=r"by the name of an input|by input name"):
        alexnet_bench.symbolic_counts("lenet-5", shapes=shapes)
    with pytest.raises(alexnet_bench.AlexnetBenchError, match="is no shape that input"):
        alexnet_bench.symbolic_counts("lenet-5", shapes={"input": (1, 1, -1, 32)})


@pytest.mark.parametrize("sizes", [None, [("N", 1)], {1: 2}])
def test_sizes_that_are_none_are_one_message(sizes: Any) -> None:
    with pytest.raises(alexnet_bench.AlexnetBenchError, match=r"by the names of dimensions|no dimension 1"):
        alexnet_bench.symbolic_counts("lenet-5").at(sizes)


def test_a_shape_may_be_an_array() -> None:
    shape: Any = np.array([2, 1, 32, 32])
    found = alexnet_bench.profile("lenet-5", options=alexnet_bench.Options(static=True, shapes={"input": shape}))
    assert found.case.shapes == {"input": (2, 1, 32, 32)}
