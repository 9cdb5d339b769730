"""Engines that somebody else built, inspected: by their first bytes, by files of others, and by asking them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import parser

from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.backends.tensorrt import ready
from alexnet_bench.core.document import encode
from alexnet_bench.core.errors import BackendRefusal, EngineError, ModelError, ShapeError, UsageError
from alexnet_bench.core.inspection import Inspection
from alexnet_bench.workflows.inspection import plan as inspect_plan
from alexnet_bench.workflows.inspection.inspect import inspect, inspect_all
from alexnet_bench.workflows.inspection.plan import FROM_RUNTIME, InspectOptions
from alexnet_bench.workflows.report import read_document
from tests.unit.workflows.foreign_plans import change, leave_open, rtx_head, without_metadata, write_plan
from tests.unit.workflows.tensorrt_in_process import TensorRt
from tests.unit.workflows.trtexec_models import mnist, resnet18

_DATA = Path(__file__).parents[2] / "data"
_LOG = _DATA / "tensorrt" / "lenet-5.build.log"
_LENET_MACS = 416_520


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """An engine of TensorRT-RTX, of which there are the first bytes alone."""
    return rtx_head(tmp_path / "lenet.plan")


def _codes(found: Inspection) -> list[str]:
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize("name", ["x.plan", "x.engine", "x.trt", "x", "x.bin"])
def test_the_header_is_told_of_any_file_that_begins_like_an_engine(tmp_path: Path, name: str) -> None:
    found = inspect(rtx_head(tmp_path / name))
    assert found.passport is None
    assert found.plan is not None
    assert (found.plan.backend, found.plan.backend_version) == ("tensorrt-rtx", "1.7.1.116")
    assert (found.plan.size_bytes, found.plan.told_bytes, found.plan.is_whole) == (200, 200, True)
    assert found.plan.compute_capabilities == (80, 86, 89)
    assert (found.layers, found.predicted, found.layers_from, found.batch) == ((), (), "", None)
    assert _codes(found) == ["no-passport", "no-layers"]
    assert found.path == str(tmp_path / name)


def test_an_engine_that_is_cut_short_is_told_so_and_not_refused(plan: Path) -> None:
    found = inspect(rtx_head(plan, told=201))
    assert found.plan is not None
    assert not found.plan.is_whole
    assert "200 bytes of 201" in found.reasons_against[0]


def test_what_is_no_engine_is_refused(tmp_path: Path) -> None:
    for name, content, why in (("a.trt", b"none", "is no engine"), ("b.plan", b"vtrt" + bytes(9), "cut short")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EngineError, match=why):
            inspect(tmp_path / name)
    (tmp_path / "c.onnx").write_bytes(b"none")
    with pytest.raises(EngineError, match="has no passport"):
        inspect(tmp_path / "c.onnx")


def test_the_log_of_its_build_tells_the_layers(plan: Path) -> None:
    """As TensorRT-RTX 1.7.1.116 wrote it, with a logger of its own, on a machine without a GPU."""
    found = inspect(plan, options=InspectOptions(layer_info=_LOG))
    assert len(found.layers) == 9
    conv1 = found.layers[2]
    assert (conv1.name, conv1.op, conv1.compute_dtype) == ("conv1_U0_myl0_2", "correlation", "float32")
    assert (conv1.macs, conv1.flop, conv1.bytes, conv1.onnx_nodes, conv1.predicted) == (None, None, None, (), ())
    assert [layer.is_overhead for layer in found.layers] == [True, True, *[False] * 7]
    assert found.layers_from == str(_LOG)
    assert _codes(found) == ["no-passport", "tf32-not-told", "no-model"]
    assert found.compute_dtypes == {"float32": 7}


def test_with_its_model_layers_are_counted_and_predicted(plan: Path) -> None:
    options = InspectOptions(model="lenet-5", layer_info=_LOG)
    found = inspect(plan, options=options, budgets=("rtx-4090", "gtx-580:2"))
    assert sum(layer.macs or 0 for layer in found.layers) == 4 * _LENET_MACS  # the usual batch of the engine
    assert (found.layers[2].name, found.layers[2].onnx_nodes) == ("conv1 + tanh1", ("conv1", "tanh1"))
    assert (found.layers[1].name, found.layers[1].bytes) == ("__myl_Move_myl0_1", None)
    assert (found.model, found.batch, found.shapes) == ("lenet-5", 4, {"input": (4, 1, 32, 32)})
    assert [line.device for line in found.predicted] == ["rtx-4090", "gtx-580"]
    assert found.predicted[0].latency_s == pytest.approx(sum(layer.predicted[0].time_s or 0 for layer in found.layers))
    assert "other-model" not in _codes(found)
    assert ("unattributed" in _codes(found), "not-in-files" in _codes(found)) == (True, False)  # flatten is no layer
    given = inspect(plan, options=replace(options, shapes={"input": (8, 1, 32, 32)}))
    assert sum(layer.macs or 0 for layer in given.layers) == 8 * _LENET_MACS
    assert given.batch == 8


def test_sizes_that_nothing_tells_are_taken_as_one(plan: Path, tmp_path: Path) -> None:
    (tmp_path / "old.log").write_text(_with_bindings())
    found = inspect(plan, options=InspectOptions(model="lenet-5", layer_info=tmp_path / "old.log"))
    assert (found.batch, "not-in-files" in _codes(found)) == (1, True)


def test_sizes_that_the_engine_does_not_take_are_refused(plan: Path, tmp_path: Path) -> None:
    """Whoever tells them: bytes are of the sizes that layers have."""
    model = "lenet-5"
    for sizes, name in (((9, 1, 32, 32), "input"), ((4, 1, 28, 28), "input"), ((4, 32, 32), "input")):
        with pytest.raises(ShapeError, match=r"does not take input as .*\d") as error:
            inspect(plan, options=InspectOptions(model=model, layer_info=_LOG, shapes={name: sizes}))
        assert error.value.hint == "it takes input from 1x1x32x32 to 8x1x32x32"
    with pytest.raises(ShapeError, match="the engine has no input elsewhere"):
        inspect(plan, options=InspectOptions(model=model, layer_info=_LOG, shapes={"elsewhere": (1,)}))
    (tmp_path / "fixed.log").write_text(_LOG.read_text().replace("[-1,", "[2,"))
    with pytest.raises(ShapeError, match="does not take input as 4x1x32x32") as error:
        inspect(
            plan,
            options=InspectOptions(model=model, layer_info=tmp_path / "fixed.log", shapes={"input": (4, 1, 32, 32)}),
        )
    assert error.value.hint == "it takes input as 2x1x32x32"
    (tmp_path / "old.log").write_text(_with_bindings())
    with pytest.raises(ShapeError, match="does not take") as error:
        inspect(
            plan, options=InspectOptions(model=model, layer_info=tmp_path / "old.log", shapes={"input": (4, 1, 28, 28)})
        )
    assert error.value.hint == "it takes input as ?x1x32x32"


def _with_bindings() -> str:
    """The log with the names alone of inputs and outputs, as of TensorRT 10, which then tells no ranges."""
    return _LOG.read_text().partition("I/O Tensors:")[0] + "Bindings:\ninput\nlogits\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (InspectOptions(layer_info=_LOG), "tells the layers, and without the model --shape would do nothing"),
        (InspectOptions(), "cannot be loaded here, and without its layers --shape would do nothing"),
        (InspectOptions(model="lenet-5"), "cannot be loaded here, and without its layers --shape would do nothing"),
    ],
)
def test_sizes_that_nothing_is_counted_with_are_refused(
    plan: Path, options: InspectOptions, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_plan, "reasons_against_plan", lambda *_: ("there is no driver",))
    inspect(plan, options=options)
    with pytest.raises(UsageError, match=said):
        inspect(plan, options=replace(options, shapes={"input": (8, 1, 32, 32)}))


def test_a_log_of_trtexec_tells_the_sizes_too(plan: Path, tmp_path: Path) -> None:
    """The first lines as trtexec writes them, in front of the log of a real build with an open batch."""
    log = tmp_path / "trtexec.log"
    options = "".join(
        f"[06/17/2025-18:44:33] [I] Input build shape (profile {at}): input=1x1x32x32+{usual}x1x32x32+64x1x32x32\n"
        for at, usual in enumerate((16, 32))
    )
    log.write_text(options + _with_bindings())
    found = inspect(plan, options=InspectOptions(model="lenet-5", layer_info=log))
    assert (found.batch, found.shapes) == (16, {"input": (16, 1, 32, 32)})
    assert sum(layer.macs or 0 for layer in found.layers) == 16 * _LENET_MACS
    assert "not-in-files" not in _codes(found)
    assert inspect(plan, options=InspectOptions(layer_info=log)).batch == 16
    asked = InspectOptions(model="lenet-5", layer_info=log, shapes={"input": (8, 1, 32, 32)})
    assert inspect(plan, options=asked).batch == 8


@pytest.mark.parametrize("ending", [".layers.json", ".graph.json"])
def test_layer_info_beside_it_is_found(plan: Path, tmp_path: Path, ending: str) -> None:
    beside = plan.with_name(plan.name + ending)
    shutil.copy(_DATA / "trtexec" / "resnet18-fp16" / "layers.json", beside)
    bare = inspect(plan)
    assert (len(bare.layers), bare.layers_from, bare.batch) == (36, str(beside), 32)
    assert bare.shapes == {"input.1": (32, 3, 224, 224)}
    assert bare.layers[1].output_shapes == ((32, 64, 112, 112),)
    counted = inspect(plan, options=InspectOptions(model=str(resnet18(tmp_path / "resnet18.onnx"))))
    assert sum(layer.macs or 0 for layer in counted.layers) == 32 * 1_814_073_344
    assert counted.compute_dtypes == {"float16": 23}
    assert "by-name" in _codes(counted)
    assert "model-types" not in _codes(counted)  # what it moves is told
    first = next(layer for layer in counted.layers if layer.macs)
    assert first.bytes == 2 * (32 * (3 * 224 * 224 + 64 * 112 * 112) + 9408 + 64)


def test_types_are_counted_as_in_a_passport(plan: Path, tmp_path: Path) -> None:
    """Of all layers that stand for nodes, such as one of a product which another layer multiplies."""
    onnx.save(
        parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]> g (float[N,8] x, float[8,8] w) => (float[N,8] y)
        { [mm] y = MatMul (x, w) }"""),
        tmp_path / "m.onnx",
    )
    sides = {key: [{"Name": key[0], "Dimensions": [-1, 8], "Datatype": "Float"}] for key in ("Inputs", "Outputs")}
    layers = [
        {"Name": name, "LayerType": kind, "Metadata": node, **sides}
        for name, kind, node in (("__myl_Resh_0", "kgen", "[ONNX Layer: mm]"), ("mm", "gemm", "[ONNX Layer: mm]"))
    ]
    (tmp_path / "l.json").write_text(json.dumps({"Layers": [*layers, {**layers[0], "Metadata": ""}]}))
    found = inspect(plan, options=InspectOptions(model=str(tmp_path / "m.onnx"), layer_info=tmp_path / "l.json"))
    assert [(layer.compute_dtype, layer.is_overhead) for layer in found.layers] == [
        ("float32", True),
        ("float32", False),
        ("float32", True),
    ]
    assert found.compute_dtypes == {"float32": 2}


def test_layers_of_one_optimisation_profile_are_shown(plan: Path, tmp_path: Path) -> None:
    second = {"Name": "k_myl1_0", "LayerType": "gemm", "Inputs": [{"Name": "x [profile 1]"}]}
    layers = [{"Name": "k_myl0_0", "LayerType": "gemm"}, second, {"Name": "l_myl1_1", "LayerType": "gemm"}]
    (tmp_path / "l.json").write_text(json.dumps({"Layers": layers}))
    found = inspect(plan, options=InspectOptions(layer_info=tmp_path / "l.json"))
    assert [layer.name for layer in found.layers] == ["k_myl0_0"]


def test_layers_of_another_model_are_not_attributed(plan: Path, tmp_path: Path) -> None:
    options = InspectOptions(model=str(mnist(tmp_path / "m.onnx")), layer_info=_LOG)
    found = inspect(plan, options=options)
    assert {layer.onnx_nodes for layer in found.layers} == {()}
    assert found.predicted[0].latency_s is None
    assert "unattributed" in _codes(found)
    (said,) = [warning for warning in found.warnings if warning.code == "other-model"]
    assert said.message.startswith("0 of the ")


def test_sizes_that_the_model_cannot_have_are_those_of_another(plan: Path, tmp_path: Path) -> None:
    graph = "g (float[N, 784] input) => (float[N, 784] y) { y = Relu (input) }"
    onnx.save(parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}'), tmp_path / "flat.onnx")
    with pytest.raises(ShapeError, match=r"input is 4x1x32x32 in the engine.*Nx784 in .*another model") as error:
        inspect(plan, options=InspectOptions(model=str(tmp_path / "flat.onnx"), layer_info=_LOG))
    assert error.value.hint == "give --model the one that the engine was built from"
    asked = InspectOptions(model=str(tmp_path / "flat.onnx"), layer_info=_LOG, shapes={"input": (2, 1, 32, 32)})
    with pytest.raises(ShapeError, match="input has 2 dimensions, the shape given has 4"):
        inspect(plan, options=asked)


def test_an_inspection_is_shown_again(plan: Path, tmp_path: Path) -> None:
    for number, options in enumerate(
        (InspectOptions(), InspectOptions(layer_info=_LOG), InspectOptions(model="lenet-5", layer_info=_LOG))
    ):
        found = inspect(plan, options=options)
        (tmp_path / f"{number}.json").write_bytes(encode(found))
        assert read_document(tmp_path / f"{number}.json") == found


def test_what_does_not_fit_is_refused(plan: Path, tmp_path: Path) -> None:
    (tmp_path / "times.json").write_text('[{"computeMs": 1}]')
    (tmp_path / "text.txt").write_text("no layers here")
    (tmp_path / "empty.json").write_text('{"Layers": []}')
    for name, why in (
        ("times.json", "no list Layers"),
        ("text.txt", "no line 'Layers:'"),
        ("empty.json", "its list Layers is empty"),
        ("none.json", "No such file"),
    ):
        with pytest.raises(UsageError, match=why):
            inspect(plan, options=InspectOptions(layer_info=tmp_path / name))
    with pytest.raises(UsageError, match="the layers of one engine"):
        inspect_all([plan, plan], options=InspectOptions(layer_info=_LOG))
    ours = build_engine("lenet-5", options=BuildOptions(backend="onnxruntime-cpu"))
    with pytest.raises(UsageError, match="has a passport"):
        inspect(ours.path, options=InspectOptions(model="lenet-5"))


@pytest.mark.parametrize("layer_info", [None, _LOG])
def test_a_model_that_is_none_is_wrong_even_where_no_layers_are_known(
    plan: Path, tmp_path: Path, layer_info: Path | None
) -> None:
    for name, why in ((str(tmp_path / "none.onnx"), "does not exist"), (str(plan), "is not an ONNX model")):
        with pytest.raises(ModelError, match=why):
            inspect(plan, options=InspectOptions(model=name, layer_info=layer_info))


def test_with_a_driver_the_engine_is_asked(trt: TensorRt, tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    found = inspect(plan, options=InspectOptions(model="lenet-5"))
    assert (found.layers_from, found.reasons_against) == (FROM_RUNTIME, ())
    assert sum(layer.macs or 0 for layer in found.layers) == _LENET_MACS
    assert found.layers[0].tactic == "a_kernel"
    assert len(trt.devices) == 1
    bare = inspect(plan)
    assert [layer.op for layer in bare.layers] == [layer.op for layer in found.layers]
    assert "names-only" in _codes(inspect(without_metadata(plan)))


def test_what_the_runtime_says_of_open_sizes_is_of_the_profile_that_takes_them(trt: TensorRt, tmp_path: Path) -> None:
    image = [1, 32, 32]
    plan = leave_open(write_plan(tmp_path), {"input": [[[1, *image], [4, *image], [8, *image]]]})
    assert inspect(plan, options=InspectOptions(shapes={"input": (2, 1, 32, 32)})).layers
    refused = inspect(plan, options=InspectOptions(shapes={"input": (9, 1, 32, 32)}))
    assert (refused.layers, _codes(refused)) == ((), ["no-passport", "no-layers"])
    assert trt.devices


@pytest.mark.usefixtures("trt")
def test_an_engine_that_does_not_load_has_its_header_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise BackendRefusal("the device is gone")

    monkeypatch.setattr(ready, "open_device", refuse)
    found = inspect(write_plan(tmp_path))
    assert found.plan is not None
    assert "the device is gone" in found.warnings[-1].message
    assert found.layers == ()


@pytest.mark.usefixtures("trt")
def test_an_engine_that_carries_code_is_asked_where_the_user_lets_it(tmp_path: Path) -> None:
    plan = change(write_plan(tmp_path), host_code=True)
    refused = inspect(plan)
    assert refused.layers == ()
    assert "getEngineHostCodeAllowed" in refused.warnings[-1].message
    assert inspect(plan, options=InspectOptions(host_code=True)).layers


@pytest.mark.usefixtures("trt")
def test_code_is_for_engines_that_can_carry_some_and_are_asked(plan: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="engines of tensorrt-rtx carry no code"):
        inspect(plan, options=InspectOptions(host_code=True))
    with pytest.raises(UsageError, match="tells the layers, and nothing of the engine is run"):
        inspect(write_plan(tmp_path), options=InspectOptions(host_code=True, layer_info=_LOG))


def test_engines_with_and_without_a_passport_stand_side_by_side(plan: Path) -> None:
    ours = build_engine("lenet-5", options=BuildOptions(backend="onnxruntime-cpu"))
    first, second = inspect_all([ours.path, plan]).inspections
    assert (first.passport is None, second.passport is None) == (False, True)
    assert (first.plan, first.layers_from, first.warnings) == (None, "passport", ())
