from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from alexnet_bench.core import scratch

_HOLD = "from alexnet_bench.core.scratch import ScratchFolder as S; import time; s = S(); print(s.name, flush=True); "


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._sweep.cache_clear()


def _left_by_another(tmp_path: Path, *, killed: bool) -> tuple[Path, subprocess.Popen[str]]:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD + "time.sleep(60)"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    with process.stdout as stream:
        folder = Path(stream.readline().strip())
    (folder / "big.npy").write_bytes(bytes(100))
    if killed:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _age(folder)
    return folder, process


def _age(folder: Path) -> None:
    before = time.time() - 3600
    os.utime(folder, (before, before))


def test_a_folder_goes_with_its_end(tmp_path: Path) -> None:
    with scratch.ScratchFolder() as name:
        Path(name, "file").write_text("x")
        assert Path(name).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder, _ = _left_by_another(tmp_path, killed=True)
    assert (folder / "big.npy").exists()
    with scratch.ScratchFolder():
        assert not folder.exists()


def test_what_a_living_process_holds_stays(tmp_path: Path) -> None:
    folder, process = _left_by_another(tmp_path, killed=False)
    try:
        with scratch.ScratchFolder():
            assert (folder / "big.npy").exists()
    finally:
        process.kill()
        process.wait()


def test_what_is_young_without_a_lock_or_a_link_stays(tmp_path: Path) -> None:
    young, other, bare = (tmp_path / f"alexnet-bench-{name}" for name in ("young", "other", "bare"))
    young.mkdir()
    (young / ".in-use").touch()
    bare.mkdir()
    _age(bare)
    other.symlink_to(tmp_path)
    with scratch.ScratchFolder():
        assert young.is_dir()
        assert bare.is_dir()
        assert other.is_symlink()


def _told(code: str, *before: str, tmp_path: Path) -> str:
    """What becomes of an error in the `with` of a folder, in a process of its own, behind limits."""
    start = "from alexnet_bench.core.scratch import ScratchFolder as S; from pathlib import Path; import numpy as np\n"
    script = f"{start}try:\n with S() as name:\n  {code}\nexcept Exception as e: print(type(e).__name__, e, e.hint)\n"
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), "CODE": script}
    shell = " && ".join((*before, f'"{sys.executable}" -c "$CODE"'))
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell], env=environment, capture_output=True, text=True, check=False
    )
    if "unshare" in found.stderr or "mount" in found.stderr:
        pytest.skip("no file system of its own can be had here")
    return found.stdout


@pytest.mark.parametrize(
    "code",
    [
        "Path(name, 'a').write_bytes(bytes(1 << 20))",
        "np.save(Path(name, 'a'), np.zeros(1 << 20))",  # an error without a number
        "Path(name, 'a').touch(); from alexnet_bench.core.errors import BackendRefusal as R; raise R('Failed')",
    ],
)
def test_a_full_temporary_folder_is_named_whatever_failed(tmp_path: Path, code: str) -> None:
    said = _told(code, 'mount -t tmpfs -o size=300k none "$TMPDIR"', tmp_path=tmp_path)
    assert said.startswith(f"OutputError the temporary folder {tmp_path} is full make room, or set TMPDIR"), said


def test_a_limit_of_the_size_of_files_is_told_as_one(tmp_path: Path) -> None:
    said = _told("np.save(Path(name, 'a'), np.zeros(1 << 20))", "ulimit -f 4096", tmp_path=tmp_path)
    blocks = [f"OutputError files may not become larger than {4096 * size:,} bytes" for size in (512, 1024)]
    assert said.startswith(tuple(blocks)), said  # shells differ in what a block is
    assert "ulimit -f unlimited" in said


def test_an_error_that_is_not_for_want_of_room_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="other") as caught, scratch.ScratchFolder():
        raise OSError("other")
    assert type(caught.value) is OSError
    assert list(tmp_path.iterdir()) == []
