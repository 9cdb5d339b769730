"""A model run on several inputs in a worker, its outputs left in files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alexnet_bench.backends.client import Deadlines, Worker
from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.verdict.lazy import Lazy
from alexnet_bench.verdict.parity import Array


@dataclass(frozen=True)
class Run:
    """What a model gave.

    Attributes:
        loaded: what the runtime says of itself; None for outputs from elsewhere.
        outputs: by name, one array for each input.
    """

    loaded: Loaded | None
    outputs: Mapping[str, Sequence[Array]] = field(default_factory=dict)


def run_model(request: LoadRequest, inputs: Sequence[Path], folder: Path, deadlines: Deadlines) -> Run:
    """Runs a model once on each input, in one session.

    Args:
        request: what to load.
        inputs: folders of arrays, as `worker.write_arrays` leaves them.
        folder: where the outputs go; what was there is removed. They last as long as it does.
        deadlines: how long the runtime may take.

    Raises:
        BackendRefusal: the runtime does not take the model or an input.
        BackendCrash: the worker died or hung.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folders = [folder / str(index) for index in range(len(inputs))]
    with Worker(deadlines) as worker:
        loaded = worker.load(request, inputs[0])
        written = []
        for source, target in zip(inputs, folders, strict=True):
            target.mkdir(parents=True)
            written.append([target / name for name in worker.infer(target, source)])
    return Run(
        loaded,
        {
            name: Lazy(tuple(files), _load)
            for name, files in zip(loaded.outputs, zip(*written, strict=True), strict=True)
        },
    )


def _load(file: Path) -> Array:
    array: Array = np.load(file, allow_pickle=False)
    return array
