from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.backends.onnxruntime.engines import engine_folder
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.passport import encode_passport, read_passport
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.workspace import contests_cache, engines_root, memo_folder
from alexnet_bench.engine import cache as engines
from alexnet_bench.engine.key import Place
from alexnet_bench.engine.loading import find_engine
from alexnet_bench.engine.plan import timings_file
from alexnet_bench.workflows.cache import list_cache, prune_cache
from alexnet_bench.workflows.resolve import resolve

_ORT = "onnxruntime-cpu"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one engine, used last, and the network that it was built from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build_engine("lenet-5", options=BuildOptions(backend=_ORT))
    (network,) = (tmp_path / "alexnet-bench" / "networks").iterdir()
    os.utime(network, (1000, 1000))
    return tmp_path / "alexnet-bench"


def test_the_cache_lists_engines_and_networks(own_cache: Path) -> None:
    engine, network = list_cache().entries
    assert (engine.kind, engine.model, engine.recipe) == ("engine", "lenet-5", "onnxruntime-cpu-fp32")
    assert engine.reasons_against == ()
    assert engine.size_bytes == sum(path.stat().st_size for path in Path(engine.path).iterdir())
    assert (network.kind, network.last_used) == ("network", "1970-01-01T00:16:40+00:00")
    assert Path(network.path).parent == own_cache / "networks"


def test_it_says_why_an_engine_is_of_no_use(own_cache: Path) -> None:
    (kept,) = engines.kept_engines(engines_root())
    file = kept.folder / engines.PASSPORT_FILE
    file.write_bytes(encode_passport(replace(read_passport(file), backend_version="0.1")))
    assert list_cache().entries[0].reasons_against[0].startswith("stale: built with onnxruntime-cpu 0.1")
    file.write_text("{")
    assert list_cache().entries[0].reasons_against[0].startswith("damaged")
    assert own_cache.is_dir()


def test_pruning_takes_what_was_used_longest_ago_first(own_cache: Path) -> None:
    engine, network = list_cache().entries
    assert prune_cache(engine.size_bytes + network.size_bytes).removed == ()
    listing = prune_cache(engine.size_bytes)
    assert (listing.removed, listing.entries) == ((network,), (engine,))
    assert list_cache().entries == (engine,)
    assert prune_cache(0).removed == (engine,)
    assert list(engines_root().iterdir()) == []
    assert not memo_folder().exists()
    assert own_cache.is_dir()


def test_what_a_killed_export_left_goes_and_one_under_way_stays(own_cache: Path) -> None:
    left, young, held = (own_cache / "networks" / f".lenet-5-he-0.onnx.{name}" for name in ("left", "young", "held"))
    with held.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        for path in (left, young):
            path.write_bytes(bytes(100))
        for path in (left, held):
            os.utime(path, (1000, 1000))
        prune_cache()
        assert [path.exists() for path in (left, young, held)] == [False, True, True]
        os.utime(young, (1000, 1000))
        (own_cache / "networks" / Path(list_cache().entries[-1].path).name).unlink()
        build_engine("lenet-5", options=BuildOptions(backend=_ORT))  # exports it anew
        assert [path.exists() for path in (young, held)] == [False, True]


def test_what_runtimes_keep_is_listed_and_pruned(own_cache: Path) -> None:
    folder = own_cache / "runtimes" / "onnxruntime-tensorrt" / "a-model-0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "part.engine").write_bytes(bytes(1000))
    (folder / "sm90.timing").write_bytes(bytes(24))
    os.utime(folder, (500, 500))
    engine, network, kept = list_cache().entries
    assert (kept.kind, kept.model, kept.backend, kept.size_bytes) == (
        "runtime",
        "a-model",
        "onnxruntime-tensorrt",
        1024,
    )
    assert kept.last_used.startswith("1970-01-01T00:08:20")
    assert prune_cache(engine.size_bytes + network.size_bytes).removed == (kept,)
    assert not folder.exists()


def test_an_empty_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert list_cache().entries == ()
    assert prune_cache(0).removed == ()


def test_a_build_keeps_the_cache_under_its_cap(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = engines.kept_engines(engines_root())
    monkeypatch.setattr(engines, "DEFAULT_MAX_BYTES", old.size_bytes + 1)
    told: list[str] = []
    new = build_engine("lenet-5", options=BuildOptions(backend=_ORT, batch=2), progress=told.append)
    assert [kept.key for kept in engines.kept_engines(engines_root())] == [new.key]
    assert any("removed from the cache" in text for text in told)
    assert own_cache.is_dir()


def test_an_engine_in_use_is_left_and_said_to_be(own_cache: Path) -> None:
    engine, network = list_cache().entries
    with in_use():
        find_engine(engine.name, engines_root())
        listing = prune_cache(0)
        assert (listing.removed, listing.entries, listing.in_use) == ((network,), (engine,), (engine,))
    assert prune_cache(0).in_use == ()
    assert own_cache.is_dir()


def test_a_network_in_use_is_left_and_said_to_be(own_cache: Path) -> None:
    _, network = list_cache().entries
    with in_use():
        resolve("lenet-5")
        assert [entry.name for entry in prune_cache(0).in_use] == [network.name]
        os.utime(own_cache / "networks" / f".{network.name}.use", (1000, 1000))
        prune_cache(0)  # its lock stays too, however old
        assert Path(network.path).is_file()
    assert [entry.name for entry in prune_cache(0).removed] == [network.name]
    (own_cache / "networks").rmdir()
    with in_use():
        assert resolve("lenet-5").path.is_file()  # written anew, and claimed
        assert [entry.kind for entry in prune_cache(0).in_use] == ["network"]


def test_what_a_runtime_fills_is_left_while_it_is_in_use(own_cache: Path) -> None:
    model, kept = list_cache().entries[-1].path, own_cache / "runtimes" / "onnxruntime-tensorrt"
    request = LoadRequest("onnxruntime-tensorrt", model, 1, engines_dir=str(kept))
    with in_use():
        folder = engine_folder(request, "")
        assert folder is not None
        assert [entry.path for entry in prune_cache(0).in_use] == [str(folder)]
        assert folder.is_dir()
    assert [entry.kind for entry in prune_cache(0).removed] == ["runtime"]
    assert list(kept.iterdir()) == []


def test_what_may_not_be_removed_is_said(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, *, missing_ok: bool = False) -> None:  # noqa: ARG001
        raise PermissionError(1, "Operation not permitted")

    engine, network = list_cache().entries
    monkeypatch.setattr(Path, "unlink", refuse)
    lock = engines_root() / f".{engine.name}.lock"
    lock.symlink_to(lock.name)  # which nobody can open
    listing = prune_cache(0)
    assert (listing.refused, listing.in_use, listing.removed) == ((network, engine), (), ())
    assert own_cache.is_dir()


def test_timings_of_kernels_are_listed_and_pruned(own_cache: Path) -> None:
    path = timings_file(Place("tensorrt", "10.7.0", "cuda", "NVIDIA H100", "550.54"))
    path.parent.mkdir()
    path.write_bytes(bytes(100))
    os.utime(path, (500, 500))
    kept = list_cache().entries[-1]
    assert (kept.kind, kept.backend, kept.size_bytes) == ("timings", "tensorrt-10.7.0-NVIDIA_H100-550.54", 100)
    assert prune_cache().removed == ()
    assert kept in prune_cache(0).removed
    assert not path.exists()
    assert own_cache.is_dir()


def test_removing_everything_takes_choices_and_leaves_ceilings(own_cache: Path) -> None:
    ceilings = own_cache / "ceilings"
    for folder in (contests_cache(), ceilings):
        folder.mkdir()
        (folder / "one.json").touch()
    prune_cache()
    assert contests_cache().is_dir()
    prune_cache(0)
    assert (contests_cache().exists(), ceilings.exists()) == (False, True)
