from __future__ import annotations

import re
from pathlib import Path

import pytest

from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.machine import usable_cpus
from alexnet_bench.core.workspace import shipped_data
from alexnet_bench.engine.ranges import BatchRange, ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import Recipe, as_document, from_document
from alexnet_bench.engine.recipe_file import find_recipe, read_recipe, recipe_files

_PAGE = Path(__file__).parents[3] / "docs" / "engines.md"
_FULL = """
name = "mine"
title = "For a test"
backend = "openvino"
precision = "fp16"
passes = ["fold-constants", "fp16"]
keep_fp32 = ["LRN"]
[settings]
hint = "LATENCY"
[batch]
min = 1
opt = 4
max = 8
[shapes.x]
min = [1, 4]
opt = [2, 4]
max = [2, 4]
"""


def _write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_recipe_says_what_its_file_says(tmp_path: Path) -> None:
    assert read_recipe(_write(tmp_path, _FULL)) == Recipe(
        name="mine",
        title="For a test",
        backend="openvino",
        precision="fp16",
        passes=("fold-constants", "fp16"),
        keep_fp32=("LRN",),
        settings={"hint": "LATENCY"},
        batch=BatchRange(1, 4, 8),
        shapes={"x": ShapeRange((1, 4), (2, 4), (2, 4))},
    )


def test_several_profiles_stand_in_place_of_one_range(tmp_path: Path) -> None:
    first = "[[profiles]]\n[profiles.batch]\nmin=1\nopt=2\nmax=4\n"
    text = first + "[[profiles]]\n[profiles.shapes.x]\nmin=[8]\nopt=[8]\nmax=[9]"
    recipe = read_recipe(_write(tmp_path, text))
    one, two = recipe.sizes
    assert (one, two.shapes) == (SizeRanges(BatchRange(1, 2, 4)), {"x": ShapeRange((8,), (8,), (9,))})
    assert (recipe.opt_batch, recipe.opt_shapes, recipe.has_sizes) == (2, {}, True)
    assert [str(ranges) for ranges in recipe.sizes] == ["batch 1 to 4", "x 8 to 9"]
    assert from_document(as_document(recipe)) == recipe


def test_the_name_of_the_file_is_enough(tmp_path: Path) -> None:
    assert read_recipe(_write(tmp_path, "")) == Recipe(name="mine")


@pytest.mark.parametrize("path", sorted(shipped_data("recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid_and_says_what_it_is_for(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert recipe.title
    assert recipe.precision in ("fp32", "tf32", "fp16", "bf16")
    if recipe.backend:
        assert recipe.name.startswith(recipe.backend)


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL))
def test_every_recipe_in_the_documentation_is_valid(tmp_path: Path, example: str) -> None:
    for text in (example, example.replace("# spinning", "spinning")):
        recipe = read_recipe(_write(tmp_path, text))
        assert recipe.backend or recipe.profiles


def test_there_are_recipes_for_every_precision_and_for_dynamic_batches() -> None:
    found = [read_recipe(path) for path in recipe_files(None).values()]
    assert {recipe.precision for recipe in found} == {"fp32", "tf32", "fp16", "bf16"}
    assert any(recipe.batch is not None and recipe.batch.min < recipe.batch.max for recipe in found)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("pases = []", "unknown field 'pases'", "did you mean passes?"),
        ("[batch]\nmin = 1\nopt = 1\nmaximum = 1", "batch has an unknown field 'maximum'", "did you mean max?"),
        ("[shapes.x]\nmin = [1]\nopt = [1]\nmost = [1]", "shapes.x has an unknown field 'most'", "min, opt, max"),
        ('precision = "fp8"', "precision: unknown precision 'fp8'", "there are: fp32, tf32, fp16, bf16"),
        ("passes = 3", "passes: Expected", "alexnet-bench recipes --json"),
        ('passes = ["fold-batchnrm"]', "passes: unknown pass 'fold-batchnrm'", "did you mean fold-batchnorm?"),
        ('backend = "openvin"', "backend: unknown backend 'openvin'", "did you mean openvino?"),
        ('backend = "openvino"\n[settings]\nstreams = 3', "settings: streams of openvino", "it can be: 1, 2"),
        ('backend = "onnxruntime-cpu"\n[settings]\nstream = "2"', "settings: onnxruntime-cpu has no", "arena"),
        ("[settings]\nthreads = true", "settings: threads cannot be true", "a whole number"),
        ("[settings]\nthreads = 1.5", "settings: threads cannot be 1.5", "a whole number"),
        ('name = "other"', "must be that of the file", ""),
        ("[batch]\nmin = 2\nopt = 1\nmax = 3", "in order", ""),
        ("[batch]\nmin = 0\nopt = 1\nmax = 3", ">= 1", "alexnet-bench recipes --json"),
        ("[shapes.x]\nmin = [1]\nopt = [1, 2]\nmax = [1, 2]", "one rank", ""),
        ("[shapes.x]\nmin = [3]\nopt = [2]\nmax = [4]", "in order", ""),
        ('passes = ["fp16", "fp16"]\nprecision = "fp16"', "twice", ""),
        ('passes = ["fp16"]\nprecision = "fp32"', "does not fit precision fp32", ""),
        ('passes = ["bf16"]', "does not fit precision none", ""),
        ('keep_fp32 = ["LRN"]', "stays in float32 beside a narrower type", "--precision fp16 or bf16"),
        (
            'keep_fp32 = ["LRN"]\nprecision = "bf16"\nbackend = "onnxruntime-cpu"',
            "onnxruntime-cpu follows the graph, whose types no pass of",
            "give --pass bf16",
        ),
        ("passes = [", "cannot be read", ""),
        ("[[profiles]]\nbatches = 1", "profiles has an unknown field 'batches'", "did you mean batch?"),
        ("[[profiles]]\n[profiles.batch]\nmin = 2\nopt = 1\nmax = 3", "optimisation profile 1: batch: min, opt", ""),
        ("[batch]\nmin=1\nopt=1\nmax=1\n[[profiles]]\n", "and not in both", "move them into a profile"),
        ("[[profiles]]\n", "profile 1 has no sizes", "give each of [[profiles]] a batch or shapes"),
        (
            "[[profiles]]\nbatch={min=1,opt=1,max=1}\nshapes.x={min=[1],opt=[1],max=[1]}\n",
            "profile 1 has both batch and shapes",
            "give each of [[profiles]] a batch or shapes",
        ),
        ("profiles = 3", "profiles", "alexnet-bench recipes --json"),
    ],
)
def test_a_wrong_recipe_is_refused_by_file_and_field(tmp_path: Path, text: str, message: str, hint: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_recipe(path)
    assert str(path) in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(tmp_path / "bytes.toml")


def test_the_workspace_goes_before_what_is_shipped(tmp_path: Path) -> None:
    folder = tmp_path / "engines" / "recipes"
    folder.mkdir(parents=True)
    assert find_recipe("fp32", None).title != "mine"
    _write(folder, 'title = "mine"\nprecision = "fp32"', "fp32")
    _write(folder, 'title = "new"', "new")
    assert find_recipe("fp32", tmp_path).title == "mine"
    assert find_recipe("new", tmp_path).title == "new"
    assert find_recipe(str(_write(tmp_path, 'title = "by path"', "other")), None).title == "by path"


def test_an_unknown_recipe_gets_the_closest_name() -> None:
    with pytest.raises(UsageError) as caught:
        find_recipe("fp23", None)
    assert "did you mean fp32?" in caught.value.hint


def test_threads_are_a_setting_that_no_backend_sees(tmp_path: Path) -> None:
    recipe = read_recipe(_write(tmp_path, '[settings]\nthreads = 3\nstreams = "2"\n'))
    assert recipe.settings == {"threads": "3", "streams": "2"}
    assert (recipe.threads, recipe.backend_settings) == (3, {"streams": "2"})
    assert Recipe(name="x").threads is None


@pytest.mark.parametrize("value", ["0", "1025", "-1", '"two"', '""', "1.5", "true", '"12345678901234567890"', '"²"'])
def test_threads_that_cannot_be_are_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml is not valid"):
        read_recipe(_write(tmp_path, f"[settings]\nthreads = {value}\n"))


def test_threads_are_as_many_as_the_option_takes(tmp_path: Path) -> None:
    most = 8 * usable_cpus()
    assert read_recipe(_write(tmp_path, f"[settings]\nthreads = {most}\n")).threads == most
    with pytest.raises(UsageError, match=f"{most + 1} threads cannot be used on {usable_cpus()} processor") as caught:
        read_recipe(_write(tmp_path, f"[settings]\nthreads = {most + 1}\n"))
    assert caught.value.hint == f"give from 1 to {most} threads"


def test_threads_of_a_passport_are_checked_too() -> None:
    with pytest.raises(EngineError, match="threads cannot be used"):
        from_document({"name": "x", "settings": {"threads": "many"}})
    assert from_document({"name": "x", "settings": {"threads": "2"}}).threads == 2
    assert from_document({"name": "x", "settings": {"threads": "9999"}}).threads == 9999, "on its own machine"
