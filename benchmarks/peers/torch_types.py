"""What the loops of torch share: the types of precisions, and waiting for a device."""

from __future__ import annotations

from collections.abc import Callable

import torch

TF32 = "tf32"
_DTYPES = {"fp32": torch.float32, TF32: torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def dtype_of(precision: str) -> torch.dtype:
    """The type that tensors have."""
    return _DTYPES[precision]


def allow_tf32(precision: str) -> None:
    """Lets products of float32 round their factors to TF32, or keeps them from it."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == TF32


def waiting(run: Callable[[], object], device: str) -> Callable[[], object]:
    """The same, ended when the device is done."""
    if device == "cpu":
        return run

    def and_wait() -> None:
        run()
        torch.cuda.synchronize()

    return and_wait
