"""Reference networks written as ONNX files, or their weights as safetensors."""

from __future__ import annotations

import hashlib
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError
from alexnet_bench.network import architectures
from alexnet_bench.network.spec import Network

_SUFFIXES = (".onnx", ".safetensors")
EXPORT_VERSION = 1
"""Raised when the bytes of an export change for the same network and weights."""


def export(
    name: str, output: str | Path, *, weights: str | Path | None = None, seed: int = 0, init: str = "paper"
) -> Path:
    """Writes a reference network as one ONNX file, or its weights alone as safetensors.

    Args:
        name: of the network.
        output: the file to write, .onnx or .safetensors; replaced in one step.
        weights: a .safetensors, .pt/.pth or .onnx file; None initialises them.
        seed: of the initial weights.
        init: "paper" or "he".

    Raises:
        UsageError: unknown network, initialisation or kind of output.
        WeightsError: the weights do not fit.
        OutputError: the file cannot be written.
    """
    network = architectures.get(name)
    output = Path(output)
    atomic.check_writable(output)
    if output.suffix not in _SUFFIXES:
        raise UsageError(f"{output} names no kind of file to write", f"end its name in {' or '.join(_SUFFIXES)}")
    from alexnet_bench.network.initialise import initialise
    from alexnet_bench.network.onnx_export import export as write
    from alexnet_bench.network.weights import load_weights, save_weights

    values = load_weights(Path(weights), network) if weights is not None else initialise(network, seed, init)
    if output.suffix == ".safetensors":
        save_weights(output, network, values)
    else:
        write(network, values, output)
    return output


def reference_file(network: Network, *, folder: Path, seed: int, init: str) -> Path:
    """The file of an initialised network in the cache, written when it is not there yet."""
    key = hashlib.sha256(repr((EXPORT_VERSION, network, seed, init)).encode()).hexdigest()[:16]
    path = folder / f"{network.name}-{init}-{seed}-{key}.onnx"
    if not path.is_file():
        atomic.make_folder(folder)
        export(network.name, path, seed=seed, init=init)
    return path
