"""What the literature says of AlexNet's cost, put beside the exact counts."""

from __future__ import annotations

from alexnet_bench.attribution.budget import DTYPE_OF_BUDGET
from alexnet_bench.core.devices import Budget

_ORIGINAL, _ONE_TOWER = "alexnet-2012", "alexnet-owt"
_ORIGINAL_CARDS = ("gtx-580", 2)


def notes(model: str, budget: Budget) -> tuple[str, ...]:
    """Which network the figures of 1.43 GFLOP and 2,200 passes per second belong to, for those networks and cards."""
    if model not in (_ORIGINAL, _ONE_TOWER) or (budget.device.name, budget.count) != _ORIGINAL_CARDS:
        return ()
    from alexnet_bench.network import architectures
    from alexnet_bench.network.counts import count

    peak = budget.count * (budget.device.peak_flop_per_s(DTYPE_OF_BUDGET) or 0.0)
    one_tower, original = (count(architectures.get(name)).mac_flop for name in (_ONE_TOWER, _ORIGINAL))
    text = (
        f"often quoted as 1.43 GFLOP and over 2,200 passes/s: that is the one-tower net of 2014, "
        f"{one_tower / 1e9:.4f} GFLOP and {peak / one_tower:,.1f}; "
        f"the 2012 net has {original / 1e9:.4f} GFLOP and {peak / original:,.1f}"
    )
    return (text,)
