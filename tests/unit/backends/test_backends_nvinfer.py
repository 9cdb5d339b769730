"""Which TensorRT the provider needs and which is there: libraries that the test makes, in folders of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_bench
from alexnet_bench.backends import nvinfer
from alexnet_bench.core.errors import BackendRefusal
from tests.unit.backends.made_elf import elf

PROVIDER = ("libcublas.so.13", "libnvonnxparser.so.10", "libnvinfer.so.10", "libc.so.6")
ASKED = "onnxruntime's TensorRT provider is linked to"
SOURCE = "int getInferLibVersion(void) { return 101302; }\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An onnxruntime whose provider is linked to TensorRT 10, on a machine that has none."""
    monkeypatch.setattr(nvinfer, "_LDCONFIG", ("true",))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    library = tmp_path / "onnxruntime" / nvinfer.PROVIDER
    library.parent.mkdir(parents=True)
    library.write_bytes(elf(PROVIDER))
    return tmp_path / "onnxruntime"


def wheel(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Path:
    """NVIDIA's wheel of that version, as pip would install it; gives the folder of its libraries."""
    major = version.partition(".")[0]
    libraries = folder / "site" / "tensorrt_libs"
    libraries.mkdir(parents=True)
    for name in ("__init__.py", *(f"lib{name}.so.{major}" for name in ("nvinfer", "nvonnxparser", "nvinfer_plugin"))):
        (libraries / name).touch()
    info = folder / "site" / f"tensorrt_cu13_libs-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tensorrt-cu13-libs\nVersion: {version}\n")
    (info / "top_level.txt").write_text("tensorrt_libs\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    return libraries


def test_without_tensorrt_the_version_to_install_is_named(package: Path) -> None:
    said = f"{ASKED} libnvinfer.so.10, which is not installed: pip install 'tensorrt>=10,<11'"
    assert nvinfer.missing(package) == said
    with pytest.raises(BackendRefusal) as caught:
        nvinfer.load(package)
    assert caught.value.message == said
    assert "pip install 'onnxruntime-gpu>=" in caught.value.hint


def test_another_major_version_is_no_replacement(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path, monkeypatch, "11.4.0.106")
    assert nvinfer.missing(package) == (
        f"{ASKED} libnvinfer.so.10, and installed is libnvinfer.so.11, of TensorRT 11.4.0.106: "
        "pip install 'tensorrt>=10,<11'"
    )
    assert nvinfer.find("libnvinfer.so.10") is None


def test_the_libraries_of_the_wheel_are_found(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = wheel(tmp_path, monkeypatch, "10.13.2.6")
    assert nvinfer.missing(package) == ""
    assert nvinfer.find("libnvinfer.so.10") == libraries / "libnvinfer.so.10"
    (libraries / "libnvonnxparser.so.10").unlink()
    assert nvinfer.missing(package).startswith(f"{ASKED} libnvonnxparser.so.10, which is not installed")
    (libraries / "libnvonnxparser.so.10").symlink_to(libraries / "gone")
    assert nvinfer.missing(package).startswith(f"{ASKED} libnvonnxparser.so.10, which is not installed")


def test_those_of_the_system_are_found_by_the_variable_and_by_the_cache(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("libnvinfer.so.10", "libnvonnxparser.so.10")
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", f":{tmp_path}")
    assert nvinfer.missing(package) == ""
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    assert nvinfer.missing(package) != ""
    lines = "".join(f"\t{name} (libc6,x86-64) => {tmp_path / name}\n" for name in names)
    (tmp_path / "cache").write_text(f"2 libs found in cache `/etc/ld.so.cache'\n{lines}")
    monkeypatch.setattr(nvinfer, "_LDCONFIG", ("cat", str(tmp_path / "cache")))
    assert nvinfer.missing(package) == ""
    for command in (("false",), (str(tmp_path / "not there"),)):
        monkeypatch.setattr(nvinfer, "_LDCONFIG", command)
        assert "which is not installed" in nvinfer.missing(package)


def test_the_real_cache_of_the_loader_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    if shutil.which(nvinfer._LDCONFIG[0]) is None:
        pytest.skip("this system has no ldconfig")
    assert nvinfer.find("libc.so.6") is not None
    assert nvinfer.find("libc.so.5") is None


@pytest.mark.parametrize("content", [None, b"no library"])
def test_a_provider_that_cannot_be_read_is_said(content: bytes | None, package: Path) -> None:
    (package / nvinfer.PROVIDER).unlink()
    if content is not None:
        (package / nvinfer.PROVIDER).write_bytes(content)
    assert nvinfer.missing(package).startswith("the TensorRT provider of onnxruntime cannot be read: ")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_libraries_are_loaded_for_all_and_say_their_version(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their soname is what the loader finds the provider's libraries by, wherever these were loaded from."""
    libraries = wheel(tmp_path, monkeypatch, "10.13.2.6")
    resources = [f"libnvinfer_builder_resource{kind}.so.10.13.2" for kind in ("", "_sm89")]
    (libraries / "libnvinfer_builder_resource_sm75.so.10.13.2").touch()  # that cannot be loaded: not of this card
    (libraries / "libnvinfer_builder_resource.so.11.4.0").symlink_to(resources[0])
    for path in (*libraries.glob("*.so.10"), *(libraries / name for name in resources)):
        path.unlink(missing_ok=True)
        command = ["cc", "-shared", "-x", "c", "-", f"-Wl,-soname,{path.name}", "-o", str(path)]
        subprocess.run(command, input=SOURCE, text=True, check=True)
    # In a process of its own: what is loaded for all stays, and other tests load the real TensorRT.
    code = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from alexnet_bench.backends import "
    code += "nvinfer; print(nvinfer.load(Path(sys.argv[2]))); print(Path('/proc/self/maps').read_text())"
    command = [sys.executable, "-c", code, str(libraries.parent), str(package)]
    environment = os.environ | {"PYTHONPATH": str(Path(alexnet_bench.__file__).parents[1])}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("10.13.2\n")
    assert all(str(libraries / f"lib{name}.so.10") in said for name in ("nvinfer", "nvonnxparser", "nvinfer_plugin"))
    assert all(str(libraries / name) in said for name in resources)


def test_a_library_that_cannot_be_loaded_is_a_refusal(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path, monkeypatch, "10.13.2.6")  # its files are empty
    with pytest.raises(BackendRefusal, match=r"libraries cannot be loaded.*file too short"):
        nvinfer.load(package)
