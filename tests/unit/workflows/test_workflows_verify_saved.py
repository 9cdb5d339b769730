"""What a verification writes never replaces what it reads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from alexnet_bench import VerifyOptions, build_engine, verify
from alexnet_bench.core.errors import UsageError
from alexnet_bench.engine.loading import BESIDE
from tests.unit.workflows.verify_models import network, write

BOTH = ("save_inputs", "save_outputs")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refuse(
    folder: Path, problem: str, engine: str | Path, options: VerifyOptions, against: str | Path | None = None
) -> None:
    before = contents(folder)
    with pytest.raises(UsageError, match=problem):
        verify(engine, against=against, options=options)
    assert contents(folder) == before


def saving(option: str, path: Path) -> VerifyOptions:
    return VerifyOptions(save_inputs=path) if option == "save_inputs" else VerifyOptions(save_outputs=path)


@pytest.mark.parametrize("option", BOTH)
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("model.onnx", "is a model, an engine or its passport, and would be replaced"),
        ("other.onnx", "has the name of a model"),
        ("a.plan", "has the name of a model"),
        ("a.passport.json", "has the name of a model"),
    ],
)
def test_a_file_that_is_called_like_a_model_is_refused(name: str, problem: str, option: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", network())
    refuse(tmp_path, f"{name} {problem}", path, saving(option, tmp_path / name))


@pytest.mark.parametrize("option", BOTH)
@pytest.mark.parametrize("side", ["engine", "reference", "link", "hard link"])
def test_neither_side_is_replaced_whatever_its_name(side: str, option: str, tmp_path: Path) -> None:
    for name in ("engine", "reference"):
        write(tmp_path / name, network())
    (tmp_path / "link").symlink_to("engine")
    os.link(tmp_path / "engine", tmp_path / "hard link")
    options = saving(option, tmp_path / side)
    refuse(tmp_path, f"{side} is read by this very", tmp_path / "engine", options, tmp_path / "reference")


def test_the_passport_of_an_engine_and_the_data_of_a_model_are_not_replaced(tmp_path: Path) -> None:
    engine, path = tmp_path / "engine.onnx", tmp_path / "model.onnx"
    build_engine("lenet-5", output=engine)
    onnx.save_model(
        network(), path, save_as_external_data=True, location="weights.bin", size_threshold=0, convert_attribute=False
    )
    for wanted, against, target in (
        (engine, "lenet-5", engine.name + BESIDE),
        (path, None, "weights.bin"),
        (write(tmp_path / "x.onnx", network()), path, "weights.bin"),
    ):
        options = VerifyOptions(save_outputs=tmp_path / target)
        refuse(tmp_path, f"{target} is (read by this very|a model, an engine or)", wanted, options, against)


def test_stored_outputs_and_inputs_are_not_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", network())
    stored, inputs = tmp_path / "stored.json", tmp_path / "inputs.json"
    verify(path, options=VerifyOptions(save_inputs=inputs, save_outputs=stored))
    options = VerifyOptions(inputs=inputs, save_outputs=stored)
    refuse(tmp_path, "stored.json is read by this very", f"{stored}#engine", options, path)
    refuse(tmp_path, "inputs.json is read by this very", path, VerifyOptions(inputs=inputs, save_outputs=inputs))
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(16):
        np.save(folder / f"{index:02}.npy", np.random.default_rng(index).random((1, 3, 16, 16), np.float32))
    options = VerifyOptions(inputs=folder, save_outputs=folder / "00.npy")
    refuse(folder, "00.npy is read by this very", path, options)


def test_one_file_cannot_take_both(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", network())
    (tmp_path / "folder").mkdir()
    options = VerifyOptions(save_inputs=tmp_path / "a.json", save_outputs=tmp_path / "folder" / ".." / "a.json")
    refuse(tmp_path, "--save-inputs and --save-outputs cannot both go to one file", path, options)


def test_inputs_that_nothing_can_be_called_are_refused_as_such(tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", network())
    for name in ("x" * 5000, "a\0b"):
        options = VerifyOptions(inputs=name, save_outputs=tmp_path / "a.json")
        refuse(tmp_path, "is no folder and no", path, options)
