from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_bench.core import workspace
from alexnet_bench.core.errors import AlexnetBenchError, UsageError
from alexnet_bench.core.workspace import WORKSPACE_FILE, cache_dir, find_workspace, shipped_data


def test_the_nearest_workspace_upwards_is_found(tmp_path: Path) -> None:
    outer, inner = tmp_path, tmp_path / "a" / "b"
    deep = inner / "c" / "d"
    deep.mkdir(parents=True)
    (outer / WORKSPACE_FILE).touch()
    assert find_workspace(deep) == outer
    (inner / WORKSPACE_FILE).touch()
    assert find_workspace(deep) == inner
    assert find_workspace(inner) == inner


def test_a_file_or_a_missing_folder_is_a_start(tmp_path: Path) -> None:
    (tmp_path / WORKSPACE_FILE).touch()
    model = tmp_path / "model.onnx"
    model.touch()
    assert find_workspace(model) == tmp_path
    assert find_workspace(tmp_path / "not" / "there") == tmp_path


def test_folder_names_alone_never_make_a_workspace(tmp_path: Path) -> None:
    for name in ("engines", "profiles/devices", "calibration", WORKSPACE_FILE):
        (tmp_path / name).mkdir(parents=True)
    assert find_workspace(tmp_path) is None


def test_a_relative_start_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / WORKSPACE_FILE).touch()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert find_workspace(Path()) == tmp_path


def test_an_unreadable_folder_does_not_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / WORKSPACE_FILE).touch()
    locked = tmp_path / "locked"
    is_file = Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent == locked:
            raise PermissionError
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert find_workspace(locked) == tmp_path


def test_the_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "alexnet-bench"
    assert not cache_dir().exists()


@pytest.mark.parametrize("value", [None, "", "relative/folder"])
def test_the_cache_is_under_home_without_an_absolute_xdg(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_dir() == tmp_path / ".cache" / "alexnet-bench"


def test_no_home_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(UsageError) as caught:
        cache_dir()
    assert "XDG_CACHE_HOME" in caught.value.hint


def test_the_package_ships_its_devices() -> None:
    assert (shipped_data("devices") / "gtx-580.toml").is_file()


def _installation(root: Path, *folders: str) -> Path:
    package = root / "toolkit" / "alexnet_bench"
    for folder in (package, *(root / name for name in folders)):
        folder.mkdir(parents=True, exist_ok=True)
    return package


def test_data_in_the_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _installation(tmp_path, "toolkit/alexnet_bench/data/devices", "profiles/devices")
    monkeypatch.setattr(workspace, "_PACKAGE", package)
    assert shipped_data("devices") == package / "data" / "devices"


def test_a_checkout_has_its_data_at_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_PACKAGE", _installation(tmp_path, "profiles/devices"))
    assert shipped_data("devices") == tmp_path / "profiles" / "devices"


def test_missing_data_says_how_to_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_PACKAGE", _installation(tmp_path))
    with pytest.raises(AlexnetBenchError) as caught:
        shipped_data("devices")
    assert caught.value.exit_code == 5
    assert "install alexnet-bench again" in caught.value.hint
