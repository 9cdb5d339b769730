"""Weights in and out of files. safetensors is written; safetensors, torch and ONNX are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import WeightsError
from alexnet_bench.network import architectures
from alexnet_bench.network.fit import Weights, fit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from alexnet_bench.network.spec import Network

_HEAD_BYTES = 16
_IGNORED = "num_batches_tracked"
"""torch counts the batches that a BatchNorm has seen; nothing is computed from it."""


def load_weights(path: Path, network: Network) -> Weights:
    """Reads weights for a network from a file whose format is told by its content.

    safetensors files and torch state dicts (`.pt`, `.pth`) hold tensors by name: ours, or the other library's names
    that the network lists (torchvision's AlexNet is alexnet-owt). In an ONNX file the convolutions, dense layers and
    batch normalisations are matched in the graph's order. float16, bfloat16 and float64 become float32.

    Args:
        path: the file.
        network: what the weights are for.

    Returns:
        Tensor name -> float32 array, C order, in the order of the layers.

    Raises:
        WeightsError: the file is missing, empty, truncated or of another format, holds code, or holds tensors that do
            not fit; each of those is named.
        MissingRuntimeError: a torch file, and torch is not installed.
    """
    found = _read(path, network)
    return fit(network, _own_names(found, network), origin=str(path), hint=_foreign_hint(found, network))


def save_weights(path: Path, network: Network, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Writes weights as safetensors, in one step; the same weights give the same bytes.

    Raises:
        WeightsError: they do not fit the network.
        OutputError: the file cannot be written.
    """
    from safetensors.numpy import save

    atomic.check_writable(path)
    fitted = fit(network, weights, origin="the set of weights")
    # No metadata beyond the one key: safetensors writes several keys in an order that changes from run to run.
    atomic.write_bytes(path, save(fitted, metadata={"network": network.name}))


def _read(path: Path, network: Network) -> dict[str, NDArray[np.generic]]:
    head = _head(path)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        from alexnet_bench.network.weights_torch import read_torch

        return read_torch(path)
    if head[8:9] == b"{":
        from alexnet_bench.network.weights_safetensors import read_safetensors

        return read_safetensors(path)
    # An ONNX file usually begins with field 1 of its message, the IR version, as a varint.
    if head.startswith(b"\x08") or path.suffix == ".onnx":
        from alexnet_bench.network.weights_onnx import read_onnx

        return read_onnx(path, network)
    raise WeightsError(f"{path} holds no weights", "give a safetensors file, a torch state dict or an ONNX model")


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise WeightsError(f"{path} is a folder", "give the name of a file")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}", "check the path of the weights") from error
    if not head:
        raise WeightsError(f"{path} is empty", "fetch or write the file again")
    return head


def _own_names(found: Mapping[str, NDArray[np.generic]], network: Network) -> dict[str, NDArray[np.generic]]:
    """Our names for tensors that carry another library's."""
    own = {foreign: layer for layer, foreign in network.foreign_names}
    renamed = {}
    for name, array in found.items():
        module, _, part = name.rpartition(".")
        if part != _IGNORED:
            renamed[f"{own.get(module, module)}.{part}" if module else name] = array
    return renamed


def _foreign_hint(found: Mapping[str, NDArray[np.generic]], network: Network) -> str:
    """Names the other network whose tensors go by these names elsewhere, when there is one."""
    modules = {name.rpartition(".")[0] for name in found}
    for other in map(architectures.get, architectures.names()):
        foreign = {module for _, module in other.foreign_names}
        if other != network and foreign and foreign <= modules:
            return f"these are another library's names for the tensors of {other.name}: try that network"
    return ""
