"""Random float32 values that are the same bits on every platform, Python and numpy.

numpy promises a stable stream for its bit generators and not for `Generator.normal` (NEP 19), and a transform through
log, cos or erf would follow the C library's last bit. So the raw words of Philox 4x64-10 (Salmon et al., Parallel
random numbers: as easy as 1, 2, 3; 2011) are used with a key of our own, and turned into values by a table.

**Gaussian.** A value takes 32 bits: two indices of 16 bits into a table of the 65,536 mid-point quantiles of the
normal distribution, whose entries are added. The table is scaled so that the sum has the variance asked for. Adding
two gives some 2^31 distinct values and tails to 5.9 standard deviations, where one look-up would stop at 4.2. The
quantiles are rounded to float32, and none of them lies within 10^-12 (relative) of the middle between two floats: any
implementation of the quantile that is good to that gives the same table (a test checks the margin).

**Uniform.** The same 32 bits as one integer, at mid-points.

Everything else is IEEE addition, multiplication and square root, which are exactly rounded everywhere.
"""

from __future__ import annotations

import functools
import hashlib
import math
import statistics
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_LEVELS = 1 << 16
_CHUNK = 1 << 16
"""Values drawn at a time: small enough for the working arrays to stay in the cache."""


def gaussian(seed: int, name: str, shape: tuple[int, ...], std: float) -> NDArray[np.float32]:
    """Normal values of mean 0, float32.

    Args:
        seed: any integer.
        name: names the stream; streams of different names or seeds are independent.
        shape: of the result; the same values in C order whatever the shape.
        std: standard deviation.
    """
    table, unit = _quantiles()
    # Var(a + b) = 2 · unit², so each look-up carries std / (unit · sqrt 2).
    scaled = (table * (std / (unit * math.sqrt(2.0)))).astype(np.float32)
    values = np.empty(math.prod(shape), np.float32)
    for start, halves in _draw(seed, name, values.size):
        part = scaled.take(halves.astype(np.intp), mode="clip")
        np.add(part[0::2], part[1::2], out=values[start : start + part.size // 2])
    return values.reshape(shape)


def uniform(seed: int, name: str, shape: tuple[int, ...], limit: float) -> NDArray[np.float32]:
    """Values spread evenly over (-limit, limit), float32; arguments as for `gaussian`."""
    values = np.empty(math.prod(shape), np.float32)
    for start, halves in _draw(seed, name, values.size):
        words = halves[0::2].astype(np.float64) * _LEVELS + halves[1::2]
        values[start : start + words.size] = ((words + 0.5) * 2.0**-31 - 1.0) * limit
    return values.reshape(shape)


def _draw(seed: int, name: str, size: int) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """Pieces of the stream: where in the result each starts, and two 16-bit halves for each of its values."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    bits = np.random.Philox(key=np.frombuffer(digest[:16], "<u8").astype(np.uint64))
    for start in range(0, size, _CHUNK):
        wanted = min(_CHUNK, size - start)
        words = bits.random_raw((wanted + 1) // 2)
        yield start, words.astype("<u8", copy=False).view("<u2")[: 2 * wanted]


@functools.cache
def _quantiles() -> tuple[NDArray[np.float64], float]:
    """The float32 quantiles of (i + 1/2) / 65,536 held as float64, and their standard deviation."""
    normal = statistics.NormalDist()
    # p = (i + 1/2) / 2^16 is exact in binary. The lower half is computed, and mirrored, so that the mean is exactly 0.
    below = [normal.inv_cdf((index + 0.5) / _LEVELS) for index in range(_LEVELS // 2)]
    half = np.array(below).astype(np.float32).astype(np.float64)
    table = np.concatenate([half, -half[::-1]])
    # fsum is exactly rounded; a plain sum would depend on the order that the processor's vectors impose.
    return table, math.sqrt(math.fsum(value * value for value in table.tolist()) / _LEVELS)
