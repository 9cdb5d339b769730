"""What every pass must keep: the values, the origins, the model that it was given, and itself when it runs again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper, shape_inference

from alexnet_bench.backends.client import Deadlines
from alexnet_bench.engine.evaluate import InWorker
from alexnet_bench.graph import naming
from alexnet_bench.graph.passes import PASSES, PassResult
from alexnet_bench.network import architectures
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import build_model
from tests.unit.backends.conftest import with_random_weights

Array = np.ndarray[Any, Any]
Feeds = Sequence[Mapping[str, Array]]

EXACT = 1e-5
EVALUATOR = InWorker(Deadlines())
"""One process for all tests."""


@pytest.fixture(scope="session", autouse=True)
def _evaluator_ends() -> Iterator[None]:
    with EVALUATOR:
        yield


def outputs_of(model: ModelProto, feeds: Feeds, *, optimised: bool = False) -> list[list[Array]]:
    """The outputs of ONNX Runtime for each of the inputs."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [session.run(None, dict(inputs)) for inputs in feeds]


def error(
    before: ModelProto, after: ModelProto, feeds: Feeds, *, optimised: bool = False, centred: bool = True
) -> float:
    """The largest relative error of an output over distinct inputs, with the mean over inputs taken out below.

    Where random weights make every input look the same to a deep network, `centred=False` leaves the mean in.
    """
    theirs, ours = outputs_of(before, feeds), outputs_of(after, feeds, optimised=optimised)
    worst = 0.0
    for expected, found in zip(zip(*theirs, strict=True), zip(*ours, strict=True), strict=True):
        y, other = np.stack(expected).astype(np.float64), np.stack(found).astype(np.float64)
        assert y.shape == other.shape
        spread = np.linalg.norm(y - y.mean(axis=0)) if centred and len(y) > 1 else np.linalg.norm(y)
        worst = max(worst, float(np.linalg.norm(y - other) / (spread or np.linalg.norm(y) or 1.0)))
    return worst


def check(model: ModelProto, name: str, feeds: Feeds, *, seen: bool = False) -> PassResult:
    """Runs a pass and checks everything but the values.

    Args:
        model: with named nodes.
        name: of the pass.
        feeds: inputs.
        seen: whether the pass sees them.
    """
    given = model.SerializeToString(deterministic=True)
    result = PASSES[name].run(model, feeds=feeds if seen else (), evaluator=EVALUATOR)
    assert model.SerializeToString(deterministic=True) == given
    checker.check_model(result.model, full_check=all(not item.domain for item in result.model.opset_import))
    _check_origins(model, result)
    again = PASSES[name].run(result.model, feeds=feeds if seen else (), evaluator=EVALUATOR)
    assert again.changes == ()
    assert again.kept_fp32 == result.kept_fp32
    assert again.model.SerializeToString(deterministic=True) == result.model.SerializeToString(deterministic=True)
    if not result.changes:
        assert result.model.SerializeToString(deterministic=True) == given
    return result


def _check_origins(model: ModelProto, result: PassResult) -> None:
    names = [node.name for node in result.model.graph.node]
    assert len(set(names)) == len(names)
    assert all(names)
    assert list(result.origins) == names
    before = {node.name for node in model.graph.node}
    covered = {origin for origins in result.origins.values() for origin in origins}
    assert covered <= before
    assert all(result.origins.values())
    told = {word.strip(",:") for change in result.changes for word in change.split()}
    assert before - covered - told == set()


def random_feeds(model: ModelProto, count: int = 4, *, low: float = -1.0, high: float = 1.0) -> list[dict[str, Array]]:
    """Uniform numbers for each input that is no initialiser; an open dimension gets 2."""
    generator = np.random.default_rng(0)
    weights = {item.name for item in model.graph.initializer}
    shapes = {
        info.name: [dim.dim_value or 2 for dim in info.type.tensor_type.shape.dim]
        for info in model.graph.input
        if info.name not in weights
    }
    return [
        {name: generator.uniform(low, high, shape).astype(np.float32) for name, shape in shapes.items()}
        for _ in range(count)
    ]


def named(model: ModelProto) -> ModelProto:
    """The model with a unique name for each node."""
    for node, name in zip(model.graph.node, naming.identities(model.graph), strict=True):
        node.name = name
    return model


def small(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    weights: Mapping[str, Array],
    *,
    opset: int = 17,
    domains: Sequence[str] = (),
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> ModelProto:
    """A model of those nodes, named after what they make; `shapes` are of outputs that ONNX does not infer."""
    known = {name: value.shape for name, value in weights.items()} | dict(shapes or {})
    for node in nodes:
        node.name = node.name or f"node_{node.output[0]}"
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, known.get(name)) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return shape_inference.infer_shapes(helper.make_model(graph, opset_imports=imports, ir_version=8), data_prop=True)


def drawn(*shape: int, seed: int = 0) -> Array:
    """Standard normal float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def operators(model: ModelProto) -> list[str]:
    """The operators of the main graph, in order."""
    return [node.op_type for node in model.graph.node]


@pytest.fixture(scope="session")
def network() -> Callable[[str], ModelProto]:
    """A reference network with He-initialised weights."""
    made: dict[str, ModelProto] = {}

    def build(name: str) -> ModelProto:
        if name not in made:
            described = architectures.get(name)
            made[name] = build_model(described, initialise(described, init="he"))
        return made[name]

    return build


@pytest.fixture(scope="session")
def light() -> Callable[[str], ModelProto]:
    """A model inside the onnx package with random weights, and without the softmax that hides differences."""
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

    def build(name: str) -> ModelProto:
        model = named(with_random_weights(folder / f"light_{name}.onnx"))
        last = model.graph.node[-1]
        if last.op_type == "Softmax":
            model.graph.output[0].name = last.input[0]
            del model.graph.node[-1]
        return model

    return build
