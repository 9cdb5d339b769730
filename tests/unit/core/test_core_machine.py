from __future__ import annotations

import os
from pathlib import Path

import pytest

from alexnet_bench.core import machine


def _with_quota(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, cores: int = 8) -> int:
    path = tmp_path / "cpu.max"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(machine, "_CGROUP", path)
    monkeypatch.setattr(machine, "_sibling_group", str)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    return machine.usable_cores()


@pytest.mark.parametrize(
    ("content", "cores"),
    [
        ("max 100000\n", 8),
        ("400000 100000\n", 4),
        ("250000 100000\n", 2),
        ("50000 100000\n", 1),
        ("0 100000\n", 1),
        ("1600000 100000\n", 8),
        ("", 8),
        ("garbage here\n", 8),
        ("100000 0\n", 8),
        (None, 8),
    ],
)
def test_cores_stay_within_the_quota_of_the_control_group(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, cores: int
) -> None:
    assert _with_quota(monkeypatch, tmp_path, content) == cores


def test_siblings_of_a_core_count_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path / "none")
    monkeypatch.setattr(machine, "_sibling_group", lambda cpu: f"{cpu // 2}")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 6})
    assert machine.usable_cores() == 3
    assert machine.usable_cpus() == 5
    assert machine.affinity() == (0, 1, 2, 3, 6)


def test_affinity_is_respected() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert machine.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert 1 <= machine.usable_cores() <= len(allowed)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [(["32K", "1024K", "32M"], 32 << 20), ([], 32 << 20), (["", "junk"], 32 << 20), (["512"], 512)],
)
def test_the_largest_cache_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sizes: list[str], expected: int
) -> None:
    for index, size in enumerate(sizes):
        folder = tmp_path / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(f"{size}\n")
    monkeypatch.setattr(machine, "_CPU0", tmp_path)
    assert machine.last_level_cache_bytes() == expected


def test_this_machine_is_described() -> None:
    assert machine.cpu_model()
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    assert machine.memory_bytes() == int(total.split()[1]) * 1024
    load = machine.load_average()
    assert load is not None
    assert load >= 0
