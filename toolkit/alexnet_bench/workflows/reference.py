"""Reference networks as files, for whoever gives the name of one where a model is wanted."""

from __future__ import annotations

import atexit
import hashlib
from functools import cache
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import ModelError, OutputError
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.uses import claim
from alexnet_bench.core.workspace import another_cache
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.network import architectures
from alexnet_bench.network.spec import Network
from alexnet_bench.workflows.export import EXPORT_VERSION
from alexnet_bench.workflows.options import Progress, silent


def reference_file(network: Network, *, folder: Path, seed: int, init: str, progress: Progress = silent) -> Path:
    """The file of an initialised network in the cache, written when it is not there, or not whole.

    It is claimed, within `in_use`. In place of a cache that cannot be written, it lies in a temporary folder for as
    long as the process lives.

    Args:
        network: that is wanted.
        folder: of the cache; made when it is not there.
        seed: of the initial weights.
        init: how they are drawn.
        progress: told where the file is not where it was expected.

    Raises:
        OutputError: neither place can be written.
    """
    key = hashlib.sha256(repr((EXPORT_VERSION, network, seed, init)).encode()).hexdigest()[:16]
    path = folder / f"{network.name}-{init}-{seed}-{key}.onnx"
    claim(path)  # before it is looked at: from here on, nobody removes it
    if _is_whole(path, network):
        return path
    try:
        atomic.make_folder(folder)
        atomic.sweep(folder)
        claim(path)  # where there was no folder before
        return _written(network, path, seed, init)
    except OutputError as error:
        kept = _passing_folder() / path.name
        if kept.is_file():
            return kept
        progress(f"{network.name} is kept in a temporary folder until this ends: {error.message}")
    return _in_passing(network, kept, seed, init)


def network_of(file: ModelFile) -> Network | None:
    """The reference network that a file was exported from, or an engine of one; by what the file says itself."""
    name = file.proto.graph.name
    if file.proto.producer_name != "alexnet-bench" or name not in architectures.names():
        return None
    return architectures.get(name)


def _is_whole(path: Path, network: Network) -> bool:
    """Whether a file is there, and is one of the network as far as its graph and its length tell."""
    from alexnet_bench.network.onnx_export import is_export

    try:
        file = open_model(path)
    except ModelError:
        return False
    return is_export(file.proto, network, sum(end - start for start, end in file.data_spans))


def _in_passing(network: Network, path: Path, seed: int, init: str) -> Path:
    try:
        return _written(network, path, seed, init)
    except OutputError as error:
        raise OutputError(error.message, f"{another_cache()}; or set TMPDIR to one with more room") from None


def _written(network: Network, path: Path, seed: int, init: str) -> Path:
    """Replaces whatever is there: nobody else has business in these folders."""
    from alexnet_bench.network.initialise import initialise
    from alexnet_bench.network.onnx_export import export

    atomic.check_writable(path)
    export(network, initialise(network, seed, init), path)
    return path


@cache
def _passing_folder() -> Path:
    folder = ScratchFolder()
    atexit.register(folder.cleanup)
    return Path(folder.name)
