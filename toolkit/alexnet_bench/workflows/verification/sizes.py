"""Sizes verified beside those that an engine is made for: the ends of its ranges, and another batch than 1."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.errors import BackendCrash, BackendRefusal, ShapeError, UsageError
from alexnet_bench.core.machine import memory_bytes
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import binary_bytes, quantity
from alexnet_bench.core.verification import FirstBad, SizesTried, Verdict, Verification
from alexnet_bench.engine.ranges import ENDS, SizeRanges
from alexnet_bench.engine.sizes import by_input
from alexnet_bench.graph.binding import taken_as_one
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph
from alexnet_bench.verdict.samples import LEAST_INPUTS
from alexnet_bench.workflows.verification.inputs import fixed_by_reference
from alexnet_bench.workflows.verification.open_sizes import Opened
from alexnet_bench.workflows.verification.options import VerifyOptions
from alexnet_bench.workflows.verification.sides import Pair

_LEAST = 2
"""Inputs at other sizes, so that the spread is known; more as long as they are no more work than the first."""
_OTHER_BATCH = 2
"""Where both sides leave the batch open, and it was 1: what mixes up the entries of a batch is right for one alone."""
_MOST_FLOP = 2e12
"""At other sizes, unless the first ones are more work: about half a minute on two cores."""

Shapes = Mapping[str, Sequence[int]]
Compare = Callable[["VerifyOptions", Path], Verification]


def with_other_sizes(
    found: Verification, pair: Pair, options: VerifyOptions, compare: Compare, folder: Path
) -> Verification:
    """The same verification with other sizes that the engine takes; unchanged where it failed already.

    Those are the ends of the ranges that it is made for; of a file that says none, and leaves the batch open, batch 2.

    Args:
        found: at the sizes that the engine is made for, or that were given.
        pair: both sides.
        options: of the verification; where they say sizes or inputs, no others are tried.
        compare: verifies with other options, with files in a folder.
        folder: for those.

    Raises:
        AlexnetBenchError: the engine does not take sizes of its range.
    """
    recipe = pair.engine.recipe
    ranges = recipe.sizes if recipe is not None and recipe.has_sizes else ()
    if _is_outside(pair.engine, found):
        said = f"was built for {'; '.join(map(str, ranges))}, and these sizes are outside"
        return _noted(found, _only_given(said))
    if found.verdict == "failed" or (ranges and not any(map(_is_open, ranges))):
        return found
    if not ranges:
        return _with_open_batch(found, pair, options, compare, folder)
    if _are_given(options):
        return _noted(found, _only_given(f"takes {'; '.join(map(str, ranges))}"))
    if fixed := fixed_by_reference(pair.reference, pair.engine):
        return _noted(found, _only_fixed(fixed))
    for at, (batch, shapes) in enumerate(_others(ranges)):
        costs, taken = _costs(pair, batch, shapes)
        if all(taken != item.shapes for item in found.sizes):
            found = _tried(found, pair, _at(options, taken), costs, compare, folder / str(at))
    return found


def _with_open_batch(
    found: Verification, pair: Pair, options: VerifyOptions, compare: Compare, folder: Path
) -> Verification:
    """With a second batch. An engine that refuses it gives nothing wrong, and promised nothing: that is a note."""
    ours, theirs = (_open_batches(side.file) for side in (pair.reference, pair.engine))
    if not theirs or pair.reference.file is None:
        return found
    if fixed := [name for name in theirs if name not in ours]:
        return _noted(found, _only_fixed(fixed))
    first = found.sizes[0].shapes if found.sizes else {}
    if any(first.get(name, (1,))[0] != 1 for name in theirs):
        return found
    if _are_given(options):
        return _noted(found, _only_given("leaves the batch open"))
    try:
        costs, taken = _costs(pair, _OTHER_BATCH, {})
        return _compared(found, pair, _at(options, taken), costs, compare, folder)
    except (ShapeError, BackendRefusal, BackendCrash) as error:
        return _noted(found, f"the batch is open, and only 1 was tried: with {_OTHER_BATCH}, {error.message}")


def _open_batches(file: ModelFile | None) -> Collection[str]:
    return taken_as_one(file.proto.graph, {}) if file is not None else ()


def _are_given(options: VerifyOptions) -> bool:
    return options.batch is not None or bool(options.shapes) or options.inputs is not None


def _only_given(what: str) -> str:
    return f"the engine {what}: only the sizes given were tried"


def _only_fixed(names: Iterable[str]) -> str:
    shown = ", ".join(map(printable, names))
    return f"the reference fixes sizes that the engine leaves open, of {shown}: only these were tried"


def _noted(found: Verification, note: str) -> Verification:
    return replace(found, notes=(*found.notes, note))


def _at(options: VerifyOptions, shapes: Mapping[str, tuple[int, ...]]) -> VerifyOptions:
    """The options for sizes beside the first, of which nothing is saved."""
    return replace(options, shapes=shapes, save_inputs=None, save_outputs=None)


def _is_outside(engine: Opened, found: Verification) -> bool:
    """Whether the first sizes are none that the engine was built for."""
    if engine.recipe is None or not engine.recipe.has_sizes or engine.file is None or not found.sizes:
        return False
    shapes = found.sizes[0].shapes
    return all(item.outside(shapes) is not None for item in by_input(engine.recipe, engine.file.path))


def _is_open(ranges: SizeRanges) -> bool:
    return any(item.min != item.max for item in (ranges.batch, *ranges.shapes.values()) if item is not None)


def _others(ranges: Sequence[SizeRanges]) -> Iterator[tuple[int | None, Shapes]]:
    """Batch and shapes of each end, the usual ones of the first range left out, which were tried."""
    for at, item in enumerate(ranges):
        yield from ((item.batch_at(end), item.shapes_at(end)) for end in ENDS if at or end != "opt")


def _tried(
    found: Verification, pair: Pair, options: VerifyOptions, costs: CostTable, compare: Compare, folder: Path
) -> Verification:
    """With one more set of sizes, those of the options, which the engine is to take."""
    tried = SizesTried(_shapes(options), 0, "inconclusive")
    try:
        return _compared(found, pair, options, costs, compare, folder)
    except ShapeError as error:  # of the engine's graph: that of the reference was built at these sizes
        return _joined(found, replace(tried, verdict="failed", reasons=(error.message,)), None)
    except (BackendRefusal, BackendCrash) as error:
        return _joined(found, replace(tried, reasons=(error.message,)), None)


def _compared(
    found: Verification, pair: Pair, options: VerifyOptions, costs: CostTable, compare: Compare, folder: Path
) -> Verification:
    """The same.

    Raises:
        AlexnetBenchError: one of both sides does not take these sizes.
    """
    tried = SizesTried(_shapes(options), 0, "inconclusive")
    try:
        number = _inputs(costs, _costs(pair, None, found.sizes[0].shapes)[0], found.inputs)
        other = compare(replace(options, count=number, search=options.search and found.verdict != "failed"), folder)
    except UsageError as error:
        return _noted(found, f"not tried at {tried}: {error.message}")
    verdict = _worst([output.verdict for output in other.outputs])  # few inputs may leave the self-checks with nothing
    tried = replace(tried, inputs=other.inputs, outputs=other.outputs, verdict=verdict)
    return _joined(found, replace(tried, reasons=other.reasons if verdict != "passed" else ()), other.first_bad)


def _shapes(options: VerifyOptions) -> dict[str, tuple[int, ...]]:
    return {name: tuple(shape) for name, shape in (options.shapes or {}).items()}


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    return "failed" if "failed" in verdicts else "inconclusive" if "inconclusive" in verdicts else "passed"


def _joined(found: Verification, tried: SizesTried, first_bad: FirstBad | None) -> Verification:
    if first_bad is not None:
        first_bad = replace(first_bad, detail="; ".join(filter(None, (f"at {tried}", first_bad.detail))))
    return replace(
        found,
        verdict=_worst((tried.verdict, found.verdict)),
        reasons=(*found.reasons, *(f"at {tried}: {reason}" for reason in tried.reasons)),
        sizes=(*found.sizes, tried),
        first_bad=found.first_bad or first_bad,
    )


def _costs(pair: Pair, batch: int | None, shapes: Shapes) -> tuple[CostTable, dict[str, tuple[int, ...]]]:
    """What the reference does at some sizes, and those of its inputs."""
    if pair.reference.file is None:
        raise UsageError("stored outputs have the sizes of their inputs alone")
    graph = build_graph(pair.reference.file, name=pair.reference.name, batch=batch, given_shapes=shapes)
    return count(graph), graph.input_sizes


def _inputs(costs: CostTable, usual: CostTable, tried: int) -> int:
    """How many inputs are no more work than those at the usual sizes; two at least.

    Raises:
        UsageError: even two are too much work, or one more than the memory holds.
    """
    needed = costs.weight_bytes + costs.activation_peak_bytes
    if needed > memory_bytes():
        raise UsageError(f"an input needs {binary_bytes(needed)}, more than this machine has")
    work = tried * usual.flop
    if _LEAST * costs.flop > max(_MOST_FLOP, work):
        raise UsageError(f"an input takes {quantity(costs.flop, 'FLOP')}; give --batch or --shape to try it")
    return max(_LEAST, min(LEAST_INPUTS, work // max(1, costs.flop)))
