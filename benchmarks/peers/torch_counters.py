"""What counters of torch modules say of each operator: `python -m benchmarks.peers.torch_counters COUNTER`.

Prints JSON: the counter's version, and by name of the case a number in the counter's own unit or why there is none.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.single_ops import CASES, Case

Counter = Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], float]


def flop_counter_mode(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    """FLOP, two for each multiply-add."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return float(counter.get_total_flops())


def fvcore(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    """What it calls FLOP: one for each multiply-add."""
    from fvcore.nn import FlopCountAnalysis

    analysis: Any = FlopCountAnalysis(module, inputs)
    return float(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def thop(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    """What it calls MACs."""
    from thop import profile

    return float(profile(module, inputs=inputs, verbose=False)[0])


COUNTERS: dict[str, tuple[str, Counter]] = {
    "flop-counter-mode": ("torch", flop_counter_mode),
    "fvcore": ("fvcore", fvcore),
    "thop": ("thop", thop),
}
"""By the name to type: the package that it comes in, and the function that counts."""


def main() -> None:
    """Counts every case with the counter of the command line."""
    warnings.simplefilter("ignore")
    logging.disable()
    package, counter = COUNTERS[sys.argv[1]]
    with contextlib.redirect_stdout(sys.stderr):
        counts = {case.name: _count(counter, case) for case in CASES}
    print(json.dumps({"version": importlib.metadata.version(package), "counts": counts}))


def _count(counter: Counter, case: Case) -> float | str:
    try:
        return counter(case.module().eval(), case.inputs())
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - that a counter cannot count is a result
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
