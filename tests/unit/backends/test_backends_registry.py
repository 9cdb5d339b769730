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
from alexnet_bench.core import packages
from alexnet_bench.core.errors import MissingRuntimeError, UsageError

SOURCE = Path(alexnet_bench.__file__).parents[1]

WITHOUT_RUNTIME = """
import importlib.machinery
import importlib.metadata
import sys

find_spec = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name in ("onnxruntime", "openvino") else find_spec(name, path, target)
)
from alexnet_bench.backends.registry import choose_backend
from alexnet_bench.core.errors import MissingRuntimeError
importlib.metadata.packages_distributions = dict
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
    assert backend.install in packages.EXTRAS


@pytest.mark.parametrize("backend", BACKENDS, ids=by_name)
def test_a_runtime_that_is_here_has_the_name_that_tells_it_is_whole(backend: Backend) -> None:
    if packages.folder_of(backend.module) is None:
        pytest.skip(f"{backend.module} is not installed")
    code = f"from alexnet_bench.backends.registry import import_runtime; import_runtime({backend.name!r})"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SOURCE)}, check=True)


@pytest.mark.parametrize("backend", BACKENDS, ids=by_name)
def test_a_folder_that_is_left_of_a_runtime_does_not_pass_for_it(backend: Backend, tmp_path: Path) -> None:
    """An empty module is what is left where another package took its files: it has no name that tells otherwise."""
    (tmp_path / backend.module).mkdir()
    (tmp_path / backend.module / "__init__.py").touch()
    code = f"from alexnet_bench.backends.registry import import_runtime; import_runtime({backend.name!r})"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCE}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "MissingRuntimeError" in done.stderr


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
    assert named.startswith("2 | backend onnxruntime-cpu does not work here: ")
    assert all("pip install 'onnxruntime>=1.20'" in line for line in (unnamed, named))


def test_the_first_that_works_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Backend("absent", "no_such_runtime_of_ours", "cpu", "", "")
    hidden = Backend("hidden", "onnxruntime", "cpu", "", "", tried_by_default=False)
    monkeypatch.setattr(registry, "BACKENDS", (absent, hidden, *BACKENDS))
    assert choose_backend(None).name == "onnxruntime-cpu"
    assert choose_backend("hidden") is hidden
    assert not availability(absent).works
    with pytest.raises(MissingRuntimeError) as caught:
        choose_backend("absent")
    assert caught.value.message == "backend absent does not work here: no_such_runtime_of_ours is not installed"
    assert caught.value.hint == "pip install 'onnxruntime>=1.20'"


def test_runtimes_that_share_a_module_need_the_right_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "bringing", lambda _: ["onnxruntime"])
    cuda, cpu = get_backend("onnxruntime-cuda"), get_backend("onnxruntime-cpu")
    assert install_hint(cuda).startswith("pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu>=1.20' ")
    assert install_hint(cpu) == "pip install 'onnxruntime>=1.20'"


def test_no_hint_of_a_backend_needs_an_index_that_has_this_package() -> None:
    assert not [backend.name for backend in BACKENDS if "alexnet-bench" in install_hint(backend)]


def test_files_that_are_gone_are_said_where_no_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "folder_of", lambda _: None)
    monkeypatch.setattr(packages, "bringing", lambda module: [module])
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.0")
    with pytest.raises(MissingRuntimeError, match="no runtime works here: the files of onnxruntime are gone") as caught:
        choose_backend(None)
    assert caught.value.hint == "pip install --force-reinstall --no-deps onnxruntime"


def test_a_module_without_a_distribution_works_with_an_unknown_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_runtime_in_a_folder.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    backend = Backend("folder", "a_runtime_in_a_folder", "cpu", "", "")
    assert availability(backend).works
    assert availability(backend).version == "unknown"
