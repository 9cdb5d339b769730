from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.passport import Passport, encode_passport
from alexnet_bench.engine.judging import check_usable, check_whole, reasons_against
from alexnet_bench.engine.key import Place
from alexnet_bench.engine.loading import data_file, engine_files, find_engine, names_engine

_HERE = Place("onnxruntime-cpu", "1.31.1", "cpu", "AMD EPYC (x86_64 avx2)")


@pytest.fixture
def root(tmp_path: Path, passport: Passport) -> Path:
    """A cache with one engine, which is also copied to out.onnx."""
    whole = replace(passport, engine_sha256=hashlib.sha256(b"engine").hexdigest())
    folder = tmp_path / "engines" / passport.key
    folder.mkdir(parents=True)
    for engine, beside in (
        (folder / "engine.onnx", folder / "passport.json"),
        (tmp_path / "out.onnx", tmp_path / "out.onnx.passport.json"),
    ):
        engine.write_bytes(b"engine")
        beside.write_bytes(encode_passport(whole))
    return tmp_path / "engines"


def test_an_engine_is_found_by_key_folder_and_file(root: Path, passport: Passport) -> None:
    folder = root / passport.key
    for text in ("abab", passport.key, str(folder), f"{folder}/engine.onnx", f"{folder}/passport.json"):
        found = find_engine(text, root)
        assert found.file == folder / "engine.onnx"
        assert found.passport.path == str(folder / "engine.onnx")
    out = root.parent / "out.onnx"
    for path in (out, out.with_name("out.onnx.passport.json")):
        assert find_engine(str(path), root).passport.path == str(out)


def test_a_name_is_that_of_an_engine_by_its_files_or_its_key(
    root: Path, passport: Passport, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = root / passport.key, root.parent / "out.onnx"
    meant = ("abab", passport.key, str(folder), f"{folder}/engine.onnx", f"{folder}/passport.json", str(out))
    assert all(names_engine(text, root) for text in (*meant, f"{out}.passport.json"))
    assert not any(names_engine(text, root) for text in ("", "abc", "nothing", "abad", "x" * 5000, "a\0b", str(root)))
    monkeypatch.chdir(root.parent)
    Path("abab").write_bytes(b"a model")
    assert not names_engine("abab", root)


def test_what_is_no_engine_says_what_to_type(root: Path, passport: Passport) -> None:
    for text in ("", "abc", "nothing", "abad", "x" * 5000, "a\0b"):
        with pytest.raises(UsageError) as caught:
            find_engine(text, root)
        assert "cache list" in caught.value.hint
    with pytest.raises(UsageError, match="name of the model or engine is empty"):
        find_engine("", root)
    with pytest.raises(UsageError, match="abc is too short for a key") as short:
        find_engine("abc", root)
    assert "at least 4 digits" in short.value.hint
    (root / (passport.key[:60] + "0000")).mkdir()
    with pytest.raises(UsageError, match="begins the keys of 2 engines"):
        find_engine("abab", root)
    lonely = root.parent / "lonely.onnx"
    lonely.write_bytes(b"engine")
    with pytest.raises(EngineError, match="has no passport"):
        find_engine(str(lonely), root)
    (root.parent / "out.onnx").unlink()
    with pytest.raises(EngineError, match="is missing"):
        find_engine(str(root.parent / "out.onnx.passport.json"), root)


def test_a_whole_engine_passes(root: Path) -> None:
    check_whole(find_engine("abab", root))
    check_whole(find_engine("abab", root), root.parent / "memo")


@pytest.mark.parametrize("content", [b"engin", b"enginE", b"engine "])
@pytest.mark.parametrize("with_memo", [False, True])
def test_a_damaged_engine_is_refused(root: Path, content: bytes, with_memo: bool) -> None:
    memo = root.parent / "memo" if with_memo else None
    engine = find_engine("abab", root)
    check_whole(engine, memo)
    engine.file.write_bytes(content)
    with pytest.raises(EngineError, match="damaged") as caught:
        check_whole(engine, memo)
    assert "build-engine MODEL --backend onnxruntime-cpu --precision fp32 --rebuild" in caught.value.hint


def test_data_beside_the_engine_belongs_to_it(root: Path, passport: Passport) -> None:
    engine = find_engine("abab", root)
    data = engine.file.with_name(data_file(passport.key))
    data.write_bytes(b"more")
    assert engine_files(engine.file, passport.key) == [engine.file, data]
    with pytest.raises(EngineError, match="10 bytes, and its passport speaks of 6"):
        check_whole(engine)


def test_an_engine_of_this_place_may_be_used(root: Path, passport: Passport) -> None:
    assert reasons_against(passport, _HERE) == ()
    check_usable(find_engine("abab", root), _HERE)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"backend_version": "1.32.0"}, "stale: built with onnxruntime-cpu 1.31.1, and here is 1.32.0"),
        ({"driver": "570"}, "stale: built with driver None, and here is 570"),
        ({"device": "Other"}, "foreign: built for AMD EPYC (x86_64 avx2), and here is Other"),
        ({"target": "sm_90"}, "foreign: built for target cpu, and here is sm_90"),
        ({"backend": "openvino"}, "foreign: built for backend onnxruntime-cpu, and here is openvino"),
    ],
)
def test_a_stale_or_foreign_engine_is_refused_with_the_reason(
    root: Path, passport: Passport, change: dict[str, str], reason: str
) -> None:
    here = replace(_HERE, **change)
    assert reasons_against(passport, here) == (reason,)
    with pytest.raises(EngineError) as caught:
        check_usable(find_engine("abab", root), here)
    assert reason in caught.value.message
    assert "build-engine MODEL --backend onnxruntime-cpu --precision fp32 --rebuild" in caught.value.hint
