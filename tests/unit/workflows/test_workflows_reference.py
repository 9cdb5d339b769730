"""Reference networks as files: in the cache, written again where they are damaged, elsewhere where it takes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import alexnet_bench
from alexnet_bench.core.errors import OutputError
from alexnet_bench.network import architectures
from alexnet_bench.workflows import reference
from alexnet_bench.workflows.reference import reference_file

LENET = architectures.get("lenet-5")


def kept(folder: Path, notes: list[str] | None = None) -> Path:
    return reference_file(LENET, folder=folder, seed=0, init="he", progress=(notes if notes is not None else []).append)


@pytest.mark.parametrize("name", architectures.names())
def test_what_was_written_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    network = architectures.get(name)
    path = reference_file(network, folder=tmp_path, seed=0, init="he")
    written = path.stat()
    assert reference_file(network, folder=tmp_path, seed=0, init="he") == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def other_network(content: bytes) -> bytes:
    return content.replace(b"AveragePool", b"AveragePoof")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"no model",
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: bytes(len(content)),
        lambda content: content + b"x",
        other_network,
    ],
    ids=["empty", "text", "one byte less", "cut", "zeros", "more", "another graph"],
)
def test_a_damaged_file_is_written_again(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = kept(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert kept(tmp_path) == path
    assert path.read_bytes() == whole


def test_weights_that_lack_data_are_written_again(tmp_path: Path) -> None:
    import onnx

    path = kept(tmp_path)
    whole = path.read_bytes()
    model = onnx.load(path)
    model.graph.initializer[-1].raw_data = model.graph.initializer[-1].raw_data[:-4]
    onnx.save(model, path)
    kept(tmp_path)
    assert path.read_bytes() == whole


def test_a_cache_that_takes_nothing_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    notes: list[str] = []
    path = kept(blocked / "cache", notes)
    assert path.read_bytes() == kept(tmp_path / "cache").read_bytes()
    assert len(notes) == 1
    assert notes[0].startswith("lenet-5 is kept in a temporary folder until this ends: the folder ")
    assert kept(blocked / "cache", notes) == path
    assert len(notes) == 1


def test_the_temporary_folder_goes_with_the_process(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    code = "from alexnet_bench.workflows.resolve import resolve; print(resolve('lenet-5').path)"
    environment = os.environ | {
        "PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1]),
        "XDG_CACHE_HOME": "/dev/null",
        "TMPDIR": str(tmp_path / "tmp"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(tmp_path / "tmp"))
    assert done.stderr == ""
    assert not list((tmp_path / "tmp").iterdir())


def test_where_neither_place_takes_it_both_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setattr(reference, "_passing_folder", lambda: blocked)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError) as caught:
        kept(blocked / "cache")
    assert "set XDG_CACHE_HOME to a writable folder" in caught.value.hint
    assert "TMPDIR" in caught.value.hint
