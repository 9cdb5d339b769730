"""The card that every backend on a GPU runs on: the one that CUDA calls the first."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from alexnet_bench.backends.device import ask_card
from alexnet_bench.backends.device.driver import has_driver
from alexnet_bench.core.text import printable

_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Card:
    """A device, as its driver tells it.

    Attributes:
        name: of the model, as "NVIDIA L4"; of a part of a card, with the part.
        uuid: of this one.
        cuda: the newest version of CUDA that the driver takes, as "13.0".
    """

    name: str
    uuid: str
    cuda: str


@lru_cache(maxsize=1)
def first_card() -> Card | None:
    """The first device by CUDA's own order, CUDA_VISIBLE_DEVICES obeyed; None where there is none.

    A process of its own asks, so that CUDA does not start in this one. The order of the bus, and what the kernel's
    module shows, say nothing of which card CUDA takes.
    """
    if not has_driver():
        return None
    command = [sys.executable, "-I", ask_card.__file__]
    try:
        answer = subprocess.run(command, capture_output=True, check=False, timeout=_DEADLINE_S).stdout
        found = msgspec.json.decode(answer, type=Card)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Card(printable(found.name), found.uuid, found.cuda)
