"""Layers that torch does not have. Importing this module imports torch."""

from __future__ import annotations

import torch


class TowerLRN(torch.nn.LocalResponseNorm):
    """LRN within each tower of channels: float [N, channels, height, width] in and out.

    torch divides alpha by the window and pads it with zeros at the outermost channels, as `spec.LRN` describes.
    """

    def __init__(self, towers: int, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__(size, alpha, beta, k)
        self.towers = towers

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name for it
        """Moves the towers into the batch, where no window reaches from one to the other, and back."""
        apart = input.reshape(-1, input.shape[1] // self.towers, *input.shape[2:])
        normalised: torch.Tensor = super().forward(apart)
        return normalised.reshape(input.shape)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, towers={self.towers}"
