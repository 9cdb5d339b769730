"""Inputs that vary from sample to sample, where every measurement has the same: masks and token types.

With masks of ones alone, an engine whose attention ignores its mask would pass.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from alexnet_bench.core.graph import Graph
from alexnet_bench.measure.inputs import is_mask, is_token_type
from alexnet_bench.verdict.parity import Array


def varied(graph: Graph, feeds: Mapping[str, Array], rows: Mapping[str, int], seed: int) -> dict[str, Array]:
    """The same inputs with other masks and token types.

    Args:
        graph: that takes them.
        feeds: by name, as `measure.inputs.generate` makes them.
        rows: of the table that an input indexes, where it does: token types of no table stay zeros, ids are no masks.
        seed: of the values.
    """
    generator = np.random.default_rng((seed, 2))
    changed = dict(feeds)
    for name, array in feeds.items():
        if not array.size or not array.ndim:
            continue
        if is_mask(graph.tensor(name), rows.get(name)):
            changed[name] = _mask(array, generator)
        elif is_token_type(graph.tensor(name)) and array.dtype.kind in "iu" and name in rows:
            largest = min(rows[name], int(np.iinfo(array.dtype).max))
            changed[name] = generator.integers(0, largest, array.shape, dtype=np.int64).astype(array.dtype)
    return changed


def _mask(ones: Array, generator: Generator) -> Array:
    """Ones and then zeros along the last axis, for each entry of the first one; one at least, as a Softmax needs it."""
    length = ones.shape[-1]
    entries = (ones.shape[0], *[1] * (ones.ndim - 1)) if ones.ndim > 1 else (1,)
    kept = generator.integers(1, length + 1, entries)
    return np.broadcast_to(np.arange(length) < kept, ones.shape).astype(ones.dtype)
