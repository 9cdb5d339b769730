"""What passes compute with: ONNX Runtime in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING

from alexnet_bench.backends.array_files import read_arrays, write_arrays
from alexnet_bench.backends.client import Deadlines, Worker
from alexnet_bench.backends.output_arrays import as_arrays
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.graph.walk import MAX_INLINE_BYTES, data_bytes

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto

BACKEND = "onnxruntime-cpu"
_AS_WRITTEN = {"graph_optimization": "none"}
_ALL_CORES = 0


class InWorker:
    """Computes tensors of models; a context manager that ends its process whatever happens.

    The process starts when it is first asked for something, and then serves for whatever follows.

    Args:
        deadlines: how long it may take to answer.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._worker: Worker | None = None

    def __enter__(self) -> InWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None:
            self._worker.__exit__(kind, error, trace)

    def value(self, model: ModelProto, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
        """The one output of a model.

        Raises:
            BackendRefusal: ONNX Runtime does not take the model or the inputs.
            BackendCrash: it died or hung.
        """
        with self._loaded(model, (), [feeds]) as (worker, (inputs,), made):
            worker.infer(made, inputs)
            (found,) = read_arrays(made).values()
            return found

    def peaks(
        self, model: ModelProto, names: Sequence[str], feeds: Sequence[Mapping[str, np.ndarray]]
    ) -> list[dict[str, float]]:
        """The largest magnitudes in tensors that nodes make, for each of the inputs; NaN where there is one.

        Raises:
            BackendRefusal: ONNX Runtime does not take the model or the inputs.
            BackendCrash: it died or hung.
        """
        wanted = set(names)
        found = []
        with self._loaded(model, names, feeds) as (worker, folders, made):
            for folder in folders:
                worker.peaks(made, folder)
                found.append({name: float(peak) for name, peak in read_arrays(made).items() if name in wanted})
        return found

    @contextmanager
    def _loaded(
        self, model: ModelProto, names: Sequence[str], feeds: Sequence[Mapping[str, np.ndarray]]
    ) -> Iterator[tuple[Worker, list[Path], Path]]:
        """The worker with the model, those of its tensors outputs too; the folders of the inputs, and one for results.

        A refusal does not name the file, which is gone when it is read.
        """
        worker = self._running()
        with TemporaryDirectory(dir=worker.scratch) as scratch:
            inputs = [_written(Path(scratch) / f"inputs-{index}", arrays) for index, arrays in enumerate(feeds)]
            file = _saved(model, names, Path(scratch))
            request = LoadRequest(BACKEND, str(file), _ALL_CORES, settings=_AS_WRITTEN)
            results = Path(scratch) / "results"
            results.mkdir()
            try:
                worker.load(request, inputs[0])
                yield worker, inputs, results
                worker.unload()  # what it holds, the passes may need
            except BackendRefusal as refusal:
                raise BackendRefusal(refusal.message.replace(f"Load model from {file} failed:", "")) from None

    def _running(self) -> Worker:
        if self._worker is None:
            self._worker = Worker(self._deadlines)
        return self._worker


def _written(folder: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    folder.mkdir()
    write_arrays(folder, dict(zip(arrays, as_arrays(list(arrays), arrays.values()), strict=True)))
    return folder


def _saved(model: ModelProto, names: Sequence[str], folder: Path) -> Path:
    """A file of the model with outputs added; messages that follow each other are merged, and lists in them joined."""
    import onnx

    declared = {info.name for info in model.graph.output}
    added = [onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in declared]
    file = folder / "model.onnx"
    if data_bytes(model) < MAX_INLINE_BYTES:
        with file.open("wb") as stream:
            stream.write(model.SerializeToString())
            stream.write(onnx.ModelProto(graph=onnx.GraphProto(output=added)).SerializeToString())
        return file
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(added)
    onnx.save(copy, file, save_as_external_data=True, location="model.data")
    return file
