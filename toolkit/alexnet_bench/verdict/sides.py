"""The two that are compared: a model that a runtime runs, or outputs that were stored elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.client import Deadlines
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, is_float
from alexnet_bench.core.text import printable
from alexnet_bench.core.verification import Side
from alexnet_bench.graph.marking import mark_outputs
from alexnet_bench.graph.onnx_io import ModelFile
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.verdict.model_run import Run, run_model
from alexnet_bench.verdict.parity import Array


@dataclass(frozen=True)
class StoredSide:
    """Outputs from elsewhere.

    Attributes:
        name: of the file, and of the runner in it.
        iterations: outputs by name, for each input.
    """

    name: str
    iterations: Sequence[Mapping[str, Array]]

    def run(self) -> Run:
        """The outputs.

        Raises:
            UsageError: there are none, or not the same ones for each input.
        """
        names = list(self.iterations[0]) if self.iterations else []
        if not names or any(set(iteration) != set(names) for iteration in self.iterations):
            raise UsageError(
                f"{printable(self.name)} does not hold the same outputs for each input", "store them again"
            )
        return Run(None, {name: [iteration[name] for iteration in self.iterations] for name in names})

    def described(self, _: Run) -> Side:
        """For the document."""
        return Side(self.name)


@dataclass(frozen=True)
class ModelSide:
    """A model, and what runs it.

    Attributes:
        name: for people.
        file: as `open_model` gives it.
        graph: with the shapes of the first input.
        request: how a worker loads it.
        inputs: folders with the arrays of each input, in this model's types.
        deadlines: how long the runtime may take.
        origins: node of this graph -> nodes of the user's, where passes changed it.
        mark: makes a request for what gives tensors inside it as outputs too, written to a folder; None marks a copy
            of the file.
        compute_dtypes: its layers by the type of their arithmetic, where that was read back.
    """

    name: str
    file: ModelFile
    graph: Graph
    request: LoadRequest
    inputs: Sequence[Path]
    deadlines: Deadlines = field(default_factory=Deadlines)
    origins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mark: Callable[[Sequence[str], Path], LoadRequest] | None = None
    compute_dtypes: Mapping[str, int] = field(default_factory=dict)

    def run(self, folder: Path, marked: Sequence[str] = ()) -> Run:
        """Runs it on all inputs.

        Args:
            folder: for the outputs and for a copy with tensors marked.
            marked: tensors inside it to give as outputs too.

        Raises:
            BackendRefusal: the runtime does not take it.
            BackendCrash: the worker died or hung.
            EngineError: tensors inside it cannot be shown.
        """
        request = self._marked(marked, folder / "model") if marked else self.request
        return run_model(request, self.inputs, folder / "outputs", self.deadlines)

    def _marked(self, tensors: Sequence[str], folder: Path) -> LoadRequest:
        if self.mark is not None:
            return self.mark(tensors, folder)
        return replace(self.request, model_path=str(mark_outputs(self.file, tensors, folder)))

    def described(self, run: Run) -> Side:
        """For the document."""
        loaded, request = run.loaded, self.request
        return Side(
            self.name,
            self.file.sha256,
            request.backend,
            loaded.backend_version if loaded else None,
            loaded.device if loaded else None,
            request.precision,
            dict(request.settings),
            dict(self.compute_dtypes),
        )


_FLOATS = {"float64": "float64", "float32": "float32", "float16": "float16", "bfloat16": "float32"}
"""Types of inputs that floats are converted to, and numpy's for them: it has no bfloat16, to which a runner rounds."""

AnySide = ModelSide | StoredSide


def other_orders(reference: AnySide, engine: AnySide) -> list[str]:
    """A line where the engine has the inputs, or the reference's outputs, of two models in another order."""
    if not isinstance(reference, ModelSide) or not isinstance(engine, ModelSide):
        return []
    ours, theirs = reference.graph, engine.graph
    found = (
        ("inputs", "gives", ours.inputs, theirs.inputs),
        ("outputs", "reads", ours.outputs, theirs.outputs),
    )
    others = ((kind, does, next(_differing(names, other), None)) for kind, does, names, other in found)
    return [
        f"the engine has its {kind} in another order ({printable(first[1])} where the reference has "
        f"{printable(first[0])}): they were matched by name, and code that {does} them by position mixes them up"
        for kind, does, first in others
        if first is not None
    ]


def _differing(names: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((name, other) for name, other in zip(names, others, strict=False) if name != other)


def write_inputs(samples: Sequence[Feeds], graph: Graph, folder: Path) -> list[Path]:
    """Writes inputs for one model; floats in the width that it takes.

    Raises:
        UsageError: it takes other inputs.
    """
    if set(samples[0]) != set(graph.inputs):
        theirs, ours = (", ".join(map(printable, sorted(names))) or "none" for names in (graph.inputs, samples[0]))
        raise UsageError(
            f"{printable(graph.name)} takes the inputs {theirs}; the reference takes {ours}",
            "give --against the model that the engine was made from",
        )
    folders = []
    for index, feeds in enumerate(samples):
        folders.append(folder / str(index))
        folders[-1].mkdir(parents=True)
        write_arrays(folders[-1], {name: _converted(name, array, graph) for name, array in feeds.items()})
    return folders


def _converted(name: str, array: Array, graph: Graph) -> Array:
    wanted = graph.tensor(name).dtype
    if not wanted or array.dtype == wanted:
        return array
    if is_float(array.dtype.name) and wanted in _FLOATS:
        return array.astype(_FLOATS[wanted])
    raise UsageError(
        f"input {printable(name)} of {printable(graph.name)} is of type {wanted}, and {array.dtype} in the reference",
        "give --against the model that the engine was made from",
    )
