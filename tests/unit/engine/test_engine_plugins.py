"""Libraries of plugins: found, pinned, and held against what an engine was built with."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.engine.key import Place, engine_key
from alexnet_bench.engine.plugins import Plugin, found_plugins, plugin_paths
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.recipe_file import read_recipe

_PLACE = Place("tensorrt", "11.0", "cuda", "NVIDIA L4")


def _library(path: Path, content: bytes = b"\x7fELF code") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_library_is_told_by_its_whole_path_and_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = _library(tmp_path / "lib.so")
    monkeypatch.chdir(tmp_path)
    (found,) = found_plugins([Plugin("lib.so")])
    assert found == Plugin(str(library), hashlib.sha256(library.read_bytes()).hexdigest())
    assert found_plugins([found]) == (found,)
    assert plugin_paths([found]) == (str(library),)


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ([Plugin("none.so")], "none.so cannot be read: No such file"),
        ([Plugin(".")], "cannot be read: Is a directory"),
        ([Plugin("/dev/zero")], "cannot be read: it is no regular file"),
        ([Plugin("pipe.so")], "cannot be read: it is no regular file"),
        ([Plugin("")], "the name of a plugin library is empty"),
        ([Plugin("a\x00b")], "cannot be read: .*embedded null"),
        ([Plugin("text.so")], "text.so is no shared library"),
        ([Plugin("empty.so")], "empty.so is no shared library"),
        ([Plugin("lib.so", "0" * 64)], "and the recipe asks for 000000000000"),
        ([Plugin("lib.so"), Plugin("other.so")], "is given twice"),
    ],
)
def test_what_cannot_be_a_library_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: list[Plugin], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in (("lib.so", b"\x7fELF"), ("other.so", b"\x7fELF"), ("text.so", b"junk"), ("empty.so", b"")):
        _library(tmp_path / name, content)
    os.mkfifo(tmp_path / "pipe.so")
    with pytest.raises(UsageError, match=said) as error:
        found_plugins(plugins)
    assert error.value.exit_code == 2
    assert error.value.hint


def test_a_library_that_changed_or_went_is_not_loaded(tmp_path: Path) -> None:
    library = _library(tmp_path / "lib.so")
    plugins = found_plugins([Plugin(str(library))])
    _library(library, b"\x7fELF other")
    with pytest.raises(EngineError, match="is not the one that the engine was built with"):
        plugin_paths(plugins)
    library.unlink()
    os.mkfifo(library)
    with pytest.raises(EngineError, match="cannot be read: it is no regular file"):
        plugin_paths(plugins)
    library.unlink()
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        plugin_paths(plugins)


def test_the_key_holds_the_bytes_of_a_library_and_not_its_place(tmp_path: Path) -> None:
    def key(path: Path, content: bytes) -> str:
        recipe = Recipe(name="fp32", plugins=found_plugins([Plugin(str(_library(path, content)))]))
        return engine_key("1" * 64, recipe, _PLACE)

    one = key(tmp_path / "a" / "lib.so", b"\x7fELF 1")
    assert one == key(tmp_path / "b" / "other.so", b"\x7fELF 1")
    assert one != key(tmp_path / "a" / "lib.so", b"\x7fELF 2")
    assert one != engine_key("1" * 64, Recipe(name="fp32"), _PLACE)


def test_a_recipe_names_libraries_as_seen_from_its_file(tmp_path: Path) -> None:
    _library(tmp_path / "libs" / "lib.so")
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[[plugins]]\npath = "libs/lib.so"\n')
    read = read_recipe(recipe)
    assert [plugin.path for plugin in found_plugins(read.plugins)] == [str(tmp_path / "libs" / "lib.so")]
    assert msgspec.convert(msgspec.to_builtins(read), Recipe) == read
    recipe.write_text('[[plugins]]\npath = "x.so"\nsha265 = ""\n')
    with pytest.raises(UsageError, match="plugins has an unknown field 'sha265'") as error:
        read_recipe(recipe)
    assert error.value.hint == "did you mean sha256?"
