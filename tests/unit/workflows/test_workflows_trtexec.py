"""Profiles from recorded files of trtexec, with and without the model that the engine was built from."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import onnx.parser
import pytest

from alexnet_bench.core import document
from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.profile import Profile
from alexnet_bench.report import trtexec as written
from alexnet_bench.report.markdown import to_markdown
from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile, profile_set
from tests.unit.workflows.trtexec_models import mnist, resnet18

_DATA = Path(__file__).parents[2] / "data" / "trtexec"
_RESNET = _DATA / "resnet18-fp16"
_RESNET18_MACS = 1_814_073_344
"""Of one image, as torchvision's documentation has it: 1.81 G."""


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    model = resnet18(tmp_path_factory.mktemp("resnet") / "resnet18.onnx")
    return profile(f"trtexec:{_RESNET}", options=Options(model=str(model)))


def _values(value: object) -> list[object]:
    return [getattr(value, name) for name in value.__dataclass_fields__]  # type: ignore[attr-defined]


def _codes(found: Profile) -> list[str]:
    return [warning.code for warning in found.warnings]


def _mnist(folder: Path, **times_ms: float) -> Profile:
    """The recorded layers of the cookbook's network, with times made up for them."""
    shutil.copy(_DATA / "mnist-metadata" / "layers.json", folder / "layers.json")
    rows = [{"name": name, "timeMs": ms, "averageMs": ms, "medianMs": ms} for name, ms in times_ms.items()]
    (folder / "profile.json").write_text(json.dumps([{"count": 1}, *rows]))
    return profile(f"trtexec:{folder}", options=Options(model=str(mnist(folder / "m.onnx"))))


def test_latency_is_what_trtexec_calls_so(resnet: Profile) -> None:
    assert resnet.latency is not None
    assert len(resnet.latency.samples_s[0]) == 16
    assert resnet.latency.median_s == pytest.approx(0.843777e-3, rel=1e-3)
    assert resnet.latency.throughput_per_s == pytest.approx(32 / resnet.latency.median_s)
    assert "H2D + compute + D2H" in resnet.warnings[0].message
    parts = resnet.latency.parts
    assert (parts.h2d_s, parts.compute_s, parts.d2h_s) == (None, resnet.latency.median_s, None)


def test_the_batch_and_the_counts_are_those_of_the_engine(resnet: Profile) -> None:
    assert resnet.case.batch == 32
    assert resnet.case.shapes == {"input.1": (32, 3, 224, 224)}
    assert resnet.totals.macs == 32 * _RESNET18_MACS
    assert resnet.coverage.macs_attributed_fraction == 1.0
    assert resnet.coverage.unattributed_nodes == ("Flatten_47",)


def test_layers_without_metadata_have_the_nodes_of_their_names(resnet: Profile) -> None:
    assert resnet.layers[6].onnx_nodes == ("Conv_5", "Add_6", "Relu_7")
    assert resnet.layers[6].time_s == 53.248e-6
    assert resnet.layers[6].compute_dtype == "float16"
    assert "by-name" in _codes(resnet)
    assert resnet.engine is not None
    assert resnet.engine.compute_dtypes == {"float16": 23}


def test_copies_are_overhead_under_their_own_name(resnet: Profile) -> None:
    first = resnet.layers[0]
    assert first.name == "Reformatting CopyNode for Input Tensor 0 to Conv_0 + Relu_1"
    assert (first.bound, first.onnx_nodes, first.bytes, first.live_bytes) == ("overhead", (), None, None)
    assert resnet.coverage.overhead_fraction == pytest.approx((0.080896 + 0.007168) / 1.016832, rel=1e-4)


def test_what_is_not_in_the_files_is_null(resnet: Profile) -> None:
    assert resnet.ceilings is None
    assert resnet.coverage.outside_kernels_fraction is None
    assert resnet.environment.comparable["cpu"] is None
    assert {layer.samples_s for layer in resnet.layers} == {()}
    assert {layer.fraction_of_ceiling for layer in resnet.layers} == {None}


def test_it_is_a_profile_as_every_other(resnet: Profile) -> None:
    assert document.decode(document.encode(resnet)) == resnet
    text = to_markdown(resnet, top=0)
    assert "Conv\\_43 + Add\\_44 + Relu\\_45" in text
    assert "this machine" not in text


def test_without_a_model_nothing_is_counted_and_nothing_attributed() -> None:
    found = profile(f"trtexec:{_RESNET}")
    assert set(_values(found.totals)) == {None}
    assert (found.model.name, found.model.graph_sha256, found.model.params) == ("resnet18-fp16", None, None)
    assert (found.coverage.nodes, found.coverage.time_attributed_fraction) == (None, None)
    assert [layer.time_s for layer in found.layers][1:3] == [111.616e-6, 62.464e-6]
    assert found.layers[1].output_shapes == ((32, 64, 112, 112),)
    assert {layer.macs for layer in found.layers} == {layer.params for layer in found.layers} == {None}
    assert found.case.batch == 32
    assert "no-model" in _codes(found)
    assert document.decode(document.encode(found)) == found


def test_names_alone_are_enough_for_times() -> None:
    found = profile(f"trtexec:{_DATA / 'names-only'}", batch=8)
    assert found.latency is None
    assert len(found.layers) == 17
    assert sum(layer.time_fraction or 0.0 for layer in found.layers) == pytest.approx(1.0)
    assert found.case.batch == 8
    missing = [warning.message for warning in found.warnings if warning.code == "not-in-files"]
    assert any("--exportTimes" in message for message in missing)
    assert "names-only" in _codes(found)
    assert "| time |" in re.sub(" +", " ", to_markdown(found))


def test_a_batch_that_nothing_tells_is_said() -> None:
    messages = [warning.message for warning in profile(f"trtexec:{_DATA / 'names-only'}").warnings]
    assert "the batch is not told, and taken as 1" in messages


def test_metadata_shares_a_node_by_who_multiplies(tmp_path: Path) -> None:
    name = "__myl_AddMaxrSubExpSum_myl4_2"
    found = _mnist(tmp_path, **{"__myl_MulSum_myl4_1": 0.002, name: 0.003})
    product, rest = found.layers[:2]
    assert [(part.name, part.share) for part in product.shared_nodes] == [("node_linear_1", 1.0)]
    assert [(part.name, part.share) for part in rest.shared_nodes] == [("node_linear_1", 0.0), ("node_softmax", 0.5)]
    assert (product.macs, product.time_s, rest.time_s) == (10_240, 2e-6, 3e-6)
    assert found.coverage.macs_attributed_fraction == 1.0


def test_layers_that_were_not_timed_have_no_time_and_are_said(tmp_path: Path) -> None:
    found = _mnist(tmp_path, node_max_pool2d=0.002)
    assert [layer.time_s for layer in found.layers] == [2e-6, *[None] * 7]
    assert any("not in the profile" in warning.message for warning in found.warnings)
    assert found.layers[0].time_fraction == 1.0


def test_unnamed_nodes_go_by_their_output(tmp_path: Path) -> None:
    layers = [{"Name": "a", "LayerType": "CaskConvolution", "Metadata": "[ONNX Layer: node_of_node_relu_out]"}]
    (tmp_path / "layers.json").write_text(json.dumps({"Layers": layers}))
    found = profile(f"trtexec:{tmp_path}", options=Options(model=str(mnist(tmp_path / "m.onnx"))))
    assert found.layers[0].onnx_nodes == ("node_relu",)


def test_layers_of_another_model_are_unattributed_and_not_refused(tmp_path: Path) -> None:
    found = profile(f"trtexec:{_RESNET}", options=Options(model=str(mnist(tmp_path / "m.onnx"))))
    assert found.coverage.macs_attributed_fraction == 0.0
    assert found.layers[1].macs is None
    assert "unattributed" in _codes(found)


def test_sizes_that_contradict_the_model_are_an_error(tmp_path: Path) -> None:
    model = resnet18(tmp_path / "fixed.onnx", batch=1)
    with pytest.raises(ShapeError, match=r"is 32x3x224x224 in the engine.*1x3x224x224 in .*another model"):
        profile(f"trtexec:{_RESNET}", options=Options(model=str(model)))


def test_a_batch_that_is_given_fills_what_is_open(tmp_path: Path) -> None:
    """Also where the model does not call it a batch."""
    (tmp_path / "t").mkdir()
    ends = [{"Name": "x", "IOMode": "Input", "DataType": "Float", "Dimensions": [-1, 8]}]
    layers = [{"Name": "r", "LayerType": "kgen", "Metadata": "[ONNX Layer: r]"}]
    (tmp_path / "t" / "l.json").write_text(json.dumps({"Layers": layers, "I/O Tensors": ends}))
    graph = "g (float[T,8] x) => (float[T,8] y) { [r] y = Relu (x) }"
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}'), tmp_path / "m.onnx")
    found = profile(f"trtexec:{tmp_path / 't'}", batch=6, options=Options(model=str(tmp_path / "m.onnx")))
    assert (found.case.batch, found.case.shapes) == (6, {"x": (6, 8)})


@pytest.mark.parametrize("is_counted", [True, False])
def test_sizes_that_were_not_run_are_refused(tmp_path: Path, is_counted: bool) -> None:
    """The times are those of batch 32, and no option makes them others."""
    model = str(resnet18(tmp_path / "resnet18.onnx")) if is_counted else None
    with pytest.raises(ShapeError, match="no input of the engine takes a batch of 64") as error:
        profile(f"trtexec:{_RESNET}", batch=64, options=Options(model=model))
    assert error.value.hint == "it takes input.1 as 32x3x224x224"
    shapes = {"input.1": (64, 3, 224, 224)}
    with pytest.raises(ShapeError, match=r"does not take input\.1 as 64x3x224x224"):
        profile(f"trtexec:{_RESNET}", options=Options(model=model, shapes=shapes))
    assert profile(f"trtexec:{_RESNET}", batch=32, options=Options(model=model)).case.batch == 32


@pytest.mark.parametrize(
    ("options", "batches", "why"),
    [
        (Options(static=True), (None,), "--static"),
        (Options(backend="openvino"), (None,), "--backend"),
        (Options(precision="fp16"), (None,), "--precision"),
        (Options(), (1, 2), "one batch"),
        (Options(seconds=3.0), (None,), "--seconds cannot be had"),
        (Options(seed=0, threads=2), (None,), "--threads, --seed cannot be had"),
        (Options(timeout_s=5), (None,), "--timeout"),
        (Options(optimize=False), (None,), r"--\[no-\]optimize"),
        (Options(recipe="fp32"), (None,), "--recipe"),
        (Options(device_api="pycuda"), (None,), "--pycuda"),
        (Options(host_code=True), (None,), "--host-code"),
    ],
)
def test_what_would_need_a_run_is_refused(options: Options, batches: tuple[int | None, ...], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        profile_set(f"trtexec:{_RESNET}", batches=batches, options=options)


def test_a_model_of_files_needs_the_files() -> None:
    with pytest.raises(UsageError, match="is for files of trtexec"):
        profile("lenet-5", options=Options(model="lenet-5", static=True))


@pytest.mark.parametrize("name", ["alexnet-2012", "squeezenet"])
def test_what_is_written_is_read_back_with_the_same_times(tmp_path: Path, name: str) -> None:
    """Profiles of ONNX Runtime, whose layers are no TensorRT's at all."""
    before = document.read(_DATA.parent / "profiles" / f"{name}.json")
    assert isinstance(before, Profile)
    assert before.latency is not None
    (tmp_path / "times.json").write_bytes(written.times_file(before.latency))
    (tmp_path / "profile.json").write_bytes(written.profile_file(before.layers))
    (tmp_path / "layers.json").write_bytes(written.layer_info_file(before))
    after = profile(f"trtexec:{tmp_path}")
    assert [(layer.name, layer.time_s) for layer in after.layers] == [
        (layer.name, round(layer.time_s or 0.0, 12)) for layer in before.layers
    ]
    assert [layer.op for layer in after.layers] == [layer.op for layer in before.layers]
    assert [layer.output_shapes for layer in after.layers] == [layer.output_shapes for layer in before.layers]
    assert after.latency is not None
    assert after.latency.samples_s[0] == tuple(value for samples in before.latency.samples_s for value in samples)
    again = [layer.name for layer in after.layers if layer.bound == "overhead"]
    assert set(again) >= {layer.name for layer in before.layers if layer.bound == "overhead" and not layer.onnx_nodes}


def test_what_is_written_of_another_runtime_keeps_its_name_and_batch(tmp_path: Path) -> None:
    before = document.read(_DATA.parent / "profiles" / "lenet-5.json")
    assert isinstance(before, Profile)
    assert before.engine is not None
    inputs = tuple(replace(item, shape=(8, 1, 32, 32)) for item in before.model.inputs)
    of_eight = replace(before, model=replace(before.model, inputs=inputs))
    assert before.latency is not None
    (tmp_path / "times.json").write_bytes(written.times_file(before.latency))
    (tmp_path / "layers.json").write_bytes(written.layer_info_file(of_eight))
    after = profile(f"trtexec:{tmp_path}", options=Options(model="lenet-5"))
    assert (after.case.batch, after.totals.macs) == (8, 8 * 416_520)
    assert after.latency is not None
    assert after.latency.throughput_per_s == pytest.approx(8 / before.latency.median_s)
    assert after.engine is not None
    assert after.engine.backend == before.engine.backend == after.environment.comparable["backend"]
    assert after.engine.backend_version == before.engine.backend_version
    assert set(_codes(after)) == {"trtexec", "not-in-files"}
    by_name = {layer.name: layer for layer in after.layers}
    assert by_name["fc5"].bytes == 4 * (8 * 84 + 8 * 10 + 84 * 10 + 10)


@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "openvino"])
def test_layers_hand_each_other_the_models_tensors(backend: str) -> None:
    """As tools that draw the engine need it: what is read was made before, with the same sizes and type."""
    found = profile("lenet-5", options=Options(backend=backend, seconds=0.05, processes=2))
    info = json.loads(written.layer_info_file(found))
    there = {"input": ([1, 1, 32, 32], "Float")}
    for layer in info["Layers"]:
        for tensor in layer["Inputs"]:
            assert (tensor["Dimensions"], tensor["Format/Datatype"]) == there[tensor["Name"]]
        assert layer["Inputs"]
        there |= {item["Name"]: (item["Dimensions"], item["Format/Datatype"]) for item in layer["Outputs"]}
    assert len(info["Layers"]) > 6
    assert there.keys() >= {"input", "logits"}
    assert there["logits"] == ([1, 10], "Float")


def test_what_is_written_with_nodes_is_attributed_again(tmp_path: Path, resnet: Profile) -> None:
    (tmp_path / "profile.json").write_bytes(written.profile_file(resnet.layers))
    (tmp_path / "layers.json").write_bytes(written.layer_info_file(resnet))
    model = str(resnet18(tmp_path / "resnet18.onnx"))
    after = profile(f"trtexec:{tmp_path}", options=Options(model=model))
    assert (after.case.batch, after.totals.macs) == (32, resnet.totals.macs)
    assert [(layer.onnx_nodes, layer.time_s) for layer in after.layers] == [
        (layer.onnx_nodes, layer.time_s) for layer in resnet.layers
    ]
    assert after.coverage == resnet.coverage
    assert "by-name" not in _codes(after)
