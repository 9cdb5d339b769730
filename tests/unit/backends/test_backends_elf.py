from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_bench.backends.elf import ElfError, needed_libraries
from tests.unit.backends.made_elf import elf

NAMES = ["libcudart.so.13", "libnvinfer.so.10", "libc.so.6"]


def write(folder: Path, content: bytes) -> Path:
    (folder / "library.so").write_bytes(content)
    return folder / "library.so"


@pytest.mark.parametrize("names", [NAMES, ["libx.so"], []])
def test_names_come_in_order(names: list[str], tmp_path: Path) -> None:
    assert needed_libraries(write(tmp_path, elf(names))) == tuple(names)
    assert needed_libraries(write(tmp_path, elf(names, base=0))) == tuple(names)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed: apt install binutils")
def test_real_libraries_are_read_as_readelf_does() -> None:
    import onnxruntime

    libraries = sorted((Path(onnxruntime.__file__).parent / "capi").glob("*.so*"))
    assert libraries
    for path in (*libraries, Path(sys.executable).resolve()):
        listed = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
        lines = [line for line in listed.splitlines() if "(NEEDED)" in line]
        assert list(needed_libraries(path)) == [line.partition("[")[2].rstrip("]") for line in lines]


@pytest.mark.parametrize("content", [b"", b"MZ", b"\x7fELF\x01\x01", b"\x7fELF\x02\x02", b"\x7fEL"])
def test_what_is_no_library_of_this_machine_is_said(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ElfError, match="no 64-bit ELF file"):
        needed_libraries(write(tmp_path, content))


def test_a_library_that_is_linked_to_nothing(tmp_path: Path) -> None:
    content = bytearray(elf([]))
    content[0x38:0x3A] = bytes(2)  # no segments
    assert needed_libraries(write(tmp_path, bytes(content))) == ()


@given(data=st.data())
def test_damage_is_an_error_or_harmless(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = elf(NAMES)
    position = data.draw(st.integers(6, len(whole) - 1))
    damaged = whole[:position] + bytes([data.draw(st.integers(0, 255))]) + whole[position + 1 :]
    cut = damaged[: data.draw(st.integers(0, len(damaged)))]
    path = write(tmp_path_factory.mktemp("elf"), cut)
    try:
        found = needed_libraries(path)
    except ElfError:
        return
    assert all(isinstance(name, str) for name in found)
