from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import load, save
from onnx.numpy_helper import from_array, to_array

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.file_states import FileState
from alexnet_bench.engine import hashes
from alexnet_bench.engine.hashes import Hashed, engine_hash, model_hash
from alexnet_bench.graph import model_bytes, onnx_io
from alexnet_bench.graph.model_bytes import weights_sha256
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from tests.unit.engine.conftest import WriteModel


def _age(path: Path) -> None:
    """Waits until the clock has ticked since the file was written."""
    while time.time_ns() <= path.stat().st_ctime_ns + hashes._TICK_NS:
        time.sleep(0.01)


def test_the_hash_is_of_graph_and_weights(write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model()
    model = open_model(path)
    expected = hashlib.sha256(f"{model.sha256} {weights_sha256(model)}".encode()).hexdigest()
    assert model_hash(path, tmp_path / "memo").sha256 == expected


def test_another_weight_is_another_model(write_model: WriteModel, tmp_path: Path) -> None:
    found = [model_hash(write_model(f"{scale}.onnx", scale=scale), tmp_path / "memo").sha256 for scale in (1, 2)]
    assert found[0] != found[1]


def test_a_settled_file_is_not_read_again(
    write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_model()
    _age(path)
    first = model_hash(path, tmp_path / "memo")
    monkeypatch.setattr(onnx_io, "open_model", lambda _: pytest.fail("read again"))
    assert model_hash(path, tmp_path / "memo") == first


def test_a_file_hashed_within_the_tick_of_its_writing_is_read_again(
    write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "_TICK_NS", 3_600_000_000_000)
    path = write_model()
    reads: list[Path] = []

    def noted(path: Path) -> ModelFile:
        reads.append(path)
        return open_model(path)

    monkeypatch.setattr(onnx_io, "open_model", noted)
    model_hash(path, tmp_path / "memo")
    model_hash(path, tmp_path / "memo")
    assert len(reads) == 2


def test_a_change_that_keeps_size_and_time_of_modification_is_seen(write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model()
    _age(path)
    before, status = model_hash(path, tmp_path / "memo"), path.stat()
    content = path.read_bytes()
    other = content.replace(b"\x00\x00\x80\x3f", b"\x00\x00\x00\x40", 1)
    assert len(other) == len(content)
    path.write_bytes(other)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not before.is_current
    assert model_hash(path, tmp_path / "memo").sha256 != before.sha256


def test_external_data_counts(write_model: WriteModel, tmp_path: Path) -> None:
    path = tmp_path / "external.onnx"
    save(load(write_model()), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    _age(path)
    before = model_hash(path, tmp_path / "memo")
    assert len(before.files) == 2
    content = bytearray((tmp_path / "w.bin").read_bytes())
    content[0] ^= 1
    (tmp_path / "w.bin").write_bytes(content)
    assert model_hash(path, tmp_path / "memo").sha256 != before.sha256
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match=r"w\.bin"):
        model_hash(path, tmp_path / "memo")


def _with_data(path: Path, source: Path, location: str, *, scale: float) -> Path:
    """A model beside which its data lies; returns the file of the data, which is of one size for every scale."""
    model = load(source)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(from_array(np.full_like(to_array(tensor), scale), tensor.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path, save_as_external_data=True, location=location, size_threshold=0)
    return path.parent / location


def test_data_that_is_written_after_it_was_read_is_seen_by_a_clock_that_lags(
    write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m" / "m.onnx"
    data = _with_data(path, write_model(), "w.bin", scale=1)
    now = time.time_ns

    def written_just_then(model: ModelFile) -> str:
        monkeypatch.undo()
        found = weights_sha256(model)
        data.write_bytes(bytes(data.stat().st_size))
        monkeypatch.setattr(time, "time_ns", lambda: now() + 3_600_000_000_000)
        return found

    monkeypatch.setattr(time, "time_ns", lambda: now() + 3_600_000_000_000)  # to which the files look settled
    monkeypatch.setattr(model_bytes, "weights_sha256", written_just_then)
    before = model_hash(path, tmp_path / "memo")
    assert before.is_settled
    assert model_hash(path, tmp_path / "memo").sha256 != before.sha256


@pytest.mark.parametrize("link", ["w.bin", "folder"])
def test_a_link_that_leads_elsewhere_between_two_runs_is_seen(
    write_model: WriteModel, tmp_path: Path, link: str
) -> None:
    path, location = tmp_path / "m" / "m.onnx", "w.bin" if link == "w.bin" else "folder/w.bin"
    for number, name in enumerate(("one", "two"), start=1):
        (path.parent / name).mkdir(parents=True)
        made = _with_data(path.parent / name / "m.onnx", write_model(), "w.bin", scale=number)
        _age(made)
    model = load(path.parent / "one" / "m.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = location
    path.write_bytes(model.SerializeToString())
    _age(path)
    found = []
    for name in ("one", "two"):
        (path.parent / link).unlink(missing_ok=True)
        (path.parent / link).symlink_to(f"{name}/w.bin" if link == "w.bin" else name)
        found.append(model_hash(path, tmp_path / "memo").sha256)
        assert model_hash(path, tmp_path / "memo").is_settled
    assert found[0] != found[1]


def test_one_file_linked_from_two_folders_has_the_data_of_each(write_model: WriteModel, tmp_path: Path) -> None:
    found = []
    for number, name in enumerate(("one", "two"), start=1):
        path = tmp_path / name / "m.onnx"
        _age(_with_data(path, write_model(), "w.bin", scale=number))
        path.replace(tmp_path / "m.onnx")
        path.symlink_to("../m.onnx")
    _age(tmp_path / "m.onnx")
    found = [model_hash(tmp_path / name / "m.onnx", tmp_path / "memo").sha256 for name in ("one", "two")]
    assert found[0] != found[1]


def test_an_engine_of_one_file_has_the_hash_of_that_file(tmp_path: Path) -> None:
    engine, data = tmp_path / "engine", tmp_path / "data"
    engine.write_bytes(b"one")
    data.write_bytes(b"two")
    assert engine_hash([engine], None) == hashlib.sha256(b"one").hexdigest()
    assert engine_hash([engine, data], tmp_path / "memo") == hashlib.sha256(b"onetwo").hexdigest()


def test_a_memo_that_cannot_be_written_or_read_costs_only_time(write_model: WriteModel, tmp_path: Path) -> None:
    path, memo = write_model(), tmp_path / "memo"
    memo.write_text("a file in its place")
    first = model_hash(path, memo).sha256
    memo.unlink()
    model_hash(path, memo)
    for entry in memo.iterdir():
        entry.write_text("{")
    assert model_hash(path, memo).sha256 == first


@pytest.mark.parametrize(("modified_ns", "settled"), [(1_000_000_001, True), (1_000_000_000, False)])
def test_whole_seconds_mean_a_coarse_clock(modified_ns: int, settled: bool) -> None:
    state = FileState("/f", 1, modified_ns, modified_ns)
    assert Hashed("", (state,), modified_ns + 2_000_000_000).is_settled is settled
