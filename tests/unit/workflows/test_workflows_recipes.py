"""`alexnet-bench recipes`: what it lists is what a recipe takes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from alexnet_bench.backends.registry import BACKENDS
from alexnet_bench.core.errors import UsageError
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.settings import plain_settings
from alexnet_bench.graph.passes import PASSES
from alexnet_bench.report.lists import to_json
from alexnet_bench.report.recipes import print_recipes
from alexnet_bench.workflows.recipes import list_recipes


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "alexnet-bench.toml").touch()
    folder = tmp_path / "engines" / "recipes"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("backend", [item.name for item in BACKENDS])
def test_every_setting_takes_every_value_that_is_listed(backend: str) -> None:
    found = list_recipes(backend).settings
    assert found
    for setting in found:
        assert setting.backend == backend
        assert setting.values or setting.form
        for value in setting.values:
            plain = plain_settings(Recipe(name="r", backend=backend, settings={setting.name: value}))
            assert plain == ({} if value == setting.default else {setting.name: value})
    with pytest.raises(UsageError, match="has no setting") as caught:
        plain_settings(Recipe(name="r", backend=backend, settings={"nothing": "on"}))
    listed = caught.value.hint.removeprefix("there are: ").split(", ")
    assert {setting.name for setting in found} == set(listed)


def test_recipes_of_the_workspace_are_there_and_one_that_is_not_valid_says_why(workspace: Path) -> None:
    (workspace / "mine.toml").write_text('title = "Ours"\nbackend = "openvino"\npasses = ["recompose"]\n')
    (workspace / "odd.toml").write_text('precision = "fp12"\n')
    found = {recipe.name: recipe for recipe in list_recipes().recipes}
    assert (found["mine"].title, found["mine"].passes) == ("Ours", ("recompose",))
    assert found["mine"].path == str(workspace / "mine.toml")
    assert "unknown precision 'fp12'" in found["odd"].invalid
    assert "mine" not in {recipe.name for recipe in list_recipes("torch").recipes}
    stream = io.StringIO()
    print_recipes(list_recipes("openvino"), stream, with_settings=True)
    text = " ".join(stream.getvalue().split())
    assert "mine openvino - Ours recompose" in text
    assert "odd any - the recipe" in text
    assert "hint LATENCY LATENCY, THROUGHPUT what OpenVINO tunes for" in text


def test_without_a_backend_all_of_them_are_listed() -> None:
    found = list_recipes()
    assert [item.name for item in found.passes] == list(PASSES)
    assert {setting.backend for setting in found.settings} == {item.name for item in BACKENDS}
    assert json.loads(to_json(found))["recipes"][0]["name"] == "bf16"
    stream = io.StringIO()
    print_recipes(found, stream, with_settings=False)
    assert "recipes BACKEND shows its settings: onnxruntime-cpu, openvino" in stream.getvalue()


def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for backend in BACKENDS:
        stream = io.StringIO()
        print_recipes(list_recipes(backend.name), stream, with_settings=True)
        assert max(map(len, stream.getvalue().splitlines())) <= 80
