from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import alexnet_bench
from alexnet_bench.core.errors import OutputError, UsageError, WeightsError
from alexnet_bench.network import architectures
from alexnet_bench.network.weights import load_weights, save_weights

_PACKAGE_ROOT = str(Path(alexnet_bench.__file__).parents[1])


def test_the_same_weights_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    here = alexnet_bench.export("lenet-5", tmp_path / "here.onnx", seed=3)
    code = "import sys, alexnet_bench; alexnet_bench.export('lenet-5', sys.argv[1], seed=3)"
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "there.onnx"],
        env={**os.environ, "PYTHONPATH": _PACKAGE_ROOT, "PYTHONHASHSEED": "7"},
        check=True,
    )
    assert here.read_bytes() == (tmp_path / "there.onnx").read_bytes()
    assert here.read_bytes() != alexnet_bench.export("lenet-5", tmp_path / "seed.onnx", seed=4).read_bytes()
    assert here.read_bytes() != alexnet_bench.export("lenet-5", tmp_path / "he.onnx", seed=3, init="he").read_bytes()


@pytest.mark.parametrize("suffix", ["safetensors", "onnx", "pt"])
def test_weights_come_from_every_format(tmp_path: Path, suffix: str) -> None:
    network = architectures.get("lenet-5")
    original = alexnet_bench.export("lenet-5", tmp_path / "original.onnx", seed=3)
    weights = load_weights(original, network)
    source = tmp_path / f"weights.{suffix}"
    if suffix == "safetensors":
        save_weights(source, network, weights)
    elif suffix == "onnx":
        source.write_bytes(original.read_bytes())
    else:
        torch = pytest.importorskip("torch")
        torch.save({name: torch.from_numpy(value.copy()) for name, value in weights.items()}, source)
    again = alexnet_bench.export("lenet-5", str(tmp_path / "again.onnx"), weights=str(source))
    assert again.read_bytes() == original.read_bytes()


def test_weights_of_another_network_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    other = alexnet_bench.export("lenet-5", tmp_path / "lenet.onnx")
    with pytest.raises(WeightsError) as caught:
        alexnet_bench.export("alexnet-2012", tmp_path / "out.onnx", weights=other)
    assert "conv1" in caught.value.message
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": "nope"}, UsageError),
        ({"init": "nope"}, UsageError),
        ({"weights": "missing.safetensors"}, WeightsError),
        ({"output": "/nowhere/out.onnx"}, OutputError),
        ({"output": "/"}, OutputError),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: dict[str, str], error: type[Exception]) -> None:
    given = {"name": "lenet-5", "output": str(tmp_path / "out.onnx"), **arguments}
    with pytest.raises(error) as caught:
        alexnet_bench.export(given.pop("name"), given.pop("output"), **given)  # type: ignore[arg-type]
    assert getattr(caught.value, "hint", "")
    assert not list(tmp_path.iterdir())


def test_weights_go_to_safetensors_and_back(tmp_path: Path) -> None:
    weights, first, second = tmp_path / "w.safetensors", tmp_path / "a.onnx", tmp_path / "b.onnx"
    alexnet_bench.export("lenet-5", weights, seed=3, init="he")
    alexnet_bench.export("lenet-5", first, seed=3, init="he")
    alexnet_bench.export("lenet-5", second, weights=weights)
    assert first.read_bytes() == second.read_bytes()


def test_an_output_of_unknown_kind_is_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no kind of file"):
        alexnet_bench.export("lenet-5", tmp_path / "weights.pt")


@pytest.mark.parametrize("name", ["lenet.onnx", "lenet.safetensors"])
def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path, name: str) -> None:
    file = alexnet_bench.export("lenet-5", tmp_path / name)
    before = file.read_bytes()
    assert alexnet_bench.export("lenet-5", file, seed=1).read_bytes() != before
    foreign = before.replace(b"alexnet-bench", b"somebody else").replace(b'"lenet-5"', b'"another"')
    file.write_bytes(foreign)
    with pytest.raises(UsageError, match="is there already, is no export of this tool"):
        alexnet_bench.export("lenet-5", file)
    assert file.read_bytes() == foreign
    file.write_bytes(b"")
    assert alexnet_bench.export("lenet-5", file).read_bytes() == before


def test_an_engine_is_no_export(tmp_path: Path) -> None:
    model = alexnet_bench.export("lenet-5", tmp_path / "lenet.onnx")
    engine = onnx.load(model)
    engine.metadata_props.add(key="alexnet-bench.model", value="lenet-5")
    onnx.save(engine, model)
    with pytest.raises(UsageError, match="no export of this tool"):
        alexnet_bench.export("lenet-5", model)


def test_weights_are_not_written_over_themselves(tmp_path: Path) -> None:
    weights = alexnet_bench.export("lenet-5", tmp_path / "lenet.safetensors")
    (tmp_path / "link.safetensors").symlink_to(weights)
    with pytest.raises(UsageError, match="read by this very"):
        alexnet_bench.export("lenet-5", tmp_path / "link.safetensors", weights=weights)
