"""Tensors of a torch checkpoint, read without running what a pickle may contain."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import MissingRuntimeError, WeightsError
from alexnet_bench.core.packages import install_hint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray

_CONTAINERS = ("state_dict", "model_state_dict", "model")
"""Where training scripts put the state dict inside a checkpoint."""
_WRAPPER = "module."
"""What torch's DataParallel and DistributedDataParallel put before every name."""


def read_torch(path: Path) -> dict[str, NDArray[np.generic]]:
    """Tensor name -> array; bfloat16 as float32, as numpy has no such type.

    Raises:
        WeightsError: the file is truncated, is no state dict, or holds objects other than tensors.
        MissingRuntimeError: torch is not installed.
    """
    state = _load(path)
    for key in _CONTAINERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    return _arrays(path, state)


def _load(path: Path) -> object:
    try:
        import torch
    except ImportError as error:
        hint = f"{install_hint('torch', 'train')}; or save the weights as safetensors"
        raise MissingRuntimeError(f"{path} is a torch file, and torch is not installed", hint) from error
    try:
        # A stream and not the path: by some suffixes torch would choose another reader.
        with path.open("rb") as stream, warnings.catch_warnings(action="ignore"):
            loaded: object = torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        hint = "only tensors are read, as anything else could run code: save model.state_dict(), or safetensors"
        raise WeightsError(f"{path} was refused by torch's weights-only reader: {_reason(error)}", hint) from error
    except Exception as error:
        # torch lets through whatever its parsers meet: struct.error, EOFError, RuntimeError and more.
        raise WeightsError(f"{path} is not a whole torch file: {_reason(error)}", "fetch or write it again") from error
    return loaded


def _reason(error: Exception) -> str:
    """The first line: torch appends advice on how to switch the protection off."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _arrays(path: Path, state: object) -> dict[str, NDArray[np.generic]]:
    import torch

    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise WeightsError(f"{path} is not a state dict", "save model.state_dict(), not the model or the optimiser")
    return _named(state)


def _named(state: Mapping[object, torch.Tensor]) -> dict[str, NDArray[np.generic]]:
    return {str(name).removeprefix(_WRAPPER): _array(tensor) for name, tensor in state.items()}


def _array(tensor: torch.Tensor) -> NDArray[np.generic]:
    import torch

    dense = tensor.detach().to(torch.float32) if tensor.dtype == torch.bfloat16 else tensor.detach()
    array: NDArray[np.generic] = dense.numpy()
    return array
