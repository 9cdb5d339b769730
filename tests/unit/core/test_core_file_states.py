from __future__ import annotations

import os
from pathlib import Path

import pytest

from alexnet_bench.core.errors import BackendRefusal, ModelError
from alexnet_bench.core.file_states import check_unchanged, states_of, unchanged


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m\x1b.onnx"
    path.write_bytes(b"old")
    return path


def test_a_file_that_is_read_or_has_its_rights_changed_is_as_it_was(file: Path) -> None:
    states = states_of([file, file.with_name("none")])
    file.read_bytes()
    file.chmod(0o600)
    check_unchanged(states)


@pytest.mark.parametrize("change", ["written", "replaced", "gone", "longer, of the same time"])
def test_a_file_that_changes_is_named(file: Path, change: str) -> None:
    states, time = states_of([file]), file.stat().st_mtime_ns
    if change == "written":
        file.write_bytes(b"new")
        os.utime(file, ns=(time + 1, time + 1))
    elif change == "replaced":
        other = file.with_name("other")
        other.write_bytes(b"new")
        os.utime(other, ns=(time + 1, time + 1))
        other.replace(file)
    elif change == "gone":
        file.unlink()
    else:
        file.write_bytes(b"longer")
        os.utime(file, ns=(time, time))
    with pytest.raises(ModelError, match=r"m\\x1b.onnx changed while it was read") as caught:
        check_unchanged(states)
    assert caught.value.hint == "run the command again"


def test_a_file_that_comes_has_changed(tmp_path: Path) -> None:
    states = states_of([tmp_path / "w.data"])
    (tmp_path / "w.data").write_bytes(b"")
    with pytest.raises(ModelError, match="changed"):
        check_unchanged(states)


def test_an_error_is_put_down_to_a_change_and_stays_without_one(file: Path) -> None:
    def read(*, replaced: bool) -> None:
        with unchanged(states_of([file])):
            if replaced:
                file.unlink()
            raise BackendRefusal("not a protobuf")

    with pytest.raises(BackendRefusal):
        read(replaced=False)
    with pytest.raises(ModelError, match="changed"):
        read(replaced=True)


def test_what_was_read_of_a_file_that_changed_is_not_believed(file: Path) -> None:
    with pytest.raises(ModelError, match="changed"), unchanged(states_of([file])):
        file.write_bytes(b"other")
