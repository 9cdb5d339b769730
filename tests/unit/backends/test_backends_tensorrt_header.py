"""Headers of engines; the good one was written by TensorRT-RTX 1.7.1.116."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_bench.backends.tensorrt.plan_header import PlanHeader, check_plan, read_plan_header
from alexnet_bench.core.errors import EngineError

_HEAD = b"vtrt" + bytes(4) + b"\x02" + bytes(7) + (133692).to_bytes(8, "little") + b"\x01\x07\x01tvtrt~" + bytes(7)
_HERE = ("tensorrt-rtx", "1.7.1.116")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "engine.plan"
    path.write_bytes(_HEAD.ljust(133692, b"\0"))
    return path


def test_the_header_is_read(plan: Path) -> None:
    assert read_plan_header(plan) == PlanHeader("tensorrt-rtx", "1.7.1.116", 133692, (80, 86, 89, 120, 121))


def test_the_version_of_an_engine_of_tensorrt_is_told_and_not_held_against_it(tmp_path: Path) -> None:
    """As NVIDIA's trtexec reads it; a version compatible one is read by others, too."""
    path = tmp_path / "engine.plan"
    path.write_bytes(b"ftrt" + bytes(20) + b"\x0a\x10\x01\x0b" + b"\xff" * 72)
    assert read_plan_header(path) == PlanHeader("tensorrt", "10.16.1.11", None)
    check_plan(path, "tensorrt", "11.4.0.106")
    check_plan(path, "tensorrt", "10.16.1.11", capability=90)


@pytest.mark.parametrize("letters", [b"ftrt", b"vtrt"])
def test_of_another_layout_nothing_but_the_letters_is_taken(tmp_path: Path, letters: bytes) -> None:
    path = tmp_path / "engine.plan"
    path.write_bytes(letters + b"\1\0\0\0" + b"\x0a" * 92)
    assert read_plan_header(path) == PlanHeader("tensorrt" if letters == b"ftrt" else "tensorrt-rtx", "", None)


def test_a_good_engine_is_let_through(plan: Path) -> None:
    check_plan(plan, *_HERE)
    check_plan(plan, *_HERE, capability=89)
    assert plan.stat().st_size == 133692


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((slice(0, 4), b"ftrt"), "is of tensorrt, and cannot be run by tensorrt-rtx"),
        ((slice(0, 4), b"\x08\x08\x12\x00"), "is no engine of TensorRT"),
        ((slice(24, 28), b"\x01\x06\x01\x28"), r"was written by tensorrt-rtx 1\.6\.1\.40, and here is 1\.7\.1\.116"),
        ((slice(16, 24), (133693).to_bytes(8, "little")), "133,692 bytes of 133,693"),
    ],
)
def test_foreign_engines_are_refused(plan: Path, change: tuple[slice, bytes], reason: str) -> None:
    content = bytearray(plan.read_bytes())
    content[change[0]] = change[1]
    plan.write_bytes(content)
    with pytest.raises(EngineError, match=reason):
        check_plan(plan, *_HERE)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b"\x08\x08\x12\x07", "it is an ONNX model"),
        (b"PK\x03\x04 and more", "it is a zip archive"),
        (b"nothing of the kind", "it is a text file"),
        (b"\xff\x00\x01\x02\x03", r"it begins with b'\\xff\\x00\\x01\\x02'"),
    ],
)
def test_what_is_no_engine_is_told_by_how_it_begins(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "y.plan").write_bytes(content)
    with pytest.raises(EngineError, match=f"is no engine of TensorRT: {what}"):
        read_plan_header(tmp_path / "y.plan")


@pytest.mark.parametrize("length", [0, 4, 39, 40, 133691])
def test_a_truncated_engine_is_refused(plan: Path, length: int) -> None:
    plan.write_bytes(plan.read_bytes()[:length])
    with pytest.raises(EngineError, match=r"cut short|damaged|is empty"):
        check_plan(plan, *_HERE)


def test_an_engine_for_other_cards_is_refused(plan: Path) -> None:
    with pytest.raises(EngineError, match=r"for SM 8\.0, 8\.6, 8\.9, 12\.0, 12\.1, and here is SM 9\.0"):
        check_plan(plan, *_HERE, capability=90)


def test_a_missing_engine_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        read_plan_header(tmp_path / "none.plan")
