"""What `--backend fastest` takes, against the best of stock ONNX Runtime, OpenVINO and torch.compile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from alexnet_bench.core.contest import Entry
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.workflows.contests.options import ROUNDS
from benchmarks import commands, fastest, models, throughput, weights_at_random
from benchmarks.fastest import BF16, FP32, Held
from benchmarks.interleave import paired_ratio
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings
from benchmarks.throughput import Case, Subject

REFERENCES = ("alexnet-2012", "alexnet-owt")
PACKAGE = ("onnx:resnet50", "onnx:densenet121", "onnx:squeezenet")
NETWORKS = (*REFERENCES, *PACKAGE)
BATCHES = (1, 8, 32)
LEAST = 1.0
BF16_NETWORK = "alexnet-2012"
LEAST_BF16 = {1: 2.3, 32: 6.0}
"""By batch, with bfloat16 allowed, against stock ONNX Runtime."""
MOST_ERROR = {FP32: 1e-4, BF16: 5e-2}
_QUICK = {"alexnet-2012": (1, 32), "onnx:squeezenet": (1,)}
_ROUNDS = 12
_STOCK = "onnxruntime"


def run(settings: Settings) -> Iterator[Row]:
    """One row for each network and batch, and three for each batch with bfloat16 allowed."""
    usual = tuple(_QUICK) if settings.quick and not settings.networks else NETWORKS
    for name in settings.networks_of(usual):
        batches = _QUICK.get(name, (1,)) if settings.quick else BATCHES
        try:
            with throughput.empty_cache(settings.scratch):
                yield from _network(name, batches, settings)
        except Exception as error:  # noqa: BLE001 - the row says why, and the other networks are measured
            yield Row(f"fastest, {name}", failure=f"{type(error).__name__}: {error}")


def _network(name: str, batches: Sequence[int], settings: Settings) -> Iterator[Row]:
    model = _model(name, settings.scratch)
    held = fastest.hold(
        model,
        batches,
        (FP32, BF16) if name == BF16_NETWORK else (FP32,),
        threads=usable_cores(),
        seconds=settings.seconds_of(3.0, quick=0.3),
        processes=1 if settings.quick else ROUNDS,
        say=lambda text: settings.say(f"{name}: {text}"),
    )
    for batch in batches:
        prepared = models.prepare(model, settings.scratch, batch=batch)
        case = Case(prepared, batch, usable_cores(), settings.seconds_of(1.0, quick=0.3), settings.scratch)
        yield from _batch(name, held, case, settings)


def _model(name: str, scratch: Path) -> str | Path:
    """A reference network by its name, He-initialised; a model of the package with weights that differ."""
    if name in REFERENCES:
        return name
    file = scratch / f"{name.partition(':')[2]}.onnx"
    weights_at_random.write(models.package_models()[name], file)
    return file


def _batch(name: str, held: Held, case: Case, settings: Settings) -> Iterator[Row]:
    winner = held.winner(case.batch, (FP32,))
    subjects: dict[str, Subject] = {"ours": throughput.ours(case, fastest.as_loaded(held, winner, case))}
    with_bf16 = None
    if name == BF16_NETWORK and case.batch in LEAST_BF16:
        with_bf16 = held.winner(case.batch, (FP32, BF16))
        subjects["ours-bf16"] = throughput.ours(case, fastest.as_loaded(held, with_bf16, case))
    peers, left_out = _peers(name, case)
    rounds = settings.rounds_of(_ROUNDS, quick=2)
    settings.say(f"{name}, batch {case.batch}: throughput of {', '.join((*subjects, *peers))}, {rounds} rounds")
    measured = throughput.per_second(case, subjects | peers, rounds=rounds)
    yield _error_row(name, case.batch, winner, FP32)
    yield _against_best(name, case.batch, winner, measured, tuple(peers), left_out)
    if with_bf16 is not None:
        yield _error_row(name, case.batch, with_bf16, BF16)
        yield throughput.compare(
            f"fastest with bf16 allowed, {name}, batch {case.batch}",
            measured["ours-bf16"],
            measured[_STOCK],
            least=LEAST_BF16[case.batch],
            notes=(f"ours: {fastest.describe(with_bf16)}; peer: stock ONNX Runtime, in float32",),
        )


def _peers(name: str, case: Case) -> tuple[dict[str, Subject], tuple[str, ...]]:
    """Those that run here, by name, and notes on those that do not."""
    peers = {_STOCK: throughput.stock_onnxruntime(case)}
    left_out: list[str] = []
    if commands.missing(["openvino"]):
        left_out.append("left out: OpenVINO is not installed")
    else:
        peers["openvino"] = throughput.openvino_defaults(case)
    if name not in REFERENCES:
        left_out.append("torch.compile does not apply: torch reads no ONNX")
    elif commands.missing(["torch"]):
        left_out.append("left out: torch is not installed")
    else:
        peers["torch.compile"] = throughput.torch_network(case, name)
    return peers, tuple(left_out)


def _against_best(
    name: str,
    batch: int,
    winner: Entry,
    measured: Mapping[str, Sequence[float]],
    peers: Sequence[str],
    left_out: tuple[str, ...],
) -> Row:
    """The best peer is the one with the highest median over all rounds; the note has the ratio to each."""
    best = max(peers, key=lambda peer: median(measured[peer]))
    ratios = ", ".join(f"{paired_ratio(measured['ours'], measured[peer]).value:.3f}x {peer}" for peer in peers)
    return throughput.compare(
        f"fastest in fp32, {name}, batch {batch}",
        measured["ours"],
        measured[best],
        least=LEAST,
        notes=(f"ours: {fastest.describe(winner)}; {ratios}", *left_out),
        samples=measured,
    )


def _error_row(name: str, batch: int, winner: Entry, precision: str) -> Row:
    """The error by which the contest let the winner in."""
    what = f"error of the fastest in {precision}, {name}, batch {batch}"
    if winner.error is None or winner.error.error is None:
        return Row(what, failure="the contest gave none")
    return Row(
        what,
        ours=Quantity(winner.error.error, "error"),
        goal=Goal("ours", high=MOST_ERROR[precision]),
        notes=("error: as alexnet-bench verify defines it, from the contest that picked the fastest",),
        samples={"error": [winner.error.error]},
    )
