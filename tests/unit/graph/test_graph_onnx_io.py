"""Files that people point at, most of them no models."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench.core.errors import AlexnetBenchError, ModelError, ShapeError
from alexnet_bench.graph import external
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import named_copy, weights_sha256
from alexnet_bench.graph.onnx_io import build_graph, open_model

SHAPE = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2048])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)


def model(*, external_data: dict[str, str] | None = None, names: tuple[str, str] = ("mul", "relu")) -> onnx.ModelProto:
    """y = Relu(x * w); w has 2048 floats, 8 KiB."""
    weights = numpy_helper.from_array(np.ones(2048, np.float32), "w")
    if external_data is not None:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in external_data.items():
            weights.external_data.add(key=key, value=value)
    nodes = [helper.make_node("Mul", ["x", "w"], ["s"], names[0]), helper.make_node("Relu", ["s"], ["y"], names[1])]
    return helper.make_model(helper.make_graph(nodes, "g", [SHAPE], [RESULT], [weights]), ir_version=8)


CONTENT = model().SerializeToString()


def write(path: Path, content: bytes = CONTENT) -> Path:
    path.write_bytes(content)
    return path


def refusal(path: Path) -> ModelError:
    """The error of opening, checked to name the file and to say what to do."""
    with pytest.raises(ModelError) as raised:
        open_model(path)
    assert path.name in raised.value.message
    assert raised.value.hint
    assert raised.value.exit_code == 2
    return raised.value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(CONTENT[: len(CONTENT) // 2], "truncated", id="half"),
        pytest.param(CONTENT[: len(CONTENT) * 99 // 100], "truncated", id="99 percent"),
        pytest.param(CONTENT[:-1], "truncated", id="all but one byte"),
        pytest.param(CONTENT[:1], "not an ONNX model", id="one byte"),
        pytest.param(b"import torch\nprint('hello')\n" * 20, "not an ONNX model", id="text"),
        pytest.param(b'{"model": 1}', "not an ONNX model", id="json"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "not an ONNX model", id="png"),
        pytest.param(pickle.dumps({"weights": [1.0] * 50}), "not an ONNX model", id="pickle"),
        pytest.param(b"PK\x03\x04" + bytes(200), "not an ONNX model", id="zip"),
        pytest.param(bytes(5000), "not an ONNX model", id="zeros"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "not an ONNX model", id="git lfs pointer"),
        pytest.param(b"vtrt" + bytes(99), "not an ONNX model: it is an engine of TensorRT-RTX", id="a plan of RTX"),
        pytest.param(b"ftrt" + bytes(99), "not an ONNX model: it is an engine of TensorRT", id="a plan"),
        pytest.param(TensorProto(name="t", dims=[1]).SerializeToString(), "not an ONNX model", id="a tensor"),
        pytest.param(model().graph.SerializeToString(), "not an ONNX model", id="a bare graph"),
        pytest.param(onnx.ModelProto(ir_version=8).SerializeToString(), "it holds no graph", id="no graph"),
        pytest.param(
            onnx.ModelProto(graph=onnx.GraphProto(name="g")).SerializeToString(), "names no version", id="no version"
        ),
        pytest.param(
            onnx.ModelProto(ir_version=8, graph=onnx.GraphProto(name="g")).SerializeToString(),
            "no outputs",
            id="no outputs",
        ),
        pytest.param(CONTENT.replace(b"Relu", b"Re\xff\xfe"), "not UTF-8", id="a name that is not UTF-8"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refusal(write(tmp_path / "given.onnx", content)).message


def test_of_an_engine_nothing_is_said_about_files_that_may_lie_beside_it(tmp_path: Path) -> None:
    refused = refusal(write(tmp_path / "given.plan", b"vtrt" + bytes(99)))
    assert refused.message.endswith("given.plan is not an ONNX model: it is an engine of TensorRT-RTX")
    assert "the .onnx file that it was built from" in refused.hint


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "missing.onnx").message
    assert "is a folder" in refusal(tmp_path).message
    assert "cannot be read" in refusal(write(tmp_path / "file") / "model.onnx").message
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read" in refusal(tmp_path / "loop").message
    with pytest.raises(ModelError, match="cannot be read"):
        open_model(Path("a\0b"))
    with pytest.raises(ModelError, match="cannot be read"):
        open_model(Path("n" * 5000))


def test_names_of_files_are_escaped(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as raised:
        open_model(tmp_path / "\x1b[31m\udcff.onnx")
    assert raised.value.message.isprintable()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_devices_and_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    assert "not a regular file" in refusal(Path("/dev/zero")).message
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe").message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.onnx")
    path.chmod(0)
    assert "cannot be read: Permission denied" in refusal(path).message


def test_a_refused_permission_is_a_model_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, where tests run as root."""

    def refuse(_: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert "cannot be read: Permission denied" in refusal(tmp_path / "secret.onnx").message


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(changes=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    small = model().SerializeToString().replace(np.ones(2048, np.float32).tobytes(), b"")
    content = bytearray(small if len(changes) % 2 else CONTENT)
    for at, value in changes:
        content[at % min(len(content), 300)] = value
    path = write(tmp_path / "damaged.onnx", bytes(content))
    try:
        count(build_graph(open_model(path), name="damaged"))
    except (ModelError, ShapeError) as error:
        assert "damaged.onnx" in error.message  # noqa: PT017 - most damage is refused, and some reads as another model
        assert error.hint  # noqa: PT017


def test_a_model_is_read_without_its_weights(tmp_path: Path) -> None:
    opened = open_model(write(tmp_path / "model.onnx"))
    assert not opened.proto.graph.initializer[0].raw_data
    ((start, end),) = opened.data_spans
    assert CONTENT[start:end] == np.ones(2048, np.float32).tobytes()
    graph = build_graph(opened, name="shown")
    assert graph.name == "shown"
    assert (graph.opset, graph.ir_version) == (model().opset_import[0].version, 8)
    assert graph.tensor("y").shape == (1, 2048)


def test_the_hash_of_a_graph_and_the_hash_of_its_weights_are_apart(tmp_path: Path) -> None:
    other = model()
    other.graph.initializer[0].raw_data = np.zeros(2048, np.float32).tobytes()
    first, second = write(tmp_path / "a.onnx"), write(tmp_path / "b.onnx", other.SerializeToString())
    assert open_model(first).sha256 == open_model(second).sha256
    assert weights_sha256(open_model(first)) != weights_sha256(open_model(second))


@pytest.mark.parametrize(
    ("names", "renamed"),
    [
        (("mul", "relu"), None),
        (("", ""), ["Mul:s", "Relu:y"]),
        (("same", "same"), ["Mul:s", "Relu:y"]),
        (("é", ""), ["é", "Relu:y"]),
    ],
)
def test_a_copy_with_unique_names(tmp_path: Path, names: tuple[str, str], renamed: list[str] | None) -> None:
    original = model(names=names)
    content = named_copy(open_model(write(tmp_path / "model.onnx", original.SerializeToString())))
    if renamed is None:
        assert content is None
        return
    assert content is not None
    copy = onnx.ModelProto.FromString(content)
    assert [node.name for node in copy.graph.node] == renamed
    for node in (*copy.graph.node, *original.graph.node):
        node.ClearField("name")
    assert copy == original


def test_a_file_that_changed_since_it_was_opened_is_refused(tmp_path: Path) -> None:
    opened = open_model(write(tmp_path / "model.onnx", model(names=("", "")).SerializeToString()))
    write(opened.path, CONTENT[: len(CONTENT) // 2])
    with pytest.raises(ModelError, match="changed while it was read"):
        named_copy(opened)
    opened.path.unlink()
    for read in (named_copy, weights_sha256):
        with pytest.raises(ModelError, match="changed while it was read"):
            read(opened)


def with_external_data(folder: Path, **fields: str) -> Path:
    folder.mkdir(exist_ok=True)
    return write(folder / "model.onnx", model(external_data=fields).SerializeToString())


OUTSIDE: dict[str, Callable[[Path], str]] = {
    "parent": lambda _: "../weights.bin",
    "back and forth": lambda _: "sub/../../weights.bin",
    "absolute": lambda folder: str(folder.parent / "weights.bin"),
    "system": lambda _: "/etc/passwd",
    "link": lambda _: "link.bin",
    "loop": lambda _: "loop/weights.bin",
    "folder itself": lambda _: ".",
    "nothing": lambda _: "",
    "zero byte": lambda _: "a\0b",
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_data_outside_the_folder_is_refused(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "weights.bin", bytes(8192))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    (folder / "loop").symlink_to(folder / "loop")
    if kind == "loop" and sys.version_info >= (3, 13):
        pytest.skip("Python 3.13 resolves a loop of links to itself, which is then a missing file")
    path = with_external_data(folder, location=OUTSIDE[kind](folder))
    assert "outside the model's folder" in refusal(path).message


@pytest.mark.parametrize("place", ["constant", "sparse", "subgraph", "function"])
def test_data_outside_the_folder_is_found_wherever_it_is_named(tmp_path: Path, place: str) -> None:
    tensor = model(external_data={"location": "/etc/passwd"}).graph.initializer[0]
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    whole = model()
    if place == "constant":
        whole.graph.node.append(constant)
    elif place == "sparse":
        whole.graph.sparse_initializer.add(dims=[2048]).values.CopyFrom(tensor)
    elif place == "subgraph":
        body = onnx.GraphProto(name="b", node=[constant])
        whole.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=body))
    else:
        whole.functions.append(onnx.FunctionProto(name="f", domain="d", node=[constant]))
    assert "outside the model's folder" in refusal(write(tmp_path / "m.onnx", whole.SerializeToString())).message


def test_external_data_is_not_needed_to_count_and_checked_before_a_run(tmp_path: Path) -> None:
    path = with_external_data(tmp_path, location="weights.bin", offset="4096", length="8192")
    opened = open_model(path)
    assert count(build_graph(opened, name="m")).params == 2048
    with pytest.raises(ModelError, match=r"weights\.bin.*missing") as missing:
        external.check_present(path, opened.data_files)
    assert "--static" in missing.value.hint
    write(tmp_path / "weights.bin", bytes(12287))
    with pytest.raises(ModelError, match="cut short: 12,287 bytes, tensor w needs 12,288"):
        external.check_present(path, opened.data_files)
    write(tmp_path / "weights.bin", bytes(12288))
    external.check_present(path, opened.data_files)
    opened = open_model(path)
    before = weights_sha256(opened)
    write(tmp_path / "weights.bin", b"1" * 12288)
    assert weights_sha256(open_model(path)) != before
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"weights\.bin changed while it was read"):
        weights_sha256(opened)


def test_without_a_length_the_data_is_as_long_as_its_tensor(tmp_path: Path) -> None:
    path = with_external_data(tmp_path, location="weights.bin")
    write(tmp_path / "weights.bin", bytes(8191))
    with pytest.raises(ModelError, match="needs 8,192"):
        external.check_present(path, open_model(path).data_files)


@pytest.mark.parametrize("offset", ["-1", "x", "9" * 5000, "٣", "1e3", ""])
def test_an_offset_that_is_no_number_never_raises_anything_else(tmp_path: Path, offset: str) -> None:
    path = with_external_data(tmp_path, location="weights.bin", offset=offset)
    write(tmp_path / "weights.bin", bytes(9000))
    external.check_present(path, open_model(path).data_files)


def test_small_tensors_are_read_where_all_data_lies_in_another_file(tmp_path: Path) -> None:
    """A Reshape by a constant of that file has a shape, as long as the file is there; a cut one tells nothing."""
    whole = model()
    whole.graph.node[1].CopyFrom(helper.make_node("Reshape", ["s", "shape"], ["y"]))
    whole.graph.initializer.append(numpy_helper.from_array(np.array([-1, 16, 128]), "shape"))
    onnx.save_model(whole, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    opened = open_model(tmp_path / "m.onnx")
    graph = build_graph(opened, name="m", batch=3)
    assert graph.tensor("y").sizes == (3, 16, 128)
    assert graph.integers["shape"] == (-1, 16, 128)
    hashed = weights_sha256(opened)
    data = (tmp_path / "m.data").read_bytes()
    write(tmp_path / "m.data", data[:-1])
    assert build_graph(open_model(tmp_path / "m.onnx"), name="m").tensor("y").sizes is None
    write(tmp_path / "m.data", data[:-1] + b"\1")
    assert weights_sha256(open_model(tmp_path / "m.onnx")) != hashed
    (tmp_path / "m.data").unlink()
    assert build_graph(open_model(tmp_path / "m.onnx"), name="m").tensor("y").sizes is None


@pytest.mark.parametrize("text", ["+8", " 8", "8 ", "0x8", "-8", "٨", "8_", "", "9" * 20])
@pytest.mark.parametrize("key", ["offset", "length"])
def test_a_small_tensor_whose_place_is_not_understood_is_not_taken(tmp_path: Path, key: str, text: str) -> None:
    """What begins at 0, or is as long as its shape says, would be two numbers of the wrong place."""
    whole = model()
    whole.graph.node[1].CopyFrom(helper.make_node("Reshape", ["s", "shape"], ["y"]))
    shape = TensorProto(name="shape", data_type=TensorProto.INT64, dims=[2], data_location=TensorProto.EXTERNAL)
    for name, value in {"location": "m.data", "offset": "8", "length": "16", key: text}.items():
        shape.external_data.add(key=name, value=value)
    whole.graph.initializer.append(shape)
    write(tmp_path / "m.data", np.array([16, -1, 128, 0]).tobytes())
    path = write(tmp_path / "m.onnx", whole.SerializeToString())
    opened = open_model(path)
    external.check_present(path, opened.data_files)
    assert "shape" not in build_graph(opened, name="m").integers
    shape.external_data[1 if key == "offset" else 2].value = "8" if key == "offset" else "16"
    whole.graph.initializer[-1].CopyFrom(shape)
    write(path, whole.SerializeToString())
    assert build_graph(open_model(path), name="m").integers["shape"] == (-1, 128)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_external_data_that_may_not_be_read_is_as_good_as_absent(tmp_path: Path) -> None:
    path = with_external_data(tmp_path, location="weights.bin", offset="0", length="16")
    write(tmp_path / "weights.bin", bytes(9000)).chmod(0)
    assert count(build_graph(open_model(path), name="m")).params == 2048


def test_external_data_that_is_no_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for location in ("sub", "n" * 300, "sub/" * 900 + "w"):
        path = with_external_data(tmp_path, location=location)
        with pytest.raises(ModelError, match=r"missing|outside"):
            external.check_present(path, open_model(path).data_files)


_READ = """
import resource, sys
from pathlib import Path
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.graph.counting import count
import onnx
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = count(build_graph(open_model(Path(sys.argv[1])), name="big"))
print(table.params, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_weights_are_never_read_into_memory(tmp_path: Path) -> None:
    """300 MB of weights, most of it a hole in the file; opening and counting must not take a tenth of that."""
    size = 300_000_000
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size // 4])
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [RESULT],
    )
    head = helper.make_model(graph, ir_version=8).SerializeToString()
    tensor = weights.SerializeToString() + b"\x4a" + _varint(size)
    merged = b"\x3a" + _varint(1 + len(_varint(len(tensor) + size)) + len(tensor) + size)
    path = write(tmp_path / "big.onnx", head + merged + b"\x2a" + _varint(len(tensor) + size) + tensor)
    os.truncate(path, path.stat().st_size + size)
    done = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True)
    params, grown_kib = map(int, done.stdout.split())
    assert params == size // 4
    assert grown_kib < 30_000


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def test_errors_of_a_graph_name_the_file(tmp_path: Path) -> None:
    whole = model()
    whole.graph.node[0].input[0] = "nowhere"
    opened = open_model(write(tmp_path / "broken.onnx", whole.SerializeToString()))
    with pytest.raises(AlexnetBenchError, match=r"broken\.onnx: node mul reads tensor nowhere") as raised:
        build_graph(opened, name="m")
    assert raised.value.hint
