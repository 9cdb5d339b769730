"""However settings are given, one engine has one key."""

from __future__ import annotations

import pytest

from alexnet_bench.backends.registry import BACKENDS, settings_of
from alexnet_bench.backends.tensorrt.options import NAMES
from alexnet_bench.core.errors import UsageError
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.settings import plain_settings


def _plain(backend: str, **settings: str) -> dict[str, str]:
    return plain_settings(Recipe(name="mine", backend=backend, settings=settings))


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ({"optimization_level": "3", "timing_cache": "on", "strip": "off", "weight_streaming": "off"}, {}),
        ({"optimization_level": "4"}, {"optimization_level": "4"}),
        ({"compute_capability": "89,86,89"}, {"compute_capability": "86,89"}),
        ({"workspace": "1GiB"}, {"workspace": str(1 << 30)}),
        ({"weight_streaming": "on"}, {"weight_streaming": "on"}),
        ({"weight_streaming": "1 KB"}, {"weight_streaming": "1000"}),
    ],
)
def test_settings_of_tensorrt(given: dict[str, str], plain: dict[str, str]) -> None:
    assert _plain("tensorrt-rtx", **given) == plain


@pytest.mark.parametrize("backend", [backend for backend in BACKENDS if not backend.planner], ids=lambda one: one.name)
def test_defaults_of_a_backend_are_left_out(backend: object) -> None:
    known = settings_of(backend)  # type: ignore[arg-type]
    name = backend.name  # type: ignore[attr-defined]
    assert known
    assert _plain(name, threads="2", **{key: setting.choices[0] for key, setting in known.items()}) == {"threads": "2"}
    others = {key: setting.choices[1] for key, setting in known.items()}
    assert _plain(name, **others) == others


@pytest.mark.parametrize(
    ("backend", "settings", "said", "hint"),
    [
        ("onnxruntime-cpu", {"compute_capability": "86"}, "which TensorRT has", "give --backend tensorrt-rtx"),
        ("openvino", {"strip": "on"}, "which TensorRT has", "give --backend tensorrt-rtx or tensorrt"),
        ("tensorrt", {"compute_capability": "86"}, "the card at hand", "or give --backend tensorrt-rtx"),
        ("tensorrt-rtx", {"version_compatible": "on"}, "no lean runtime", "or give --backend tensorrt"),
        ("openvino", {"nothing": "on"}, "has no setting 'nothing'", "there are: hint"),
        ("onnxruntime-cpu", {"foo": "1"}, "has no setting 'foo'", "spinning, threads"),
        ("openvino", {"hint": "much"}, "hint of openvino cannot be 'much'", "it can be"),
    ],
)
def test_a_setting_that_it_has_not(backend: str, settings: dict[str, str], said: str, hint: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        _plain(backend, **settings)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("backend", "lacks"),
    [("tensorrt-rtx", {"hardware_compatibility", "version_compatible"}), ("tensorrt", {"compute_capability"})],
)
def test_no_setting_is_hinted_at_that_the_backend_refuses(backend: str, lacks: set[str]) -> None:
    with pytest.raises(UsageError, match="has no setting 'foo'") as error:
        _plain(backend, foo="1")
    listed = error.value.hint.removeprefix("there are: ").partition(" (")[0].split(", ")
    assert set(NAMES) - set(listed) == lacks
