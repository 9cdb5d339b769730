"""What is told of a build in another process while it writes how far it is."""

from __future__ import annotations

import time
from pathlib import Path

from alexnet_bench.workflows.engines.shown import shown


def _wait_for(told: list[str], number: int) -> None:
    end = time.monotonic() + 20
    while len(told) < number:
        assert time.monotonic() < end, told
        time.sleep(0.01)


def test_a_line_is_told_when_it_is_whole(tmp_path: Path) -> None:
    log, told = tmp_path / "progress.txt", list[str]()
    with shown(log, told.append):
        log.write_bytes(b"one\ntw\xe2\x96")  # within a character
        _wait_for(told, 1)
        with log.open("ab") as stream:
            stream.write(b"\x81\n\xff\n")
        _wait_for(told, 2)
    assert told == ["building: one", "building: \ufffd"]
