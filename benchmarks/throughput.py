"""Images per second of ours and of peers, each value from a process of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import msgspec

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from benchmarks import commands
from benchmarks.interleave import interleave, middle, paired_ratio
from benchmarks.models import Prepared
from benchmarks.rows import Goal, Row

UNIT = "images/s"
Subject = Callable[[], float]
"""Gives the median latency of one fresh process, in seconds."""
_BARE_LOOP = str(commands.HERE / "peers" / "bare_loop.py")
_CACHE = "XDG_CACHE_HOME"
_WARM_UP_S = 0.6
_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Case:
    """What all subjects of a comparison are given.

    Attributes:
        prepared: the model as given, with inputs.
        batch: images of one forward pass.
        threads: of everyone.
        seconds: of sampling in each process.
        scratch: for what compilers keep.
    """

    prepared: Prepared
    batch: int
    threads: int
    seconds: float
    scratch: Path


@contextmanager
def empty_cache(scratch: Path) -> Iterator[None]:
    """A cache of our own inside, so that engines are built by the code that is measured; it goes at the end."""
    before = os.environ.get(_CACHE)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        os.environ[_CACHE] = folder
        try:
            yield
        finally:
            del os.environ[_CACHE]
            if before is not None:
                os.environ[_CACHE] = before


def ours(case: Case, request: LoadRequest) -> Subject:
    """What a user's run does, by the function that `alexnet-bench profile` measures with."""

    def measure() -> float:
        latency_case = LatencyCase(request, case.prepared.inputs)
        (measured,) = measure_latency([latency_case], seconds=case.seconds, processes=1, progress=lambda _: None)
        return median(measured.samples_s[0])

    return measure


def stock_onnxruntime(case: Case, model: Path | None = None) -> Subject:
    """A bare `session.run` loop on the model as given, or on another file with the same inputs."""
    return partial(_loop, case, [_BARE_LOOP, str(model or case.prepared.path)])


def openvino_defaults(case: Case) -> Subject:
    """A bare loop on OpenVINO, told float32 and the threads."""
    return partial(_loop, case, ["-m", "benchmarks.peers.openvino_loop", str(case.prepared.path)])


def torch_network(
    case: Case, network: str, mode: str = "compiled", device: str = "cpu", precision: str = "fp32"
) -> Subject:
    """A bare loop on a reference network in torch; what it compiles is kept from round to round."""
    asked = ("timed", network, str(case.prepared.path), mode, device, precision)
    return partial(_loop, case, ["-m", "benchmarks.peers.torch_network", *asked])


def _loop(case: Case, program: Sequence[str]) -> float:
    numbers = [str(number) for number in (case.threads, _WARM_UP_S, case.seconds)]
    command = commands.python(*program, str(case.prepared.inputs), *numbers)
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(case.scratch / "torchinductor")}
    top = commands.HERE.parent
    finished = commands.run(command, timeout_s=_TIMEOUT_S, folder=top, environment=compiled)
    return median(msgspec.json.decode(finished.stdout, type=list[float]))


def per_second(case: Case, subjects: Mapping[str, Subject], *, rounds: int) -> dict[str, list[float]]:
    """Images per second of each subject by round, measured in turns."""
    measured = interleave(subjects, rounds=rounds)
    return {name: [case.batch / latency_s for latency_s in values] for name, values in measured.items()}


def compare(
    what: str,
    mine: Sequence[float],
    peer: Sequence[float],
    *,
    least: float,
    binding: bool = True,
    notes: tuple[str, ...] = (),
    samples: Mapping[str, Sequence[float]] | None = None,
) -> Row:
    """A row of two throughputs; the ratio is ours over the peer's, so that more is faster.

    Args:
        what: was measured.
        mine: images per second by round.
        peer: likewise.
        least: ratio that meets the goal.
        binding: whether missing it fails the run.
        notes: for readers.
        samples: further series that were measured in the same rounds.
    """
    return Row(
        what,
        ours=middle(mine, UNIT),
        peer=middle(peer, UNIT),
        ratio=paired_ratio(mine, peer),
        goal=Goal("ratio", low=least),
        binding=binding,
        notes=notes,
        samples={name: list(values) for name, values in (samples or {"ours": mine, "peer": peer}).items()},
    )
