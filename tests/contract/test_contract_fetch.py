"""What `make contract-check` fetches, and what it says where it cannot."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.contract.__main__ import PINNED, fetch
from tests.contract.test_contract_tensorrt import FETCHED


def test_one_wheel_is_pinned_for_each_flavour() -> None:
    names = [f"{wheel.replace('-', '_').replace('==', '-')}-cp312.whl" for wheel in PINNED]
    assert len(names) == len(FETCHED)
    assert all(sum(fnmatch(name, pattern) for name in names) == 1 for pattern in FETCHED.values())


def test_an_index_that_cannot_be_reached_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("INDEX_URL", "http://127.0.0.1:9/"), ("EXTRA_INDEX_URL", ""), ("FIND_LINKS", "")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    why = fetch("tensorrt-cu13-bindings==10.16.1.11", tmp_path)
    assert why.startswith("ERROR: No matching distribution found for tensorrt-cu13-bindings")
    assert "\n" not in why
    assert list(tmp_path.iterdir()) == []
