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
