"""Names of precisions as they are typed."""

from __future__ import annotations

from collections.abc import Collection

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

_OTHERWISE = {
    "float": "fp32",
    "float32": "fp32",
    "f32": "fp32",
    "tensorfloat32": "tf32",
    "float16": "fp16",
    "half": "fp16",
    "f16": "fp16",
    "bfloat16": "bf16",
}
"""What other tools call them."""


def check_precision(precision: str, known: Collection[str]) -> None:
    """Raises UsageError for a name that is none of those known, with the one that is meant."""
    if precision in known:
        return
    small = precision[:64].lower()
    meant = _OTHERWISE.get(small, small)
    raise UsageError(
        f"unknown precision {printable(precision)!r}",
        f"did you mean {meant}?" if meant in known else f"there are: {', '.join(known)}",
    )
