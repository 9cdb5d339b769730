"""Our engine for ONNX Runtime against stock ONNX Runtime, on the network of 2012 in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.engines.subject import EngineInUse, build_for
from alexnet_bench.workflows.verification.options import VerifyOptions
from alexnet_bench.workflows.verification.verify import verify
from benchmarks import commands, models, throughput
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings
from benchmarks.throughput import Case

NETWORK = "alexnet-2012"
LEAST = {1: (1.35, 1.35), 32: (1.7, 1.65)}
"""By batch: ratio to reach against the network with LRN nodes, and against torch's own export."""
MOST_ERROR = 1e-4
_BINDING_AGAINST_EXPORT = (32,)
_BACKEND = "onnxruntime-cpu"
_NEEDS = ("torch", "onnxscript")
_TIMEOUT_S = 600.0


def run(settings: Settings) -> Iterator[Row]:
    """For each batch the error, then the throughput against two peers."""
    with throughput.empty_cache(settings.scratch):
        settings.say(f"building the engine of {NETWORK}")
        engine = build_for(
            NETWORK,
            backend=_BACKEND,
            recipe=None,
            precision="fp32",
            optimize=None,
            timeout_s=None,
            progress=lambda _: None,
        )
        for batch in LEAST:
            settings.say(f"batch {batch}: error of the engine")
            yield _error_row("error of our engine", str(engine.file), batch)
            yield from _throughput(engine, batch, settings)


def _error_row(what: str, file: str, batch: int) -> Row:
    """The error of a file against the network, each operator computed alone, on 16 distinct batches."""
    found = verify(file, against=NETWORK, options=VerifyOptions(backend=_BACKEND, batch=batch, search=False))
    if found.verdict != "passed":
        return Row(f"{what}, {NETWORK}, batch {batch}", failure="; ".join(found.reasons))
    errors = [output.error for output in found.outputs if output.error is not None]
    return Row(
        f"{what}, {NETWORK}, batch {batch}",
        ours=Quantity(max(errors), "error"),
        goal=Goal("ours", high=MOST_ERROR),
        notes=(f"error: by alexnet-bench verify, on {found.inputs} inputs, {found.inputs_source}",),
        samples={"error": errors},
    )


def _throughput(engine: EngineInUse, batch: int, settings: Settings) -> Iterator[Row]:
    prepared = models.prepare(NETWORK, settings.scratch, batch=batch)
    seconds = settings.seconds_of(1.0, quick=0.3)
    case = Case(prepared, batch, usable_cores(), seconds, settings.scratch)
    request: LoadRequest = load_request(engine.recipe, engine.file, prepared.graph, case.threads)
    subjects = {"ours": throughput.ours(case, request), "lrn": throughput.stock_onnxruntime(case)}
    missing = commands.missing(_NEEDS)
    if not missing:
        settings.say(f"batch {batch}: exporting by torch")
        export = _export(case)
        yield _error_row("error of torch's export", str(export), batch)
        subjects["export"] = throughput.stock_onnxruntime(case, export)
    rounds = settings.rounds_of(16, quick=2)
    settings.say(f"batch {batch}: throughput, {rounds} rounds")
    measured = throughput.per_second(case, subjects, rounds=rounds)
    against_lrn, against_export = LEAST[batch]
    what = f"throughput, {NETWORK}, batch {batch}"
    yield throughput.compare(
        f"{what}, against LRN nodes",
        measured["ours"],
        measured["lrn"],
        least=against_lrn,
        notes=(
            "ours: the engine of onnxruntime-cpu, float32; peer: a bare session.run loop on the network as exported",
        ),
    )
    if missing:
        said = f"not installed: {', '.join(missing)} (pip install -e '.[cpu,bench,train]')"
        yield Row(f"{what}, against torch's export", failure=said, binding=False)
        return
    yield throughput.compare(
        f"{what}, against torch's export",
        measured["ours"],
        measured["export"],
        least=against_export,
        binding=batch in _BINDING_AGAINST_EXPORT,
        notes=(
            "peer: a bare session.run loop on what torch.onnx.export (dynamo) makes of the same network and weights",
        ),
    )


def _export(case: Case) -> Path:
    """What torch exports of the same network and weights, for this batch."""
    file = case.scratch / f"torch-export-{case.batch}.onnx"
    arguments = ("export", NETWORK, str(case.prepared.path), str(case.batch), str(file))
    command = commands.python("-m", "benchmarks.peers.torch_network", *arguments)
    commands.run(command, timeout_s=_TIMEOUT_S, folder=commands.HERE.parent)
    return file
