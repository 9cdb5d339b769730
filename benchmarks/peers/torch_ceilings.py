"""What torch reaches at best on a device: `python -m benchmarks.peers.torch_ceilings ...`.

DEVICE THREADS SECONDS PRECISION [PRECISION ...]

Prints the best rate of a large matrix product in each precision, in FLOP/s, and of a triad through memory, in bytes/s,
as JSON. Nothing is copied from or to the device meanwhile.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable

import torch

from alexnet_bench.measure.ceiling_sizes import sizes_for
from benchmarks.peers.loop import time_runs
from benchmarks.peers.torch_types import allow_tf32, dtype_of, waiting

_WARM_UP_S = 0.1
_TRIAD_ARRAYS, _FLOAT_BYTES = 3, 4


def main() -> None:
    """Measures and prints."""
    warnings.simplefilter("ignore")
    device, threads, seconds, *precisions = sys.argv[1:]
    torch.set_num_threads(int(threads))
    sizes = sizes_for("cpu" if device == "cpu" else "cuda")

    def shortest_s(run: Callable[[], object]) -> float:
        return min(time_runs(waiting(run, device), warm_up_s=_WARM_UP_S, seconds=float(seconds)))

    flop_per_s = {}
    with torch.inference_mode():
        for precision in precisions:
            allow_tf32(precision)
            dtype = dtype_of(precision)
            products = {side: _product(side, device, dtype) for side in sizes.of(str(dtype).removeprefix("torch."))}
            flop_per_s[precision] = max(2.0 * side**3 / shortest_s(product) for side, product in products.items())
        elements = sizes.stream_bytes // (_TRIAD_ARRAYS * _FLOAT_BYTES)
        bytes_per_s = _TRIAD_ARRAYS * _FLOAT_BYTES * elements / shortest_s(_triad(elements, device))
    print(json.dumps({"flop_per_s": flop_per_s, "bytes_per_s": bytes_per_s}))


def _product(side: int, device: str, dtype: torch.dtype) -> Callable[[], object]:
    left, right = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(2))
    return lambda: torch.matmul(left, right)


def _triad(elements: int, device: str) -> Callable[[], object]:
    left, right, made = (torch.ones(elements, device=device) for _ in range(3))
    return lambda: torch.add(left, right, out=made)


if __name__ == "__main__":
    main()
