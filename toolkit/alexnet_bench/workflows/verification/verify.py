"""`alexnet-bench verify`: the outputs of an engine against those of its reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.places import check_places
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.threads import check_threads
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.verification import SizesTried, Verification
from alexnet_bench.verdict import polygraphy, precision
from alexnet_bench.verdict.branches import conditions, never_taken
from alexnet_bench.verdict.model_run import Run
from alexnet_bench.verdict.parity import Array, has_nan
from alexnet_bench.verdict.reference import Reference
from alexnet_bench.verdict.repeats import Outputs
from alexnet_bench.verdict.samples import LEAST_INPUTS
from alexnet_bench.verdict.search import find_first_bad
from alexnet_bench.verdict.sides import AnySide, ModelSide
from alexnet_bench.workflows.options import (
    Progress,
    check_batches,
    check_seed,
    check_timeout,
    check_tolerance,
    silent,
)
from alexnet_bench.workflows.verification.options import VerifyOptions
from alexnet_bench.workflows.verification.right import run_reference
from alexnet_bench.workflows.verification.sides import Prepared, open_pair, prepare, run_side
from alexnet_bench.workflows.verification.sizes import with_other_sizes

MAX_INPUTS = 4096


@in_use()
def verify(
    engine: str | Path,
    *,
    against: str | Path | None = None,
    options: VerifyOptions | None = None,
    progress: Progress = silent,
) -> Verification:
    """Compares the outputs of an engine with those of its reference, on distinct inputs.

    Args:
        engine: an ONNX file, a model's name, or outputs that Polygraphy stored (FILE.json or FILE.json#RUNNER).
        against: the reference, as `engine`; None takes the model that the engine was built from, where it is found,
            or, for a model, itself. A model runs in float32 on ONNX Runtime.
        options: precision, tolerance, inputs.
        progress: told what is done next.

    Raises:
        AlexnetBenchError: both cannot be compared; its subclass says what is wrong.
    """
    chosen = options or VerifyOptions()
    _check(chosen)
    with ScratchFolder() as scratch:
        folder = Path(scratch)
        progress(f"reading {engine}")
        pair = open_pair(str(engine), None if against is None else str(against), chosen)

        def compare(options: VerifyOptions, folder: Path) -> Verification:
            return _compare(prepare(pair, options, folder, progress), options, folder, progress)

        return with_other_sizes(compare(chosen, folder / "usual"), pair, chosen, compare, folder / "other")


def _check(options: VerifyOptions) -> None:
    if options.precision is not None:
        precision.check(options.precision)
    check_tolerance(options.tolerance)
    if not LEAST_INPUTS <= options.made_up <= MAX_INPUTS:
        raise UsageError(
            f"{options.made_up} inputs are {'too few' if options.made_up < LEAST_INPUTS else 'too many'}",
            f"give --count from {LEAST_INPUTS} to {MAX_INPUTS:,}",
        )
    check_batches([options.batch])
    check_seed(options.first_seed)
    check_threads(options.threads)
    check_timeout(options.timeout_s)
    check_places(options.saved)
    for path in options.saved.values():
        atomic.check_writable(path)


def _compare(prepared: Prepared, options: VerifyOptions, folder: Path, progress: Progress) -> Verification:
    reference, engine = prepared.reference, prepared.engine
    looked, deciding = Reference.of(reference, prepared.count), _conditions(reference)
    progress(f"running the reference on {prepared.count} inputs")
    made = [name for name in deciding.values() if name not in prepared.given]
    ours = run_reference(reference, folder / "reference", [*looked.inner, *made], made_up=options.inputs is None)
    progress(f"running the engine on {prepared.count} inputs")
    theirs = run_side(engine, folder / "engine")
    names, beyond = looked.matched(ours, theirs)
    _save(prepared, options, {"reference": ours, "engine": theirs}, names)
    tolerance = precision.TOLERANCES[prepared.precision] if options.tolerance is None else options.tolerance
    judged = looked.judge(
        names,
        ours,
        theirs,
        tolerance,
        backend=engine.request.backend if isinstance(engine, ModelSide) else "",
        again=lambda: _again(reference, prepared.count, folder / "again", progress),
        top1=options.top1,
    )
    verdict, reasons, outputs = judged.verdict, judged.reasons, judged.outputs
    first_bad = None
    if verdict == "failed" and options.search:
        numberless = [name for name in names if has_nan(ours.outputs[name])]
        first_bad = find_first_bad(
            reference,
            engine,
            outputs,
            tolerance,
            folder / "search",
            progress,
            given=(ours, theirs),
            numberless=numberless,
        )
    untried = never_taken(deciding, {**prepared.given, **ours.outputs})
    notes = (
        *judged.notes,
        *prepared.notes,
        *untried,
        *(f"output {name} of the engine is not in the reference" for name in beyond),
    )
    given = "given" if options.tolerance is not None else f"default for {prepared.precision}"
    shapes = {name: array.shape for name, array in prepared.samples[0].items()} if prepared.samples else {}
    sizes = SizesTried(shapes, prepared.count, verdict, reasons, outputs)
    return Verification(
        verdict=verdict,
        reasons=reasons,
        engine=engine.described(theirs),
        reference=reference.described(ours),
        precision=prepared.precision,
        precision_source=prepared.precision_source,
        tolerance=tolerance,
        tolerance_source=given,
        inputs=len(ours.outputs[names[0]]),
        inputs_source=prepared.inputs_source,
        outputs=outputs,
        self_checks=judged.checks,
        first_bad=first_bad,
        notes=notes,
        sizes=(sizes,) if shapes else (),
    )


def _conditions(reference: AnySide) -> dict[str, str]:
    return conditions(reference.graph) if isinstance(reference, ModelSide) else {}


def _again(reference: AnySide, count: int, folder: Path, progress: Progress) -> Outputs:
    """The outputs of a second run of the reference, a model."""
    progress(f"running the reference once more on {count} inputs: an output fails")
    return run_side(reference, folder).outputs


def _save(prepared: Prepared, options: VerifyOptions, runs: Mapping[str, Run], names: Sequence[str]) -> None:
    if options.save_inputs is not None:
        atomic.write_bytes(Path(options.save_inputs), polygraphy.encode_inputs(prepared.samples))
    if options.save_outputs is not None:
        stored = {runner: _iterations(run.outputs, names) for runner, run in runs.items()}
        atomic.write_bytes(Path(options.save_outputs), polygraphy.encode_outputs(stored))


def _iterations(outputs: Mapping[str, Sequence[Array]], names: Sequence[str]) -> list[dict[str, Array]]:
    return [{name: outputs[name][index] for name in names} for index in range(len(outputs[names[0]]))]
