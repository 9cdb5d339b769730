"""What the code asks of ONNX Runtime's TensorRT provider, held against the real library and its Python module.

The wheel of onnxruntime-gpu is 250 MB: it is read where it lies in the folder of the wheels already, or is installed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_bench.backends import nvinfer
from alexnet_bench.backends.elf import needed_libraries
from alexnet_bench.backends.onnxruntime.fallback import RECORD_ASSIGNMENT
from alexnet_bench.backends.onnxruntime.tensorrt import PROVIDER, provider_options
from tests.contract.test_contract_tensorrt import WHEELS

_NATIVE = re.compile(
    r"onnxruntime/capi/"
    r"(libonnxruntime\.so.*|libonnxruntime_providers_tensorrt\.so|[^/]*collection\.py|onnxruntime_pybind11_state.*\.so)"
)
_FETCH = "pip download --no-deps onnxruntime-gpu -d"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an onnxruntime-gpu, as far as it is looked at."""
    here = importlib.util.find_spec("onnxruntime")
    installed = Path(here.origin).parent if here is not None and here.origin else Path()
    folder = os.environ.get(WHEELS, "")
    wheels = sorted(Path(folder).glob("onnxruntime_gpu-*.whl")) if folder else []
    if wheels:
        target = tmp_path_factory.mktemp("onnxruntime-gpu")
        with zipfile.ZipFile(wheels[-1]) as archive:
            for name in filter(_NATIVE.fullmatch, archive.namelist()):
                archive.extract(name, target)
        yield target / "onnxruntime"
    elif (installed / nvinfer.PROVIDER).is_file():
        yield installed
    else:
        pytest.skip(f"no wheel of onnxruntime-gpu: {_FETCH} {folder or 'FOLDER'}, and python -m tests.contract FOLDER")


@pytest.fixture(scope="module")
def provider(package: Path) -> bytes:
    return (package / nvinfer.PROVIDER).read_bytes()


def test_the_provider_is_linked_to_one_major_version_of_tensorrt(package: Path) -> None:
    linked = [name for name in needed_libraries(package / nvinfer.PROVIDER) if name.startswith("libnv")]
    assert sorted(linked) == ["libnvinfer.so.10", "libnvonnxparser.so.10"]
    assert nvinfer.missing(package) == "" or "'tensorrt>=10,<11'" in nvinfer.missing(package)


def test_the_provider_knows_every_option(provider: bytes, tmp_path: Path) -> None:
    asked = provider_options(captures=True, dumps=True, engines=tmp_path)
    assert [name for name in asked if b"\0" + name.encode() + b"\0" not in provider] == []
    assert b"\0trt_no_such_option\0" not in provider


def test_the_python_module_takes_every_option_as_it_is_written(package: Path, tmp_path: Path) -> None:
    """It reads the options by itself, more strictly than the provider, and refuses what it does not know."""
    (module,) = (package / "capi").glob("onnxruntime_pybind11_state*.so")
    content = module.read_bytes()
    assert b"Invalid TensorRT EP option" in content
    for captures in (True, False):
        for name, value in provider_options(captures=captures, dumps=captures, engines=tmp_path).items():
            demanded = re.search(rb"The value for the key '%b' should be ([^\0]*)\0" % name.encode(), content)
            assert demanded is not None, name
            values = ("True", "False") if demanded[1].startswith(b"'True' or 'False'") else (str(tmp_path),)
            assert value in values, demanded[0]


def test_the_provider_has_no_option_for_tf32_yet(provider: bytes) -> None:
    """Were there one, it would be better than a variable of the process."""
    assert re.search(rb"trt_\w*tf32", provider, re.IGNORECASE) is None


def test_parts_are_written_under_their_own_name(provider: bytes) -> None:
    assert all(text in provider for text in (b"TRTKernel_", b".onnx", PROVIDER.encode()))


def test_a_session_tells_who_has_which_node_and_writes_no_model_with_compiled_parts(package: Path) -> None:
    (core,) = (package / "capi").glob("libonnxruntime.so*")
    content = core.read_bytes()
    assert RECORD_ASSIGNMENT.encode() in content
    assert b"Unable to serialize model as it contains compiled nodes" in content
    (module,) = (package / "capi").glob("*collection.py")
    assert "def get_provider_graph_assignment_info(self)" in module.read_text()
