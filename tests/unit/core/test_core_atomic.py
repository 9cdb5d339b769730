from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alexnet_bench.core.atomic import check_writable, copy_file, write_bytes
from alexnet_bench.core.errors import OutputError

_PACKAGE_ROOT = str(Path(sys.modules["alexnet_bench"].__file__ or "").parents[1])
_ENVIRONMENT = {**os.environ, "PYTHONPATH": _PACKAGE_ROOT}

_WRITES_WITHOUT_END = """
import sys
from pathlib import Path
from alexnet_bench.core.atomic import write_bytes
contents = [letter * 3_000_000 for letter in (b"a", b"b")]
while True:
    for content in contents:
        write_bytes(Path(sys.argv[1]), content)
        print("written", flush=True)
"""

_WRITES_MORE_THAN_IT_MAY = """
import resource, signal, sys
from pathlib import Path
from alexnet_bench.core.atomic import write_bytes
from alexnet_bench.core.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes(Path(sys.argv[1]), b"n" * 5000)
except OutputError as error:
    print(error.message)
"""


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_bytes(path, b"old")
    write_bytes(path, "größer".encode())
    assert path.read_text(encoding="utf-8") == "größer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_run_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for wait_s in (0.0, 0.003, 0.007):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITES_WITHOUT_END, path], stdout=subprocess.PIPE, env=_ENVIRONMENT
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"written\n"
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert content in (b"a" * 3_000_000, b"b" * 3_000_000)


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", _WRITES_MORE_THAN_IT_MAY, path],
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot be written: File too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "out", b"x")
        copy_file(tmp_path / "out", tmp_path / "copy")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out", "copy")] == [mode, mode]


def test_a_copy_replaces_what_a_link_names_in_one_step(tmp_path: Path) -> None:
    source, old, link = (tmp_path / name for name in ("source", "old", "link"))
    source.write_bytes(b"new")
    old.write_bytes(b"old")
    link.symlink_to(old)
    with old.open("rb") as opened:
        copy_file(source, link)
        assert (opened.read(), old.read_bytes(), link.is_symlink()) == (b"old", b"new", True)
    with pytest.raises(OutputError, match=r"old cannot be written: No such file or directory"):
        copy_file(tmp_path / "none", old)
    assert old.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "old", "source"]


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "1.json").write_bytes(b"old")
    latest = tmp_path / "latest.json"
    latest.symlink_to("runs/1.json")
    check_writable(latest)
    write_bytes(latest, b"new")
    assert latest.is_symlink()
    assert (runs / "1.json").read_bytes() == b"new"


def test_a_link_to_nothing_yet_makes_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"new"


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "a")


def _unwritable(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    (tmp_path / "link").symlink_to("nowhere/target")
    return {
        "folder": (tmp_path, "is a folder"),
        "missing folder": (tmp_path / "no" / "out", "does not exist"),
        "file for a folder": (Path("/dev/null/out"), "cannot be written: Not a directory"),
        "no files here": (Path("/proc/out.json"), "cannot be written"),
        "name too long": (tmp_path / ("n" * 300), "cannot be written: File name too long"),
        "null": (tmp_path / "a\0b", "cannot be written: .*embedded null"),
        "link into a missing folder": (tmp_path / "link", "does not exist"),
    }


_UNWRITABLE = (
    "folder",
    "missing folder",
    "file for a folder",
    "no files here",
    "name too long",
    "null",
    "link into a missing folder",
)


@pytest.mark.parametrize("case", _UNWRITABLE)
def test_what_cannot_be_written_is_refused_before_and_while_writing(tmp_path: Path, case: str) -> None:
    path, message = _unwritable(tmp_path)[case]
    with pytest.raises(OutputError, match=message) as before:
        check_writable(path)
    with pytest.raises(OutputError, match=message) as while_writing:
        write_bytes(path, b"x")
    assert before.value.hint
    assert while_writing.value.hint
    assert not list(tmp_path.glob(".*"))


def test_a_long_name_that_fits_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_permissions_are_respected(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o444)
    with pytest.raises(OutputError, match="is not writable"):
        check_writable(tmp_path / "file")
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError, match="Permission denied"):
        check_writable(tmp_path / "new")


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    check_writable(tmp_path / "old")
    check_writable(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_a_full_device_is_an_error() -> None:
    check_writable(Path("/dev/full"))
    with pytest.raises(OutputError, match="No space left"):
        write_bytes(Path("/dev/full"), b"x")


def test_devices_and_pipes_are_written_to(tmp_path: Path) -> None:
    write_bytes(Path("/dev/null"), b"x")
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_bytes(pipe, b"through")
    reader.join(timeout=10)
    assert read == [b"through"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("to_file", [False, True])
def test_standard_output_by_its_path(tmp_path: Path, to_file: bool) -> None:
    code = "\n".join(
        (
            "from pathlib import Path",
            "from alexnet_bench.core.atomic import check_writable, write_bytes",
            "check_writable(Path('/dev/stdout'))",
            "write_bytes(Path('/dev/stdout'), b'here')",
        )
    )
    target = tmp_path / "out"
    with target.open("wb") as stream:
        subprocess.run(
            [sys.executable, "-c", code],
            env=_ENVIRONMENT,
            stdout=stream if to_file else subprocess.PIPE,
            check=True,
        )
    assert target.read_bytes() == (b"here" if to_file else b"")
