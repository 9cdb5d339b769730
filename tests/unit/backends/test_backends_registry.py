"""The registry: names, what is missing, and what every registered backend offers."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_bench
from alexnet_bench.backends import registry
from alexnet_bench.backends.protocol import Backend, LayersReader, Runner
from alexnet_bench.backends.registry import BACKENDS, availability, choose_backend, get_backend, install_hint
from alexnet_bench.core.errors import MissingRuntimeError, UsageError

SOURCE = Path(alexnet_bench.__file__).parents[1]

WITHOUT_RUNTIME = """
import importlib.machinery
import sys

find_spec = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name in ("onnxruntime", "openvino") else find_spec(name, path, target)
)
from alexnet_bench.backends.registry import choose_backend
from alexnet_bench.core.errors import MissingRuntimeError
for name in (None, "onnxruntime-cpu"):
    try:
        choose_backend(name)
    except MissingRuntimeError as error:
        print(error.exit_code, error.message, error.hint, sep=" | ")
"""


def by_name(backend: Backend) -> str:
    return backend.name


@pytest.mark.parametrize("backend", BACKENDS, ids=by_name)
def test_every_backend_has_a_runner_that_follows_the_protocol(backend: Backend) -> None:
    runner = registry.make_runner(backend.name)
    for name in ("activate", "infer", "deactivate"):
        wanted = list(inspect.signature(getattr(Runner, name)).parameters)[1:]
        assert list(inspect.signature(getattr(runner, name)).parameters) == wanted


@pytest.mark.parametrize("backend", BACKENDS, ids=by_name)
def test_every_backend_has_a_reader_of_its_layers(backend: Backend) -> None:
    wanted = inspect.signature(LayersReader.__call__).parameters
    assert list(inspect.signature(registry.layers_reader(backend.name)).parameters) == list(wanted)[1:]


@pytest.mark.parametrize("backend", BACKENDS, ids=by_name)
def test_making_a_runner_does_not_import_the_runtime(backend: Backend) -> None:
    code = f"import sys; from alexnet_bench.backends.registry import *; make_runner({backend.name!r});"
    code += f"layers_reader({backend.name!r}); sys.exit({backend.module!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SOURCE)}, check=True)


@pytest.mark.parametrize("backend", BACKENDS, ids=by_name)
def test_every_backend_names_an_extra_that_exists(backend: Backend) -> None:
    import tomllib

    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    name, _, extra = backend.install.removesuffix("]").partition("[")
    assert name == project["name"]
    assert extra in project["optional-dependencies"]


def test_names_are_unique() -> None:
    assert len({backend.name for backend in BACKENDS}) == len(BACKENDS)


def test_an_unknown_name_with_the_closest_one() -> None:
    with pytest.raises(UsageError, match="onnxruntime-cpo") as caught:
        get_backend("onnxruntime-cpo")
    assert caught.value.hint == "did you mean onnxruntime-cpu?"
    with pytest.raises(UsageError) as caught:
        choose_backend("zzz")
    assert "onnxruntime-cpu" in caught.value.hint


def test_without_a_runtime_the_exact_pip_line_is_given() -> None:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RUNTIME], env=environment, capture_output=True, text=True, check=True
    )
    unnamed, named = done.stdout.splitlines()
    assert unnamed.startswith("2 | no runtime is installed | ")
    assert named.startswith("2 | backend onnxruntime-cpu needs onnxruntime, which is not installed")
    assert all('pip install "alexnet-bench[cpu]"' in line for line in (unnamed, named))


def test_the_first_that_works_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Backend("absent", "no_such_runtime_of_ours", "alexnet-bench[absent]", "", "")
    hidden = Backend("hidden", "onnxruntime", "alexnet-bench[cpu]", "", "", tried_by_default=False)
    monkeypatch.setattr(registry, "BACKENDS", (absent, hidden, *BACKENDS))
    assert choose_backend(None).name == "onnxruntime-cpu"
    assert choose_backend("hidden") is hidden
    assert not availability(absent).works
    with pytest.raises(MissingRuntimeError) as caught:
        choose_backend("absent")
    assert caught.value.message == "backend absent needs no_such_runtime_of_ours, which is not installed"
    assert caught.value.hint.startswith('pip install "alexnet-bench[absent]"')


def _install(folder: Path, *distributions: str) -> None:
    """Distributions that all bring the module `one_runtime`."""
    (folder / "one_runtime.py").touch()
    for name in distributions:
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "top_level.txt").write_text("one_runtime\n")


@pytest.mark.parametrize(
    ("here", "first"),
    [
        (["one-gpu"], ""),
        (["one"], "first: pip uninstall one    (the two packages clash); then: "),
        (["one", "one-gpu"], "first: pip uninstall one one-gpu    (the two packages clash); then: "),
    ],
)
def test_a_package_with_the_same_module_has_to_go_first(
    here: list[str], first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, *here)
    monkeypatch.syspath_prepend(str(tmp_path))
    gpu = Backend("gpu", "one_runtime", "x[gpu]", "", "", distribution="one-gpu")
    assert install_hint(gpu).startswith(f'{first}pip install "x[gpu]"')
    either = Backend("cpu", "one_runtime", "x[cpu]", "", "")
    assert install_hint(either).startswith('pip install "x[cpu]"')


def test_a_module_without_a_distribution_works_with_an_unknown_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_runtime_in_a_folder.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    backend = Backend("folder", "a_runtime_in_a_folder", "x", "", "")
    assert availability(backend).works
    assert availability(backend).version == "unknown"
