"""Right engines pass, and wrong ones are found, on the real ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

from alexnet_bench import BuildOptions, Verification, VerifyOptions, build_engine, export, verify
from alexnet_bench.core import document
from alexnet_bench.core.errors import BackendRefusal, EngineError, ShapeError, UsageError
from alexnet_bench.verdict.polygraphy import read_inputs, read_outputs
from tests.unit.workflows.verify_models import Array, model, network, quantise_weights, weight, write

RIGHT = network()


@pytest.fixture
def right(tmp_path: Path) -> Path:
    return write(tmp_path / "right.onnx", RIGHT)


def outcome(found: Verification, check: str) -> str:
    return next(item.outcome for item in found.self_checks if item.name == check)


def test_a_right_engine_passes_and_both_self_checks_find_their_fault(right: Path) -> None:
    found = verify(right)
    assert (found.verdict, found.reasons, found.first_bad) == ("passed", (), None)
    assert (found.inputs, found.tolerance, found.tolerance_source) == (16, 1e-4, "default for fp32")
    (output,) = found.outputs
    assert (output.name, output.shape, output.dtype, output.measure) == ("logits", (1, 10), "float32", "spread")
    assert output.error is not None
    assert output.error < 1e-5
    assert output.top1_agreement is None
    assert outcome(found, "shuffled-inputs") == outcome(found, "lost-bias") == "found"
    assert found.reference.settings == {"graph_optimization": "none"}
    assert found.engine.settings == {}
    assert document.decode(document.encode(found)) == found


def test_an_engine_without_its_passport_is_said_to_be_one(right: Path, tmp_path: Path) -> None:
    lost = tmp_path / "lost.onnx"
    build_engine(right, options=BuildOptions(backend="onnxruntime-cpu"), output=lost)
    assert verify(lost, against=right).notes == ()
    lost.with_name("lost.onnx.passport.json").unlink()
    for found in (verify(lost, against=right), verify(right, against=lost)):
        (note,) = found.notes
        assert note.startswith("lost is an engine that this tool built, and its passport is not beside it")


def test_an_engine_of_tensorrt_without_its_passport_is_no_model(right: Path, tmp_path: Path) -> None:
    lost = tmp_path / "lost.plan"
    for mark in (b"ftrt", b"vtrt"):
        lost.write_bytes(mark + bytes(100))
        with pytest.raises(EngineError, match=r"lost.plan is an engine without its passport") as refused:
            verify(lost, against=right)
        assert "as lost.plan.passport.json" in refused.value.hint


@pytest.mark.parametrize(("content", "what"), [(b"", "is empty"), (b"\x9f;-r", "begins with")])
def test_what_is_only_called_like_an_engine_is_none(content: bytes, what: str, right: Path, tmp_path: Path) -> None:
    (tmp_path / "no.plan").write_bytes(content)
    for sides in ((tmp_path / "no.plan", right), (right, tmp_path / "no.plan")):
        with pytest.raises(EngineError, match=f"no.plan is no engine of TensorRT: it {what}"):
            verify(sides[0], against=sides[1])


def test_a_reference_that_onnx_runtime_does_not_take_has_another_to_give(tmp_path: Path) -> None:
    """It has no LRN of an even size, which lowered is exact."""
    node = helper.make_node("LRN", ["x"], ["y"], "norm", size=4)
    value = helper.make_tensor_value_info
    sides = [value(name, TensorProto.FLOAT, [1, 6, 5, 5]) for name in "xy"]
    even = write(tmp_path / "even.onnx", model([node], sides[:1], sides[1:], {}))
    lowered = BuildOptions(backend="onnxruntime-cpu", optimize=False, passes=["lower-lrn"])
    build_engine(even, options=lowered, output=tmp_path / "lowered.onnx")
    with pytest.raises(BackendRefusal, match=r"the reference does not run: onnxruntime .*LRN") as refused:
        verify(tmp_path / "lowered.onnx", against=even)
    assert "--no-optimize --pass lower-lrn -o NEW.onnx" in refused.value.hint
    assert verify(tmp_path / "lowered.onnx", against=tmp_path / "lowered.onnx").verdict == "passed"
    foreign = model([helper.make_node("Own", ["x"], ["y"], "own", domain="my.dom")], sides[:1], sides[1:], {})
    foreign.opset_import.add(domain="my.dom", version=1)
    with pytest.raises(BackendRefusal) as refused:
        verify(write(tmp_path / "foreign.onnx", foreign))
    assert refused.value.hint.startswith("give outputs of another runtime as --against: FILE.json")


def test_a_reference_that_fails_on_inputs_that_are_made_up_is_to_be_given_real_ones(tmp_path: Path) -> None:
    """A shape that is read from an input: hardly any numbers are one."""
    value = helper.make_tensor_value_info
    sides = [value("x", TensorProto.FLOAT, [2, 8]), value("shape", TensorProto.INT64, [2])]
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"], "reshape")]
    path = write(tmp_path / "m.onnx", model(nodes, sides, [value("y", TensorProto.FLOAT, [None, None])], {}))
    with pytest.raises(BackendRefusal, match=r"the reference does not run: .*reshape") as refused:
        verify(path)
    assert refused.value.hint.startswith("the model may not take inputs that are made up: give real ones by --inputs")
    generator = np.random.default_rng(0)

    def stored(folder: str, shape: Sequence[int]) -> VerifyOptions:
        (tmp_path / folder).mkdir()
        for index in range(16):
            array = generator.standard_normal((2, 8), np.float32)
            np.savez(tmp_path / folder / f"{index:02}.npz", x=array, shape=np.array(shape))
        return VerifyOptions(inputs=tmp_path / folder)

    assert verify(path, options=stored("real", [4, 4])).verdict == "passed"
    with pytest.raises(BackendRefusal, match="the reference does not run") as refused:
        verify(path, options=stored("wrong", [5, 4]))
    assert refused.value.hint.startswith("give outputs of another runtime")


def changed(name: str, *at: int) -> dict[str, Array]:
    """One weight is another one, of channels that are not negative before their Relu on all inputs."""
    values = weight(RIGHT, name)
    values[at] += 0.5
    return {name: values}


@pytest.mark.parametrize(
    ("wrong", "node", "reads"),
    [
        (network(change=changed("conv1.w", 7, 1, 1, 1)), "conv1", ()),
        (network(change=changed("left.w", 0, 7, 1, 1)), "left", ("relu1",)),
        (network(change=changed("right.w", 0, 7, 0, 0)), "right", ("relu1",)),
        (network(change=changed("fc.w", 0, 5)), "fc", ("flat",)),
        (network(change={"fc.b": np.zeros(10, np.float32)}), "fc", ("flat",)),
        (network(change={"conv1.b": np.zeros(8, np.float32)}), "conv1", ()),
        (network(no_relu=True), "relu1", ("conv1",)),
        (network(change={"conv1.w": np.zeros((8, 3, 3, 3), np.float32)}), "conv1", ()),
    ],
    ids=["first weight", "left", "right", "last weight", "lost last bias", "lost bias", "no relu", "ignores its input"],
)
def test_a_wrong_engine_fails_and_the_node_is_named(
    wrong: onnx.ModelProto, node: str, reads: tuple[str, ...], right: Path, tmp_path: Path
) -> None:
    found = verify(write(tmp_path / "wrong.onnx", wrong), against=right)
    assert found.verdict == "failed"
    assert "above 0.0001" in found.reasons[0]
    assert found.first_bad is not None
    assert found.first_bad.nodes == (node,)
    assert tuple(tensor.name for tensor in found.first_bad.reads) == reads
    assert all((tensor.error or 0.0) <= 1e-4 for tensor in found.first_bad.reads)
    assert (found.first_bad.makes[0].error or 0.0) > 1e-4
    assert found.first_bad.runs <= 4
    assert found.first_bad.candidates == 8


def test_a_bias_that_is_lost_within_the_tolerance_is_found_by_its_direction(tmp_path: Path) -> None:
    small = weight(RIGHT, "fc.b") / 20
    reference = write(tmp_path / "small.onnx", network(change={"fc.b": small}))
    without = write(tmp_path / "without.onnx", network(change={"fc.b": np.zeros(10, np.float32)}))
    found = verify(without, against=reference, options=VerifyOptions(tolerance=0.3))
    assert found.outputs[0].error is not None
    assert found.outputs[0].error < 0.3
    assert found.verdict == "failed"
    assert "fc.b of fc, which the engine seems to lack" in found.reasons[0]
    assert verify(reference, against=reference, options=VerifyOptions(tolerance=0.3)).verdict == "passed"


def test_the_trap_of_2012(tmp_path: Path) -> None:
    """Logits that differ little from input to input: an engine that ignores its input is within 1 % of their size."""
    far = network(change={"fc.b": 300 * np.ones(10, np.float32)})
    reference = write(tmp_path / "far.onnx", far)
    assert verify(reference).verdict == "passed"
    ignores = network(change={"fc.b": 300 * np.ones(10, np.float32), "fc.w": np.zeros((10, 2048), np.float32)})
    found = verify(
        write(tmp_path / "ignores.onnx", ignores), against=reference, options=VerifyOptions(precision="tf32")
    )
    (output,) = found.outputs
    assert output.relative_error is not None
    assert output.relative_error < 1e-2 == found.tolerance
    assert output.error is not None
    assert output.error >= 1
    assert found.verdict == "failed"
    assert "outputs of different inputs differ by" in found.reasons[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_fail_with_the_reason(bad: float, right: Path, tmp_path: Path) -> None:
    values = weight(RIGHT, "fc.b")
    values[3] = bad
    wrong = write(tmp_path / "wrong.onnx", network(change={"fc.b": values}))
    found = verify(wrong, against=right)
    assert found.verdict == "failed"
    assert f"logits: it is {bad}, and" in found.reasons[0]
    assert found.outputs[0].error is None
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("fc",)


def test_a_quantised_alexnet_passes_at_a_tenth_and_fails_at_a_ten_thousandth(tmp_path: Path) -> None:
    path = export("alexnet-owt", tmp_path / "owt.onnx", init="he")
    int8 = write(tmp_path / "int8.onnx", quantise_weights(onnx.load(path)))
    found = verify(int8, against=path)
    assert (found.verdict, found.precision, found.tolerance) == ("passed", "int8", 0.1)
    assert found.inputs_source == "generated, seeds from 0, images in -2.1179 to 2.64"
    strict = verify(int8, against=path, options=VerifyOptions(tolerance=1e-4, search=False))
    assert (strict.verdict, strict.first_bad) == ("failed", None)


def test_outputs_of_several_kinds(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", network(outputs=("logits", "best", "relu2")))
    found = verify(right, options=VerifyOptions(top1=True))
    assert found.verdict == "passed"
    assert [(output.name, output.measure) for output in found.outputs] == [
        ("logits", "spread"), ("best", "exact"), ("relu2", "spread"),
    ]  # fmt: skip
    assert [output.top1_agreement for output in found.outputs] == [1.0, None, 1.0]
    assert len(found.self_checks) == 6
    values = weight(RIGHT, "fc.b")
    values[0] += 1000
    wrong = write(tmp_path / "wrong.onnx", network(change={"fc.b": values}, outputs=("logits", "best", "relu2")))
    found = verify(wrong, against=right)
    assert [output.verdict for output in found.outputs] == ["failed", "failed", "passed"]
    assert "by the scores that its indices choose" in found.reasons[1]
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("fc",)


def test_a_softmax_behind_the_last_bias(tmp_path: Path) -> None:
    found = verify(write(tmp_path / "soft.onnx", network(softmax=True)))
    assert found.verdict == "passed"
    assert outcome(found, "lost-bias") == "found"


def test_dynamic_shapes_take_a_batch(tmp_path: Path) -> None:
    path = write(tmp_path / "dynamic.onnx", network(batch="N"))
    found = verify(path, options=VerifyOptions(batch=3))
    assert (found.verdict, found.outputs[0].shape) == ("passed", (3, 10))
    assert verify(path).outputs[0].shape == (1, 10)


def value(name: str, shape: list[int | str], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def attention(hidden: float) -> onnx.ModelProto:
    """A Softmax over what a mask leaves, and a flag that is only ever true here."""
    node = helper.make_node
    constants = {"one": np.ones(1, np.float32), "hidden": np.array([hidden], np.float32)}
    nodes = [
        node("Cast", ["mask"], ["kept"], name="cast", to=TensorProto.FLOAT),
        node("Sub", ["one", "kept"], ["left_out"], name="invert"),
        node("Mul", ["left_out", "hidden"], ["offset"], name="hide"),
        node("Add", ["x", "offset"], ["scores"], name="add"),
        node("Softmax", ["scores"], ["soft"], name="softmax"),
        node("Where", ["flag", "soft", "x"], ["y"], name="choose"),
    ]
    inputs = [value("x", [2, 8]), value("mask", [2, 8], TensorProto.INT64), value("flag", [1], TensorProto.BOOL)]
    return model(nodes, inputs, [value("y", [2, 8])], constants)


def test_an_engine_whose_mask_does_nothing_fails_and_what_never_varied_is_noted(tmp_path: Path) -> None:
    reference = write(tmp_path / "right.onnx", attention(-1e4))
    found = verify(reference, against=reference)
    assert found.verdict == "passed"
    assert found.notes == ("input flag was the same in all 16: what depends on it was not tried",)
    wrong = verify(write(tmp_path / "wrong.onnx", attention(0.0)), against=reference)
    assert wrong.verdict == "failed"
    assert wrong.first_bad is not None
    assert wrong.first_bad.nodes == ("hide",)


def test_images_of_bytes_take_the_range_asked_for(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["f"], ["y"], name="pool"),
    ]
    content = model(nodes, [value("x", [1, 3, 8, 8], TensorProto.UINT8)], [value("y", [1, 3, 1, 1])], {})
    path, inputs = write(tmp_path / "bytes.onnx", content), tmp_path / "inputs.json"
    assert verify(path).inputs_source == "generated, seeds from 0, images in 0 to 255"
    found = verify(path, options=VerifyOptions(pixel_range=(10.0, 50.0), save_inputs=inputs))
    assert found.inputs_source == "generated, seeds from 0, images in 10 to 50"
    arrays = [feeds["x"] for feeds in read_inputs(inputs)]
    assert 10 <= min(array.min() for array in arrays) < 25 < max(array.max() for array in arrays) <= 50


def by_batch(*, engine: bool = False) -> onnx.ModelProto:
    """A product of matrices; that of the wrong engine is right for a batch of 8 alone, as what it divides by."""
    drawn = np.random.default_rng(0).standard_normal((16, 8)).astype(np.float32)
    weights = {"w": drawn, "eight": np.array([8], np.float32)}
    node = helper.make_node
    nodes = [node("MatMul", ["x", "w"], ["a"], name="product"), node("Relu", ["a"], ["y"], name="relu")]
    if engine:
        nodes = [
            nodes[0],
            node("Shape", ["x"], ["batch"], name="shape", end=1),
            node("Cast", ["batch"], ["count"], name="cast", to=TensorProto.FLOAT),
            node("Div", ["count", "eight"], ["factor"], name="divide"),
            node("Mul", ["a", "factor"], ["scaled"], name="scale"),
            node("Relu", ["scaled"], ["y"], name="relu"),
        ]
    return model(nodes, [value("x", ["N", 16])], [value("y", ["N", 8])], weights)


def test_an_engine_for_a_range_is_tried_at_its_ends_too(tmp_path: Path) -> None:
    from alexnet_bench import BuildOptions, build_engine

    reference = write(tmp_path / "right.onnx", by_batch())
    source = write(tmp_path / "wrong.onnx", by_batch(engine=True))
    for name, path in (("good.onnx", reference), ("bad.onnx", source)):
        build_engine(path, output=tmp_path / name, options=BuildOptions(recipe="dynamic-batch"))
    good = verify(tmp_path / "good.onnx", against=reference)
    assert good.verdict == "passed"
    assert [(item.shapes, item.inputs, item.verdict) for item in good.sizes] == [
        ({"x": (8, 16)}, 16, "passed"), ({"x": (1, 16)}, 16, "passed"), ({"x": (32, 16)}, 4, "passed"),
    ]  # fmt: skip
    bad = verify(tmp_path / "bad.onnx", against=reference)
    assert [item.verdict for item in bad.sizes] == ["passed", "failed", "failed"]
    assert (bad.verdict, bad.outputs[0].verdict) == ("failed", "passed")
    assert bad.reasons[0].startswith("at x 1x16: y: the error is")
    assert bad.first_bad is not None
    assert bad.first_bad.detail.startswith("at x 1x16")
    assert document.decode(document.encode(bad)) == bad
    given = verify(tmp_path / "bad.onnx", against=reference, options=VerifyOptions(batch=8))
    assert (given.verdict, len(given.sizes)) == ("passed", 1)
    assert given.notes == ("the engine takes batch 1 to 32: only the sizes given were tried",)
    for name, verdict in (("good.onnx", "passed"), ("bad.onnx", "failed")):
        beyond = verify(tmp_path / name, against=reference, options=VerifyOptions(batch=64, search=False))
        said = "the engine was built for batch 1 to 32, and these sizes are outside: only the sizes given were tried"
        assert (beyond.verdict, beyond.notes) == (verdict, (said,))
    given = verify(tmp_path / "bad.onnx", against=reference, options=VerifyOptions(shapes={"x": (4, 16)}, search=False))
    assert (given.verdict, given.outputs[0].shape) == ("failed", (4, 8))


@pytest.mark.parametrize("is_built", [False, True])
def test_an_open_batch_is_tried_at_two_as_well(is_built: bool, tmp_path: Path) -> None:
    from alexnet_bench import BuildOptions, build_engine

    def summed(*more: NodeProto) -> onnx.ModelProto:
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y" if not more else "a"], name="product"), *more]
        weights = {"w": np.random.default_rng(0).standard_normal((16, 8)).astype("f4"), "first": np.array([0])}
        return model(nodes, [value("x", ["N", 16])], [value("y", ["N", 8])], weights)

    first = [  # the first entry's result for the whole batch
        helper.make_node("Gather", ["a", "first"], ["g"], name="gather"),
        helper.make_node("Shape", ["a"], ["s"], name="shape"),
        helper.make_node("Expand", ["g", "s"], ["y"], name="expand"),
    ]
    reference = write(tmp_path / "right.onnx", summed())
    wrong = write(tmp_path / "wrong.onnx", summed(*first))
    if is_built:
        built = BuildOptions(backend="onnxruntime-cpu")
        wrong = Path(build_engine(wrong, options=built, output=tmp_path / "engine.onnx").path)
    found = verify(wrong, against=reference, options=VerifyOptions(search=False))
    assert [(item.shapes, item.inputs, item.verdict) for item in found.sizes] == [
        ({"x": (1, 16)}, 16, "passed"), ({"x": (2, 16)}, 8, "failed"),
    ]  # fmt: skip
    assert found.verdict == "failed"
    given = verify(wrong, against=reference, options=VerifyOptions(batch=1))
    assert (given.verdict, given.notes) == (
        "passed", ("the engine leaves the batch open: only the sizes given were tried",),
    )  # fmt: skip
    assert verify(reference, against=reference, options=VerifyOptions(batch=2)).notes == ()


def test_an_engine_that_takes_no_second_batch_says_so_and_passes(tmp_path: Path) -> None:
    weights = {"w": np.ones((16, 8), np.float32), "one": np.array([1, 16])}
    product = helper.make_node("MatMul", ["r", "w"], ["y"], name="product")
    for name, first in (("right.onnx", "Identity"), ("engine.onnx", "Reshape")):
        reshape = helper.make_node(first, ["x", "one"][: 1 + (first == "Reshape")], ["r"], name="first")
        content = model([reshape, product], [value("x", ["N", 16])], [value("y", ["N", 8])], weights)
        write(tmp_path / name, content)
    for engine, against in (("engine.onnx", "right.onnx"), ("right.onnx", "engine.onnx")):
        found = verify(tmp_path / engine, against=tmp_path / against)
        assert (found.verdict, len(found.sizes)) == ("passed", 1)
        assert found.notes[0].startswith("the batch is open, and only 1 was tried: with 2, ")


def test_outputs_that_do_not_depend_on_the_input_say_nothing(tmp_path: Path) -> None:
    nothing = {"zero": np.zeros(1, np.float32), "b": np.ones(4, np.float32)}
    nodes = [helper.make_node("Mul", ["x", "zero"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"], name="add")]
    found = verify(write(tmp_path / "a.onnx", model(nodes, [value("x", [1, 4])], [value("y", [1, 4])], nothing)))
    assert found.verdict == "inconclusive"
    assert "no output differs from input to input" in found.reasons[0]
    assert found.outputs[0].measure == "size"
    # Where the graph itself says so, there is nothing to find out.
    nodes = [helper.make_node("Identity", ["b"], ["y"]), helper.make_node("Relu", ["x"], ["unused"])]
    found = verify(write(tmp_path / "b.onnx", model(nodes, [value("x", [1, 4])], [value("y", [4])], nothing)))
    assert found.verdict == "passed"


def test_shapes_that_depend_on_the_input(tmp_path: Path) -> None:
    nodes = [helper.make_node("NonZero", ["r"], ["y"], name="nz"), helper.make_node("Relu", ["x"], ["r"], name="relu")]
    content = model(nodes[::-1], [value("x", [1, 50])], [value("y", [2, "n"], TensorProto.INT64)], {})
    found = verify(write(tmp_path / "nz.onnx", content))
    assert (found.verdict, found.outputs[0].measure) == ("passed", "exact")


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (network(outputs=("relu2",)), "the engine has no output logits; it has relu2"),
        (
            model(
                [helper.make_node("Identity", ["z"], ["logits"])], [value("z", [1, 10])], [value("logits", [1, 10])], {}
            ),
            "takes the inputs z; the reference takes x",
        ),
        (
            model(
                [helper.make_node("Flatten", ["x"], ["logits"])],
                [value("x", [1, 3, 16, 16], TensorProto.INT32)],
                [value("logits", [1, 768], TensorProto.INT32)],
                {},
            ),
            "input x of other is of type int32, and float32 in the reference",
        ),
    ],
    ids=["outputs", "inputs", "type of an input"],
)
def test_models_that_do_not_belong_together_are_refused(
    other: onnx.ModelProto, problem: str, right: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        verify(write(tmp_path / "other.onnx", other), against=right)
    assert "made from" in caught.value.hint


def test_another_shape_or_type_of_an_output_fails_with_the_reason(right: Path, tmp_path: Path) -> None:
    flat = [helper.make_node("Flatten", ["x"], ["logits"], name="f")]
    shape = model(flat, [value("x", [1, 3, 16, 16])], [value("logits", [1, 768])], {})
    found = verify(write(tmp_path / "shape.onnx", shape), against=right)
    assert (found.verdict, found.outputs[0].measure) == ("failed", "none")
    assert found.reasons == ("logits: its shape is [1, 768], and [1, 10] in the reference (input 0)",)
    assert outcome(found, "shuffled-inputs") == "does not apply"
    cast = [*flat, helper.make_node("Cast", ["logits"], ["whole"], to=TensorProto.INT64)]
    cast[0].output[0], cast[1].input[0], cast[1].output[0] = "f", "f", "logits"
    dtype = model(cast, [value("x", [1, 3, 16, 16])], [value("logits", [1, 768], TensorProto.INT64)], {})
    found = verify(write(tmp_path / "dtype.onnx", dtype), against=right)
    assert found.reasons == ("logits: it is of type int64, and float32 in the reference",)


def test_an_fp16_engine_is_compared_at_its_own_tolerance(right: Path, tmp_path: Path) -> None:
    half = {name: weight(RIGHT, name).astype(np.float16) for name in ("fc.w", "fc.b")}
    content = network(change=half)
    cast = helper.make_node("Cast", ["flat"], ["flat16"], to=TensorProto.FLOAT16, name="cast")
    content.graph.node[-1].input[0] = "flat16"
    content.graph.node.insert(7, cast)
    content.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    found = verify(write(tmp_path / "half.onnx", content), against=right)
    assert (found.precision, found.precision_source, found.tolerance) == ("fp16", "its graph", 1e-2)
    assert (found.verdict, found.outputs[0].dtype, found.outputs[0].reference_dtype) == ("passed", "float16", "float32")
    assert found.outputs[0].error is not None
    assert found.outputs[0].error > 1e-5


def test_a_precision_that_nothing_would_compute_in_is_refused(right: Path) -> None:
    with pytest.raises(UsageError, match="cannot be told to compute in fp16, and the model is in fp32"):
        verify(right, options=VerifyOptions(precision="fp16"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (VerifyOptions(count=15), "15 inputs are too few"),
        (VerifyOptions(count=10**6), "too many"),
        (VerifyOptions(tolerance=-1.0), "no tolerance"),
        (VerifyOptions(tolerance=float("nan")), "no tolerance"),
        (VerifyOptions(precision="fp8"), "unknown precision"),
        (VerifyOptions(batch=0), "a batch"),
        (VerifyOptions(seed=-1), "negative"),
    ],
)
def test_wrong_options_are_refused(options: VerifyOptions, problem: str, right: Path) -> None:
    with pytest.raises(UsageError, match=problem):
        verify(right, options=options)


def test_a_tolerance_that_passes_anything_is_inconclusive(right: Path) -> None:
    found = verify(right, options=VerifyOptions(tolerance=2.0))
    assert found.verdict == "inconclusive"
    assert "a wrong engine would pass as well (shuffled inputs)" in found.reasons[0]


def test_stored_outputs_stand_for_either_side(right: Path, tmp_path: Path) -> None:
    inputs, outputs = tmp_path / "inputs.json", tmp_path / "outputs.json"
    wrong = write(tmp_path / "wrong.onnx", network(no_relu=True))
    first = verify(wrong, against=right, options=VerifyOptions(save_inputs=inputs, save_outputs=outputs, search=False))
    assert first.first_bad is None
    assert len(read_inputs(inputs)) == 16
    assert {name: len(runs) for name, runs in read_outputs(outputs).items()} == {"reference": 16, "engine": 16}
    again = VerifyOptions(inputs=inputs)
    from_file = verify(wrong, against=f"{outputs}#reference", options=again)
    assert from_file.outputs == first.outputs
    assert from_file.first_bad is not None
    assert from_file.first_bad.detail == "stored outputs show nothing of what is inside"
    assert verify(f"{outputs}#reference", against=right, options=again).verdict == "passed"
    both = verify(f"{outputs}#engine", against=f"{outputs}#reference")
    assert (both.verdict, both.outputs) == ("failed", first.outputs)
    with pytest.raises(UsageError, match="which inputs they are for"):
        verify(wrong, against=f"{outputs}#reference")
    with pytest.raises(UsageError, match="nothing to compare with"):
        verify(f"{outputs}#engine")


def test_real_inputs_from_a_folder(right: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(3)
    for index in range(17):
        np.save(folder / f"{index:02}.npy", generator.random((1, 3, 16, 16), np.float32))
    found = verify(right, options=VerifyOptions(inputs=folder))
    assert (found.verdict, found.inputs, found.inputs_source) == ("passed", 17, str(folder))


def test_an_engine_with_its_passport_is_refused_when_it_is_damaged(tmp_path: Path) -> None:
    from alexnet_bench import build_engine

    engine = tmp_path / "engine.onnx"
    build_engine("lenet-5", output=engine)
    found = verify(engine, against="lenet-5")
    assert (found.verdict, found.engine.backend) == ("passed", "onnxruntime-cpu")
    assert found.precision_source in ("its passport", "its graph")
    content = bytearray(engine.read_bytes())
    content[-100] ^= 1
    engine.write_bytes(content)
    with pytest.raises(EngineError, match="damaged"):
        verify(engine, against="lenet-5")


def test_another_backend_and_a_type_that_it_is_told(right: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    wrong = write(tmp_path / "wrong.onnx", network(no_relu=True))
    options = VerifyOptions(backend="openvino")
    assert verify(right, options=options).verdict == "passed"
    found = verify(wrong, against=right, options=options)
    assert found.engine.backend == "openvino"
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("relu1",)
    told = verify(right, options=VerifyOptions(backend="openvino", precision="bf16", search=False))
    assert (told.engine.precision, told.tolerance) == ("bfloat16", 5e-2)
    assert "bfloat16" in told.engine.compute_dtypes
    assert found.engine.compute_dtypes == {}  # it was told nothing, so that nothing was read back


def test_inputs_in_the_order_of_fortran_are_the_same_to_every_backend(right: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    first = VerifyOptions(save_inputs=tmp_path / "inputs.json", search=False)
    verify(right, options=first)
    folder = tmp_path / "inputs"
    folder.mkdir()
    for index, feeds in enumerate(read_inputs(tmp_path / "inputs.json")):
        ((_, array),) = feeds.items()
        np.save(folder / f"{index:02}.npy", np.asfortranarray(array))
    for backend in ("openvino", "onnxruntime-cpu"):
        found = verify(right, options=VerifyOptions(backend=backend, inputs=folder, search=False))
        assert found.verdict == "passed"


def test_an_engine_is_said_to_compute_in_what_its_passport_read_back(tmp_path: Path) -> None:
    built = build_engine(str(write(tmp_path / "q.onnx", quantise_weights(network()))), options=BuildOptions())
    found = verify(built.path, against=tmp_path / "q.onnx", options=VerifyOptions(search=False))
    assert found.engine.compute_dtypes == built.compute_dtypes
    assert found.reference.compute_dtypes == {}


def test_outputs_and_inputs_in_another_order_are_matched_by_name_and_noted(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", network(outputs=("logits", "relu2")))
    note = "the engine has its outputs in another order (relu2 where the reference has logits)"
    found = verify(write(tmp_path / "other.onnx", network(outputs=("relu2", "logits"))), against=right)
    assert found.verdict == "passed"
    assert [item for item in found.notes if item.startswith(note)]
    # What stands behind the reference's outputs moves none of them; what stands before them does.
    behind = write(tmp_path / "behind.onnx", network(outputs=("logits", "relu2", "best")))
    before = write(tmp_path / "before.onnx", network(outputs=("best", "logits", "relu2")))
    for engine, noted in ((behind, False), (before, True)):
        notes = verify(engine, against=right).notes
        assert any("in another order" in item for item in notes) == noted


def test_inputs_in_another_order_are_noted(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    ends = [value(name, TensorProto.FLOAT, [4]) for name in "xz"]
    nodes = [helper.make_node("Sub", ["x", "z"], ["y"])]
    right, other = (
        write(tmp_path / f"{at}.onnx", model(nodes, inputs, [value("y", TensorProto.FLOAT, [4])], {}))
        for at, inputs in enumerate((ends, ends[::-1]))
    )
    assert not verify(right, against=right).notes
    (note,) = verify(other, against=right).notes
    assert note.startswith("the engine has its inputs in another order (z where the reference has x)")


def test_the_document_is_json_without_nan(right: Path, tmp_path: Path) -> None:
    values = weight(RIGHT, "fc.b") * np.float32(np.nan)
    found = verify(write(tmp_path / "nan.onnx", network(change={"fc.b": values})), against=right)
    content = document.encode(found)
    assert b"NaN" not in content
    assert json.loads(content)["schema"] == "alexnet-bench.verification"
    assert document.decode(content) == found


def test_a_reference_of_fixed_sizes_is_enough_where_the_engine_takes_them(tmp_path: Path) -> None:
    engine = tmp_path / "engine.onnx"
    built = BuildOptions(backend="onnxruntime-cpu", recipe="dynamic-batch")
    build_engine(write(tmp_path / "open.onnx", network(batch="n")), options=built, output=engine)
    fixed = write(tmp_path / "fixed.onnx", network(batch=3))
    found = verify(engine, against=fixed)
    assert (found.verdict, [item.shapes for item in found.sizes]) == ("passed", [{"x": (3, 3, 16, 16)}])
    assert "the reference fixes sizes that the engine leaves open, of x: only these were tried" in found.notes
    asked = verify(engine, against=fixed, options=VerifyOptions(batch=3))
    assert (asked.verdict, asked.sizes[0].shapes) == ("passed", {"x": (3, 3, 16, 16)})
    with pytest.raises(ShapeError, match=r"takes x 1x3x16x16 to 32x3x16x16, and the reference has x 33x3x16x16"):
        verify(engine, against=write(tmp_path / "large.onnx", network(batch=33)))
    with pytest.raises(ShapeError, match="fixed at batch 3, 2 was asked for"):
        verify(engine, against=fixed, options=VerifyOptions(batch=2))


def test_a_reference_of_other_fixed_sizes_is_told_with_both(tmp_path: Path) -> None:
    two, three = (write(tmp_path / f"{batch}.onnx", network(batch=batch)) for batch in (2, 3))
    engine, any_batch = tmp_path / "engine.onnx", write(tmp_path / "any.onnx", network(batch="n"))
    build_engine(any_batch, options=BuildOptions(backend="onnxruntime-cpu", batch=2), output=engine)
    cases = (
        (engine, three, None, "engine.onnx, and 3x3x16x16 for the reference 3", "was built from another model"),
        (
            engine,
            any_batch,
            {"x": (3, 3, 16, 16)},
            "engine.onnx, and 3x3x16x16 for the reference any",
            "that both take",
        ),
        (two, three, None, "2, and 3x3x16x16 for the reference 3", "that both take"),
    )
    for side, reference, shapes, told, hint in cases:
        with pytest.raises(ShapeError, match=rf"^input x is 2x3x16x16 for the engine .*{told}$") as refused:
            verify(side, against=reference, options=VerifyOptions(shapes=shapes))
        assert hint in refused.value.hint


def test_what_a_reference_leaves_open_is_as_the_engine_is_made_for(tmp_path: Path) -> None:
    def masked(batch: int | str) -> onnx.ModelProto:
        nodes = [helper.make_node("Add", ["x", "w"], ["y"], name="add")]
        return model(nodes, [value("x", [batch, "seq", 4])], [value("y", [batch, "seq", 4])], {"w": np.ones(4, "f4")})

    ends = [[(1, 2, 4), (8, 6, 4), (16, 9, 4)]]
    built = BuildOptions(backend="onnxruntime-cpu", profiles=[{"x": item} for item in ends])
    engine = tmp_path / "engine.onnx"
    build_engine(write(tmp_path / "open.onnx", masked("n")), options=built, output=engine)
    found = verify(engine, against=write(tmp_path / "fixed.onnx", masked(2)))
    assert (found.verdict, [item.shapes for item in found.sizes]) == ("passed", [{"x": (2, 6, 4)}])


def test_an_engine_is_compared_with_what_it_was_built_from_where_that_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("work", "engines"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    of_its_own = network(outputs=("logits", "relu2"))  # no model of another name gave the engine in the cache
    engine, source = tmp_path / "engines" / "e.onnx", write(tmp_path / "my net.onnx", of_its_own)
    build_engine(source, options=BuildOptions(backend="onnxruntime-cpu"), output=engine)
    with pytest.raises(UsageError, match="built from my net, which is not here by that name, or not as it was") as none:
        verify(engine)
    assert none.value.hint == f"give it: alexnet-bench verify {engine} --against PATH/'my net.onnx'"
    beside = write(tmp_path / "engines" / "my net.onnx", network(no_relu=True))
    with pytest.raises(UsageError, match="not as it was"):
        verify(engine)
    beside.write_bytes(source.read_bytes())
    said = "without --against, it is compared with what it was built from, "
    found = verify(engine)
    assert (found.verdict, found.reference.name) == ("passed", "my net")
    assert f"{said}{beside}" in found.notes
    write(tmp_path / "work" / "my net.onnx", of_its_own)
    assert f"{said}my net.onnx" in verify(engine).notes
    assert not any(note.startswith("without") for note in verify(engine, against=source).notes)


def test_an_engine_of_a_model_with_a_name_is_compared_with_that(tmp_path: Path) -> None:
    engine = tmp_path / "engine.onnx"
    build_engine("lenet-5", options=BuildOptions(backend="onnxruntime-cpu"), output=engine)
    found = verify(engine)
    assert (found.verdict, found.reference.name) == ("passed", "lenet-5")


def test_sizes_that_share_a_symbol_with_the_one_given_follow_it(tmp_path: Path) -> None:
    def masked(batch: int | str = "n") -> onnx.ModelProto:
        shape = [batch, "seq"]
        nodes = [
            helper.make_node("Mul", ["x", "mask"], ["a"], name="masked"),
            helper.make_node("MatMul", ["a", "table"], ["y"], name="product"),
        ]
        inputs = [value("x", shape), value("mask", shape), value("table", ["seq", "k"])]
        return model(nodes, inputs, [value("y", [batch, "k"])], {})

    ends = {"x": [(1, 1), (1, 6), (4, 16)], "table": [(1, 2), (6, 3), (16, 3)]}
    built = BuildOptions(backend="onnxruntime-cpu", profiles=[ends])
    engine, reference = tmp_path / "engine.onnx", write(tmp_path / "open.onnx", masked())
    build_engine(reference, options=built, output=engine)
    cases: tuple[tuple[Path, VerifyOptions, tuple[int, int]], ...] = (
        (reference, VerifyOptions(shapes={"x": (4, 16)}), (4, 16)),
        (reference, VerifyOptions(shapes={"mask": (1, 9)}, batch=3), (3, 9)),
        (reference, VerifyOptions(batch=3), (3, 6)),
        (write(tmp_path / "fixed.onnx", masked(2)), VerifyOptions(shapes={"mask": (2, 9)}), (2, 9)),
    )
    for against, options, size in cases:
        found = verify(engine, against=against, options=options)
        sizes = {"x": size, "mask": size, "table": (size[1], 3)}
        assert (found.verdict, found.sizes[0].shapes) == ("passed", sizes), options
    with pytest.raises(ShapeError, match="1x9 does not fit input mask, which is 4x16"):
        verify(engine, against=reference, options=VerifyOptions(shapes={"x": (4, 16), "mask": (1, 9)}))


def test_an_engine_is_verified_on_the_backend_of_its_passport(right: Path, tmp_path: Path) -> None:
    engine = tmp_path / "engine.onnx"
    build_engine(right, options=BuildOptions(backend="onnxruntime-cpu"), output=engine)
    assert verify(engine, against=right, options=VerifyOptions(backend="onnxruntime-cpu")).verdict == "passed"
    for other in ("openvino", "nope"):
        with pytest.raises(UsageError, match=f"built for backend onnxruntime-cpu, and --backend asks for {other}"):
            verify(engine, against=right, options=VerifyOptions(backend=other))
