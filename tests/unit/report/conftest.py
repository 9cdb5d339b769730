"""Real profiles to render, and goldens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet_bench.core import document
from alexnet_bench.core.profile import Profile

_DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def read() -> Callable[[str], Profile]:
    """A committed profile by name."""

    def read_profile(name: str) -> Profile:
        found = document.read(_DATA / "profiles" / f"{name}.json")
        assert isinstance(found, Profile)
        return found

    return read_profile


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares text with tests/data/goldens/NAME, or writes it there when UPDATE_GOLDENS is set."""

    def check(name: str, text: str) -> None:
        path = _DATA / "goldens" / name
        if os.environ.get("UPDATE_GOLDENS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), "if that is meant: UPDATE_GOLDENS=1 pytest tests/unit/report"

    return check


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
