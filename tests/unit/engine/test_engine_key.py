from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from typing import Any

import msgspec
import pytest

from alexnet_bench.engine import key as keys
from alexnet_bench.engine.key import Place, device_name, engine_key, this_place
from alexnet_bench.engine.plugins import Plugin
from alexnet_bench.engine.ranges import BatchRange, ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import Recipe

_RECIPE = Recipe(name="fp32", backend="onnxruntime-cpu", precision="fp32", passes=("a", "b"), settings={"p": "1"})
_PLACE = Place("onnxruntime-cpu", "1.31.1", "cpu", "AMD EPYC (x86_64 avx2)")
_MODEL = "1" * 64

_OTHER_RECIPES: list[dict[str, Any]] = [
    {"backend": "openvino"},
    {"precision": "fp16"},
    {"passes": ("b", "a")},
    {"keep_fp32": ("LRN",)},
    {"settings": {"p": "2"}},
    {"batch": BatchRange(1, 1, 1)},
    {"shapes": {"x": ShapeRange((1,), (1,), (1,))}},
    {"plugins": (Plugin("lib.so", "1" * 64),)},
    {"profiles": (SizeRanges(BatchRange(1, 1, 1)),)},
]
_OTHER_PLACES = [
    {"backend": "openvino"},
    {"backend_version": "1.31.2"},
    {"target": "sm_90"},
    {"device": "AMD EPYC (x86_64 avx2 avx512f)"},
    {"driver": "570.1"},
]


def test_a_key_is_the_same_for_the_same_inputs() -> None:
    key = engine_key(_MODEL, _RECIPE, _PLACE)
    assert len(key) == 64
    assert key == engine_key(_MODEL, msgspec.convert(msgspec.to_builtins(_RECIPE), Recipe), replace(_PLACE))


def test_what_only_people_read_does_not_change_it() -> None:
    renamed = msgspec.structs.replace(_RECIPE, name="other", title="Another title")
    assert engine_key(_MODEL, renamed, _PLACE) == engine_key(_MODEL, _RECIPE, _PLACE)


def test_the_order_of_settings_does_not_change_it() -> None:
    one = msgspec.structs.replace(_RECIPE, settings={"a": "1", "b": "2"})
    two = msgspec.structs.replace(_RECIPE, settings={"b": "2", "a": "1"})
    assert engine_key(_MODEL, one, _PLACE) == engine_key(_MODEL, two, _PLACE)


@pytest.mark.parametrize("change", _OTHER_RECIPES, ids=lambda change: next(iter(change)))
def test_every_part_of_the_recipe_changes_it(change: dict[str, object]) -> None:
    assert engine_key(_MODEL, msgspec.structs.replace(_RECIPE, **change), _PLACE) != engine_key(_MODEL, _RECIPE, _PLACE)


@pytest.mark.parametrize("change", _OTHER_PLACES, ids=lambda change: next(iter(change)))
def test_every_part_of_the_place_changes_it(change: dict[str, str]) -> None:
    assert engine_key(_MODEL, _RECIPE, replace(_PLACE, **change)) != engine_key(_MODEL, _RECIPE, _PLACE)


def test_every_field_of_recipe_and_place_is_among_those() -> None:
    assert {name for change in _OTHER_RECIPES for name in change} | {"name", "title"} == set(Recipe.__struct_fields__)
    assert {name for change in _OTHER_PLACES for name in change} == set(Place.__dataclass_fields__)


def test_the_model_and_the_versions_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = engine_key(_MODEL, _RECIPE, _PLACE)
    seen = {key, engine_key("2" * 64, _RECIPE, _PLACE)}
    with monkeypatch.context() as patch:
        patch.setattr(keys, "BUILD_VERSION", 99)
        seen.add(engine_key(_MODEL, _RECIPE, _PLACE))
    with monkeypatch.context() as patch:
        patch.setattr(keys, "__version__", "99")
        seen.add(engine_key(_MODEL, _RECIPE, _PLACE))
    with monkeypatch.context() as patch:
        patch.setattr(metadata, "version", lambda _: "99")
        seen.add(engine_key(_MODEL, _RECIPE, _PLACE))
    assert len(seen) == 5
    assert engine_key(_MODEL, _RECIPE, _PLACE) == key


def test_the_device_is_this_processor() -> None:
    place = this_place("onnxruntime-cpu", "1.0")
    assert place.device == device_name()
    assert place.device.endswith(")")
    assert place.target == "cpu"


def test_the_runtime_that_passes_compute_with_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none they look at no activations; a recipe without passes does not ask."""
    without = msgspec.structs.replace(_RECIPE, passes=())
    before = engine_key(_MODEL, _RECIPE, _PLACE), engine_key(_MODEL, without, _PLACE)
    monkeypatch.setattr(keys, "runtime_of_passes", lambda: "")
    after = engine_key(_MODEL, _RECIPE, _PLACE), engine_key(_MODEL, without, _PLACE)
    assert before[0] != after[0]
    assert before[1] == after[1]
