"""Packages that are missing, clash, or are there in part: what is said, and what to type."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import alexnet_bench
from alexnet_bench.core import packages
from alexnet_bench.core.errors import MissingRuntimeError

PROJECT = Path(alexnet_bench.__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages, which bring the module `one_runtime`."""
    monkeypatch.setattr(packages, "_SHARED", ("one_runtime",))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("one_runtime", None)
    importlib.invalidate_caches()


def install(site: Path, *names: str, content: str | None = "class Session: ...") -> None:
    """Packages whose files are there, or of which only the records are left."""
    for name in names:
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "top_level.txt").write_text("one_runtime\n")
    (site / "one_runtime").mkdir()
    if content is not None:
        (site / "one_runtime" / "__init__.py").write_text(content)


def refusal() -> MissingRuntimeError:
    with pytest.raises(MissingRuntimeError) as caught:
        packages.import_package("one_runtime", "Session", "cpu")
    return caught.value


def test_the_extras_are_those_of_the_project() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert {name: list(brought) for name, brought in packages.EXTRAS.items()} == {
        name: brought for name, brought in extras.items() if name not in ("bench", "dev")
    }


def test_a_line_holds_in_a_shell() -> None:
    assert packages.install_line("ort-tensorrt") == "pip install 'onnxruntime-gpu>=1.24' 'tensorrt>=10.7,<11'"


def test_a_whole_package_is_imported(site: Path) -> None:
    install(site, "one")
    assert packages.import_package("one_runtime", "Session", "cpu").Session
    assert (packages.version_of("one_runtime"), packages.clash("one_runtime")) == ("1.0", "")


def test_a_package_that_is_not_installed(site: Path) -> None:
    (site / "one_runtime").mkdir()  # what an uninstalled package may leave
    error = refusal()
    assert (error.message, error.hint) == ("one_runtime is not installed", "pip install 'onnxruntime>=1.20'")


def test_records_without_files_are_installed_again_though_pip_takes_them_for_installed(site: Path) -> None:
    install(site, "one", content=None)
    error = refusal()
    assert error.message == "the files of one_runtime are gone, though pip has one 1.0 installed"
    assert error.hint == "pip install --force-reinstall --no-deps one"


def test_a_module_without_its_api_says_where_it_lies(site: Path) -> None:
    install(site, "one", content="version = 1")
    error = refusal()
    assert error.message.startswith("one_runtime is installed, but is not whole: ")
    assert error.message.endswith("one_runtime/__init__.py has no Session")
    assert error.hint == "pip install --force-reinstall --no-deps one"


@pytest.mark.parametrize(
    ("content", "reason"),
    [("raise OSError('wrong ELF class')", "OSError: wrong ELF class"), ("import sys; sys.exit(3)", "SystemExit: 3")],
)
def test_a_module_that_cannot_be_imported(site: Path, content: str, reason: str) -> None:
    install(site, "one", content=content)
    error = refusal()
    assert error.message == f"one_runtime is installed, but cannot be imported: {reason}"
    assert error.hint == "pip install --force-reinstall one"


@pytest.mark.parametrize("content", ["class Session: ...", "version = 1", None])
def test_packages_that_clash_both_go_first(site: Path, content: str | None) -> None:
    install(site, "one", "one-gpu", content=content)
    assert packages.clash("one_runtime") == "one and one-gpu are both installed, and overwrite each other's files"
    both = "pip uninstall -y one one-gpu && pip install 'onnxruntime>=1.20'    "
    assert packages.install_hint("one_runtime", "cpu").startswith(both)
    assert packages.repair_hint("one_runtime", "cpu").startswith(both)


@pytest.mark.parametrize(
    ("here", "first"), [(["one-gpu"], ""), (["one"], "pip uninstall -y one && "), (["two", "one"], "uninstall")]
)
def test_another_package_of_the_module_has_to_go_first(site: Path, here: list[str], first: str) -> None:
    install(site, *here)
    hint = packages.install_hint("one_runtime", "cpu", only="one-gpu")
    assert hint.startswith(f"{first}pip install ") if first != "uninstall" else "uninstall -y one two && pip" in hint
