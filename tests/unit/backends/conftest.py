"""Models run on the real ONNX Runtime with layer times, and an oracle for what each layer claims to make."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.attribution import coverage
from alexnet_bench.attribution.join import Attribution, join
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.backends.onnxruntime.cpu import OnnxRuntimeCpu
from alexnet_bench.backends.onnxruntime.layers import read_layers
from alexnet_bench.backends.onnxruntime.names import UserNames
from alexnet_bench.backends.onnxruntime.session import OPTIMISED_MODEL
from alexnet_bench.backends.onnxruntime.tensors import Meanings
from alexnet_bench.backends.protocol import NAMED_MODEL, LoadRequest
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Coverage, LayerProfile
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.inputs import generate

Array = np.ndarray[Any, Any]

_RUNS = 2
_NCHWC_BLOCKS = (16, 8)


@dataclass(frozen=True)
class Profiled:
    """One model after a run with layer times."""

    path: Path
    folder: Path
    graph: Graph
    times: LayerTimes
    attribution: Attribution
    layers: tuple[LayerProfile, ...]
    coverage: Coverage
    feeds: Mapping[str, Array]

    @property
    def owners(self) -> dict[str, tuple[str, ...]]:
        """The operators of the engine that own each node."""
        return {
            name: tuple(
                owned.layer.op for owned in self.attribution.owned if name in owned.nodes or name in dict(owned.shared)
            )
            for name in (node.name for node in self.graph.live_nodes)
        }

    def nodes_of(self, op: str) -> list[set[str]]:
        """The nodes of each layer of one operator of the engine."""
        return [{*owned.nodes, *dict(owned.shared)} for owned in self.attribution.owned if owned.layer.op == op]

    def check(self, *, time_fraction: float = 0.98, macs_fraction: float = 1.0) -> None:
        """What must hold of every model: whole nodes, all arithmetic, nearly all time, no stranger."""
        shares = dict.fromkeys((node.name for node in self.graph.live_nodes), 0.0)
        for layer in self.layers:
            for name in layer.onnx_nodes:
                shares[name] += 1
            for part in layer.shared_nodes:
                shares[part.name] += part.share
        assert {name: share for name, share in shares.items() if abs(share - 1) > 1e-9} == {}
        assert self.coverage.unattributed_nodes == ()
        assert self.coverage.macs_attributed_fraction in (macs_fraction, None)
        assert [layer.name for layer in self.times.layers if layer.is_unmatched] == []
        assert [owned for owned in self.attribution.owned if owned.layer.is_overhead and owned.nodes] == []
        assert self.coverage.time_attributed_fraction is not None
        assert self.coverage.time_attributed_fraction >= time_fraction

    def wrong_claims(self, tolerance: float = 1e-4, *, correlation: float | None = None) -> list[str]:
        """Layers whose output is not the tensor they claim to make, by value.

        The optimised model runs with every layer's output exposed, the user's model without any optimisation. Where
        both round to few bits, each in its own places, values that correlate so far are the same.
        """
        optimised = onnx.load(self.folder / OPTIMISED_MODEL, load_external_data=False)
        meanings = Meanings(optimised, UserNames(self.graph))
        pairs = [
            (node, output, tensor)
            for node in optimised.graph.node
            for output in filter(None, node.output)
            for tensor in _stands_for(meanings, output)
        ]
        assert pairs
        named = self.folder / NAMED_MODEL  # ONNX Runtime refuses a name twice where it does not optimise
        theirs = _values(named if named.is_file() else self.path, {tensor for _, _, tensor in pairs}, self.feeds)
        ours = _values(self.folder / OPTIMISED_MODEL, {output for _, output, _ in pairs}, self.feeds)
        return [
            f"{node.name} ({node.op_type}) does not make {tensor}"
            for node, output, tensor in pairs
            if not _same(ours[output], theirs[tensor], tolerance, correlation)
        ]


Profile = Callable[..., Profiled]


@pytest.fixture
def profile_model(tmp_path: Path) -> Profile:
    """Runs a model, given as a file or a message, with layer times."""
    numbers = itertools.count()

    def run(model: ModelProto | Path, *, seed: int = 0) -> Profiled:
        folder = tmp_path / f"layers {next(numbers)}"
        folder.mkdir()
        path = model if isinstance(model, Path) else folder / "model.onnx"
        if not isinstance(model, Path):
            onnx.save(model, path)
        return _run(path, folder, seed)

    return run


@pytest.fixture(scope="session")
def light_models() -> dict[str, Path]:
    """The models inside the onnx package; each weight is a tensor filled with one number."""
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    return {path.stem.removeprefix("light_"): path for path in sorted(folder.glob("light_*.onnx"))}


def _run(path: Path, folder: Path, seed: int) -> Profiled:
    file = open_model(path)
    graph = build_graph(file, name="model")
    named = named_copy(file)
    if named is not None:
        (folder / NAMED_MODEL).write_bytes(named)
    runner = OnnxRuntimeCpu()
    runner.activate(LoadRequest("onnxruntime-cpu", str(path), 2, str(folder)))
    feeds = generate(graph, seed=seed)
    for _ in range(_RUNS):
        runner.infer(feeds)
    runner.deactivate()
    times = read_layers(folder, graph, timed_runs=_RUNS, wall_s=(1.0,) * _RUNS)
    attribution, costs = join(graph, count(graph), times.layers), count(graph)
    layers = timed_layers(graph, costs, attribution, times, None)
    covered = coverage.measured(costs, attribution, layers, times)
    return Profiled(path, folder, graph, times, attribution, layers, covered, feeds)


def _stands_for(meanings: Meanings, output: str) -> list[str]:
    """The user's tensors that a tensor of the optimised model is said to be."""
    tensor = meanings.of(output)
    return [] if tensor is None else [tensor, *meanings.merged_into(tensor)]


def _values(path: Path, names: set[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Tensors of a model that runs without optimisations, whether they are outputs or not."""
    import onnxruntime as ort

    model = onnx.load(path)
    known = {*feeds, *(item.name for item in model.graph.output)}
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in sorted(names - known))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = sorted(names - set(feeds))
    return {**feeds, **dict(zip(wanted, session.run(wanted, feeds), strict=True))}


def _same(ours: Array, theirs: Array, tolerance: float, correlation: float | None) -> bool:
    layouts = [value for value in _layouts(ours, theirs.shape) if value.shape == theirs.shape]
    if correlation is not None and any(_correlation(value, theirs) >= correlation for value in layouts):
        return True
    if any(_close(value, theirs, tolerance) for value in layouts):
        return True
    # In another order of the axes, perhaps in blocks too: the same random values in another place.
    return ours.size == theirs.size and _close(np.sort(ours.ravel()), np.sort(theirs.ravel()), tolerance)


def _close(left: Array, right: Array, tolerance: float) -> bool:
    if right.dtype.kind != "f":
        return bool(np.array_equal(left, right))
    scale = float(np.abs(right).max(initial=1e-30))
    return bool(np.abs(left.astype(np.float64) - right.astype(np.float64)).max(initial=0.0) <= tolerance * scale)


def _correlation(left: Array, right: Array) -> float:
    """Of two tensors of one shape; 1 where both hardly vary."""
    pair = np.stack([left.ravel(), right.ravel()]).astype(np.float64)
    spreads = [float(np.ptp(values)) for values in pair]
    if max(spreads) < 1e-2:
        return 1.0
    return float(np.asarray(np.corrcoef(pair))[0, 1]) if all(spreads) else 0.0


def _layouts(value: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """The value as it is, in another shape, and as NCHW if channels came last or in blocks, padded to whole ones."""
    yield value
    if value.size == np.prod(shape):
        yield value.reshape(shape)
    if value.ndim > 2:
        yield np.moveaxis(value, -1, 1)
    if value.ndim == len(shape) == 4:
        batch, channels, height, width = value.shape
        for block in _NCHWC_BLOCKS:
            if channels % block == 0:
                blocked = value.reshape(batch, channels // block, height, width, block)
                yield blocked.transpose(0, 1, 4, 2, 3).reshape(value.shape)[:, : shape[1]]


_MOST_DRAWN = 1_000_003
"""Random weights of a tensor before they are repeated: a prime number, so that no two rows are the same."""


def with_random_weights(path: Path, seed: int = 0) -> ModelProto:
    """One of the models inside the onnx package with weights that differ from channel to channel."""
    model = onnx.load(path)
    model.ir_version = 8  # from 4 on, initialisers need not stand among the inputs
    shapes = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    filled = [node for node in model.graph.node if node.op_type == "ConstantOfShape" and node.input[0] in shapes]
    role = {name: (node.op_type, index) for node in model.graph.node for index, name in enumerate(node.input) if name}
    generator = np.random.default_rng(seed)
    for node in filled:
        value = _weights(tuple(map(int, shapes[node.input[0]])), role.get(node.output[0], ("", 0)), generator)
        model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        model.graph.node.remove(node)
    return model


def _weights(shape: tuple[int, ...], role: tuple[str, int], generator: np.random.Generator) -> Array:
    if role in (("BatchNormalization", 1), ("BatchNormalization", 4)):  # scale and variance
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.3
    drawn = generator.standard_normal(min(int(np.prod(shape)), _MOST_DRAWN), np.float32) * np.float32(spread)
    return np.resize(drawn, shape)


@dataclass(frozen=True)
class Build:
    """Small models with random weights."""

    seed: int = 0

    def model(
        self,
        nodes: Sequence[NodeProto],
        inputs: Mapping[str, Sequence[int]],
        outputs: Sequence[str],
        weights: Mapping[str, Sequence[int] | Array],
        *,
        dtype: int = TensorProto.FLOAT,
        opset: int = 17,
    ) -> ModelProto:
        """A model of those nodes; a weight is an array, or the shape of one to be filled at random."""
        generator = np.random.default_rng(self.seed)
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
            [
                numpy_helper.from_array(
                    value
                    if isinstance(value, np.ndarray)
                    else (generator.uniform(0.1, 1, tuple(value)) * generator.choice([-1, 1])).astype(
                        helper.tensor_dtype_to_np_dtype(dtype)
                    ),
                    name,
                )
                for name, value in weights.items()
            ],
        )
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.fixture
def build() -> Build:
    """Makes small models."""
    return Build()


@pytest.fixture
def randomised() -> Callable[[Path], ModelProto]:
    """Gives the models inside the onnx package weights that differ from channel to channel."""
    return with_random_weights
