"""Reference networks written as ONNX files, or their weights as safetensors."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.network import architectures
from alexnet_bench.workflows.exported import check_place

_SUFFIXES = (".onnx", ".safetensors")
EXPORT_VERSION = 1
"""Raised when the bytes of an export change for the same network and weights."""


def export(
    name: str,
    output: str | Path,
    *,
    weights: str | Path | None = None,
    seed: int | None = None,
    init: str | None = None,
) -> Path:
    """Writes a reference network as one ONNX file, or its weights alone as safetensors.

    Args:
        name: of the network.
        output: the file to write, .onnx or .safetensors; replaced in one step.
        weights: a .safetensors, .pt/.pth or .onnx file; None initialises them.
        seed: of the initial weights, 0 by default; not together with `weights`.
        init: "paper", the default, or "he"; not together with `weights`.

    Raises:
        UsageError: unknown network, initialisation or kind of output, weights both given and to be drawn, or a file
            there that this tool did not export.
        WeightsError: the weights do not fit.
        OutputError: the file cannot be written.
    """
    if name.endswith(".onnx") or name.startswith("onnx:"):
        raise UsageError(f"{printable(name)} is a model already", "give --opset N to convert it to another opset")
    network = architectures.get(name)
    if weights is not None and (seed is not None or init is not None):
        raise UsageError("weights are either read or drawn", "leave --seed and --init out, or leave --weights out")
    output = Path(output)
    check_place(output, None if weights is None else Path(weights))
    if output.suffix not in _SUFFIXES:
        raise UsageError(
            f"{printable(str(output), 200)} names no kind of file to write", f"end its name in {' or '.join(_SUFFIXES)}"
        )
    from alexnet_bench.network.initialise import initialise
    from alexnet_bench.network.onnx_export import export as write
    from alexnet_bench.network.weights import load_weights, save_weights

    values = (
        load_weights(Path(weights), network) if weights is not None else initialise(network, seed or 0, init or "paper")
    )
    if output.suffix == ".safetensors":
        save_weights(output, network, values)
    else:
        write(network, values, output)
    return output
