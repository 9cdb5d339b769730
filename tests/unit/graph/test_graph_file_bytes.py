"""Bytes of files that are hopped through."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet_bench.core.errors import ModelError
from alexnet_bench.graph import wire
from alexnet_bench.graph.file_bytes import Blocks, blocks

CONTENT = bytes(index * 7 % 251 for index in range(10_000))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blocks") / "content"
    path.write_bytes(CONTENT)
    return path


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 9000))))
def test_they_are_the_bytes_of_the_file(file: Path, places: list[tuple[int, int]]) -> None:
    with file.open("rb", buffering=0) as stream:
        content = Blocks(stream)
        assert len(content) == len(CONTENT)
        for at, length in places:
            assert content[at] == CONTENT[at]
            assert content[at : at + length] == CONTENT[at : at + length]


def test_small_files_are_read_at_once_and_large_ones_are_not(file: Path, tmp_path: Path) -> None:
    with blocks(file) as content:
        assert bytes(content[:]) == CONTENT
        assert isinstance(content, memoryview)
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(1 << 30)
    with blocks(large) as content:
        assert isinstance(content, Blocks)


def test_what_is_hopped_over_is_not_read(tmp_path: Path) -> None:
    weights = b"\x4a\x80\x80\x80\x05" + bytes(10 << 20)  # raw_data of 10 MiB
    tensor = b"\x2a\x85\x80\x80\x05" + weights  # an initialiser of the graph
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x08\x3a\x8a\x80\x80\x05" + tensor)
    with path.open("rb", buffering=0) as raw:
        stream = Counting(raw)
        stripped = wire.strip_tensor_data(Blocks(stream))
    assert [end - start for start, end in stripped.data_spans] == [10 << 20]
    assert stream.bytes_read < 20_000


class Counting(io.FileIO):
    """A file that counts what is read of it."""

    bytes_read = 0

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw.fileno(), closefd=False)

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.bytes_read += len(content)
        return content


def test_a_file_that_becomes_shorter_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read: it became shorter"):
        _read_after_it_was_emptied(path)


def _read_after_it_was_emptied(path: Path) -> int:
    with blocks(path) as content:
        path.write_bytes(b"")
        return content[5000]
