from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.workspace import engines_cache
from alexnet_bench.network import architectures
from alexnet_bench.workflows.resolve import onnx_package_models, resolve


def test_a_reference_network_is_written_to_the_cache_once(cache: Path) -> None:
    first = resolve("lenet-5")
    written = first.path.stat().st_mtime_ns
    assert first.name == "lenet-5"
    assert first.path.is_relative_to(cache)
    assert resolve("lenet-5").path.stat().st_mtime_ns == written


def test_the_cache_of_a_workspace_is_used_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "alexnet-bench.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert engines_cache() == tmp_path / "engines" / "cache"
    assert resolve("lenet-5").path.is_relative_to(tmp_path)


def test_models_of_the_onnx_package() -> None:
    models = onnx_package_models()
    assert {"onnx:squeezenet", "onnx:resnet50", "onnx:bvlc_alexnet"} <= set(models)
    for name, path in models.items():
        assert resolve(name).path == path
        assert resolve(name).name == name


def test_a_path_is_a_file_whether_or_not_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "without_suffix").touch()
    assert resolve("without_suffix").path == Path("without_suffix")
    assert resolve(tmp_path / "missing.onnx").name == "missing"
    assert resolve("folder/model").path == Path("folder/model")
    assert resolve("/dev/null/x").path == Path("/dev/null/x")
    assert resolve(tmp_path / "evil\x1b[2J.onnx").name == "evil\\x1b[2J"


def test_a_file_named_as_a_network_needs_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet-5").touch()
    assert resolve("lenet-5").path != Path("lenet-5")
    assert resolve(f"{tmp_path}/lenet-5").path == tmp_path / "lenet-5"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("alexnet-2021", "alexnet-2012"),
        ("ALEXNET-OWT", "alexnet-owt"),
        ("lenet5", "lenet-5"),
        ("resnet50", "onnx:resnet50"),
        ("SqueezeNet", "onnx:squeezenet"),
        ("onnx:resnet", "onnx:resnet50"),
        ("onnx:alexnet", "onnx:bvlc_alexnet"),
    ],
)
def test_a_name_almost_right_gets_a_suggestion(typed: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(typed)
    assert "did you mean" in caught.value.hint
    assert meant in caught.value.hint


@pytest.mark.parametrize("typed", ["zzz", "n" * 300, "n" * 300 + ".onnx", "a\0b.onnx", "\x1b[2J"])
def test_a_name_that_is_nothing_is_one_clear_error(typed: str) -> None:
    with pytest.raises(UsageError, match="neither a model's name nor a file") as caught:
        resolve(typed)
    assert "alexnet-bench models" in caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(("typed", "is_like_a_key"), [("fa7add", True), ("fa7", False), ("nothing", False)])
def test_what_may_be_a_key_of_an_engine_is_told_where_those_are_listed(typed: str, is_like_a_key: bool) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(typed)
    assert ("alexnet-bench cache list" in caught.value.hint) == is_like_a_key


def test_an_unknown_model_of_the_onnx_package_gets_the_list() -> None:
    with pytest.raises(UsageError, match="there is no onnx:zzzzzz in the installed onnx package") as caught:
        resolve("onnx:zzzzzz")
    assert all(name in caught.value.hint for name in onnx_package_models())


def test_every_reference_network_is_known_by_its_input_range() -> None:
    convention = architectures.get("lenet-5").input
    assert resolve("lenet-5").pixel_range == (min(convention.low), max(convention.high))


def test_a_network_that_was_exported_is_known_whatever_its_file_is_called(tmp_path: Path) -> None:
    """The same bytes under a name or in a file: one hash, so one key of engines and choices."""
    copy = tmp_path / "mine.onnx"
    copy.write_bytes(resolve("alexnet-2012").path.read_bytes())
    named, found = resolve("alexnet-2012"), resolve(copy)
    assert found.name == "mine"
    assert (found.pixel_range, found.whole_on_one_card) == (named.pixel_range, named.whole_on_one_card)
    assert found.whole_on_one_card == ("fc8",)


def test_a_file_of_another_producer_or_one_that_is_damaged_is_not_taken_for_a_network(tmp_path: Path) -> None:
    model = onnx.load(resolve("lenet-5").path)
    other, damaged = tmp_path / "other.onnx", tmp_path / "damaged.onnx"
    damaged.write_bytes(model.SerializeToString()[:100])
    model.producer_name = "another"
    onnx.save(model, other)
    assert resolve(other).pixel_range == resolve(damaged).pixel_range == (0.0, 1.0)


def test_a_model_in_memory_is_asked_for_as_a_file_and_not_printed() -> None:
    with pytest.raises(UsageError, match="not as ModelProto") as raised:
        resolve(onnx.ModelProto())  # what people try who have just exported one
    assert "onnx.save" in raised.value.hint
