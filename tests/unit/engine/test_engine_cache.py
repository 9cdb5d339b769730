from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import alexnet_bench
from alexnet_bench.core.errors import ModelError, OutputError
from alexnet_bench.core.uses import claim, in_use, unused
from alexnet_bench.engine import cache
from alexnet_bench.engine.cache import PASSPORT_FILE, kept_engines, obtain, prune
from alexnet_bench.engine.locks import lock_path, locked

_KEY = "ab" * 32

_BUILDER = """
import sys, time
from pathlib import Path
from alexnet_bench.engine.cache import obtain

root, log, seconds, rebuild = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "rebuild"

def note(text):
    with log.open("a") as stream:
        stream.write(text + "\\n")

def build(folder):
    note("begun")
    (folder / "engine.onnx").write_bytes(b"half")
    time.sleep(seconds)
    (folder / "engine.onnx").write_bytes(b"engine")
    (folder / "passport.json").write_text("{}")

folder, hit = obtain(root, "ab" * 32, build, rebuild=rebuild, waiting=lambda: note("waiting"))
note("hit" if hit else "built")
"""


def _builder(root: Path, log: Path, seconds: float, *, rebuild: bool = False) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1])}
    arguments = [str(root), str(log), str(seconds), "rebuild" if rebuild else ""]
    return subprocess.Popen([sys.executable, "-c", _BUILDER, *arguments], env=environment)


def _wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while not log.is_file() or text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text() if log.is_file() else "nothing"
        time.sleep(0.01)


def _fill(folder: Path) -> None:
    (folder / "engine.onnx").write_bytes(b"engine")
    (folder / PASSPORT_FILE).write_text("{}")


def _never() -> None:
    pytest.fail("nobody is to be waited for")


def _hidden(root: Path) -> list[str]:
    return [path.name for path in root.glob(".*")]


def test_the_second_time_is_a_hit(tmp_path: Path) -> None:
    root = tmp_path / "engines"
    assert obtain(root, _KEY, _fill, waiting=_never) == (root / _KEY, False)
    assert obtain(root, _KEY, lambda _: pytest.fail("built twice"), waiting=_never) == (root / _KEY, True)
    assert _hidden(root) == []


def test_a_rebuild_replaces_the_engine(tmp_path: Path) -> None:
    folder, _ = obtain(tmp_path, _KEY, _fill, waiting=_never)
    (folder / "old").touch()
    assert obtain(tmp_path, _KEY, _fill, rebuild=True, waiting=_never) == (folder, False)
    assert not (folder / "old").exists()
    assert _hidden(tmp_path) == []


def test_a_failed_build_leaves_what_was_there(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        _fill(folder)
        raise ModelError("no")

    with pytest.raises(ModelError):
        obtain(tmp_path, _KEY, fail, waiting=_never)
    assert list(tmp_path.iterdir()) == []
    obtain(tmp_path, _KEY, _fill, waiting=_never)
    with pytest.raises(ModelError):
        obtain(tmp_path, _KEY, fail, rebuild=True, waiting=_never)
    assert [path.name for path in tmp_path.iterdir()] == [_KEY]


@pytest.mark.parametrize("rebuild", [False, True])
def test_two_processes_build_one_engine_once(tmp_path: Path, rebuild: bool) -> None:
    root, log = tmp_path / "engines", tmp_path / "log"
    first = _builder(root, log, 1.0, rebuild=rebuild)
    _wait_for(log, "begun")
    second = _builder(root, log, 1.0, rebuild=rebuild)
    assert (first.wait(30), second.wait(30)) == (0, 0)
    assert sorted(log.read_text().split()) == ["begun", "built", "hit", "waiting"]
    assert (root / _KEY / "engine.onnx").read_bytes() == b"engine"
    assert _hidden(root) == []


def test_a_killed_build_leaves_nothing_that_is_taken_for_an_engine(tmp_path: Path) -> None:
    root, log = tmp_path / "engines", tmp_path / "log"
    process = _builder(root, log, 60.0)
    _wait_for(log, "begun")
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert not (root / _KEY).exists()
    assert _hidden(root) != []
    assert kept_engines(root) == []
    assert obtain(root, "cd" * 32, _fill, waiting=_never)[1] is False  # another engine, whose build cleans up
    assert _hidden(root) == []
    assert obtain(root, _KEY, _fill, waiting=_never)[1] is False


def test_who_waits_for_a_builder_that_is_killed_builds(tmp_path: Path) -> None:
    root, log = tmp_path / "engines", tmp_path / "log"
    first = _builder(root, log, 60.0)
    _wait_for(log, "begun")
    second = _builder(root, log, 0.0)
    _wait_for(log, "waiting")
    first.kill()
    first.wait(30)
    assert second.wait(30) == 0
    assert log.read_text().split() == ["begun", "waiting", "begun", "built"]
    assert (root / _KEY / "engine.onnx").read_bytes() == b"engine"


def test_what_is_being_built_is_neither_swept_nor_pruned(tmp_path: Path) -> None:
    root, log = tmp_path / "engines", tmp_path / "log"
    obtain(root, _KEY, _fill, waiting=_never)
    process = _builder(root, log, 1.0, rebuild=True)
    _wait_for(log, "begun")
    assert prune(root, 0) == []
    assert process.wait(30) == 0
    assert "built" in log.read_text()
    assert (root / _KEY / "engine.onnx").read_bytes() == b"engine"


def _engines(root: Path, *names: str) -> list[str]:
    keys = [name * 32 for name in names]
    for age, key in enumerate(keys):
        folder, _ = obtain(root, key, _fill, waiting=_never)
        os.utime(folder, (1000 + age, 1000 + age))
    return keys


def test_pruning_takes_what_was_used_longest_ago(tmp_path: Path) -> None:
    old, middle, new = _engines(tmp_path, "aa", "bb", "cc")
    assert [kept.key for kept in kept_engines(tmp_path)] == [new, middle, old]
    obtain(tmp_path, old, _fill, waiting=_never)  # used again
    assert [kept.key for kept in prune(tmp_path, 16)] == [middle]
    assert [kept.key for kept in prune(tmp_path, 8)] == [new]
    assert [kept.key for kept in kept_engines(tmp_path)] == [old]
    assert _hidden(tmp_path) == []


def test_pruning_keeps_what_it_is_told_to(tmp_path: Path) -> None:
    old, new = _engines(tmp_path, "aa", "bb")
    assert [kept.key for kept in prune(tmp_path, 0, keep=old)] == [new]
    assert [kept.key for kept in kept_engines(tmp_path)] == [old]


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    _engines(tmp_path, "aa")
    assert [kept.size_bytes for kept in kept_engines(tmp_path)] == [len(b"engine") + len("{}")]


def test_a_lock_is_held_by_one_and_leaves_no_file(tmp_path: Path) -> None:
    with locked(tmp_path, _KEY, busy=None) as mine:
        assert mine
        with locked(tmp_path, _KEY, busy=None) as other:
            assert not other
        assert lock_path(tmp_path, _KEY).is_file()  # giving up does not take the lock of another away
    assert not lock_path(tmp_path, _KEY).exists()


def _foreign_leftover(root: Path) -> Path:
    """What a killed build of another user left, whose lock nobody else may open: a loop of links refuses root too."""
    leftover = root / f".{_KEY}.partial"
    leftover.mkdir(parents=True)
    lock_path(root, _KEY).symlink_to(lock_path(root, _KEY).name)
    return leftover


def test_what_may_not_be_locked_is_left_alone_and_blocks_no_other_build(tmp_path: Path) -> None:
    leftover = _foreign_leftover(tmp_path)
    assert obtain(tmp_path, "cd" * 32, _fill, waiting=_never) == (tmp_path / ("cd" * 32), False)
    assert [kept.key for kept in prune(tmp_path, 0)] == ["cd" * 32]
    assert leftover.is_dir()
    with pytest.raises(OutputError, match="cannot be locked: Too many levels of symbolic links"):
        obtain(tmp_path, _KEY, _fill, waiting=_never)


def test_an_engine_that_may_not_be_locked_is_not_pruned(tmp_path: Path) -> None:
    first, second = _engines(tmp_path, "aa", "bb")
    lock_path(tmp_path, first).symlink_to(lock_path(tmp_path, first).name)
    assert [kept.key for kept in prune(tmp_path, 0)] == [second]
    with pytest.raises(OutputError):
        cache.remove(tmp_path, kept_engines(tmp_path)[0])


def test_a_lock_that_may_only_be_read_is_locked(tmp_path: Path) -> None:
    lock_path(tmp_path, _KEY).mkdir()  # which nobody can open to write, or unlink
    with locked(tmp_path, _KEY, busy=None) as mine, locked(tmp_path, _KEY, busy=None) as other:
        assert (mine, other) == (True, False)


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(OutputError):
        obtain(place, _KEY, _fill, waiting=_never)

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError) as caught:
        obtain(tmp_path, _KEY, full, waiting=_never)
    assert "No space left" in caught.value.message
    assert "cache prune" in caught.value.hint


def test_a_folder_without_a_passport_is_no_engine(tmp_path: Path) -> None:
    (tmp_path / _KEY).mkdir()
    assert kept_engines(tmp_path) == []
    assert cache.DEFAULT_MAX_BYTES == 10 << 30


_USER = """
import sys, time
from pathlib import Path
from alexnet_bench.core.uses import claim, in_use

with in_use():
    claim(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text("claimed")
    time.sleep(60)
"""


def test_what_another_process_uses_is_not_pruned_until_it_is_killed(tmp_path: Path) -> None:
    root, log = tmp_path / "engines", tmp_path / "log"
    folder, _ = obtain(root, _KEY, _fill, waiting=_never)
    environment = {**os.environ, "PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", _USER, str(folder), str(log)], env=environment)
    try:
        _wait_for(log, "claimed")
        assert prune(root, 0) == []
        assert obtain(root, _KEY, _fill, rebuild=True, waiting=_never) == (folder, False)  # waits for no user
    finally:
        process.kill()
        process.wait(30)
    assert [kept.key for kept in prune(root, 0)] == [_KEY]
    assert _hidden(root) == []


def test_several_use_one_engine_and_each_keeps_it(tmp_path: Path) -> None:
    folder, _ = obtain(tmp_path, _KEY, _fill, waiting=_never)
    with in_use():
        obtain(tmp_path, _KEY, _fill, waiting=_never)
        with in_use():
            claim(folder)
        with unused(folder) as is_free:  # what is within keeps it until the end of the whole
            assert not is_free
        assert prune(tmp_path, 0) == []
    assert _hidden(tmp_path) == []
    assert [kept.key for kept in prune(tmp_path, 0)] == [_KEY]


def test_an_engine_that_is_named_often_is_claimed_once(tmp_path: Path) -> None:
    folder, _ = obtain(tmp_path, _KEY, _fill, waiting=_never)
    with in_use():
        claim(folder)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            claim(folder)
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_engine_is_claimed_in_no_folder_that_takes_no_files(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    with in_use():
        claim(place / _KEY)
    with unused(place / _KEY) as is_free:
        assert is_free


def test_who_finds_an_engine_while_it_is_removed_builds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = obtain(tmp_path, _KEY, _fill, waiting=_never)
    (kept,) = kept_engines(tmp_path)

    def removed_first(_: Path) -> None:
        monkeypatch.undo()
        assert cache.remove(tmp_path, kept)

    monkeypatch.setattr(cache, "claim", removed_first)
    assert obtain(tmp_path, _KEY, _fill, waiting=_never) == (folder, False)
    assert (folder / PASSPORT_FILE).is_file()
