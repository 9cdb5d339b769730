"""`alexnet-bench profile --symbolic`: counts as formulas of a model's dynamic dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.profile import Caution
from alexnet_bench.core.symbolic import (
    Condition,
    Formula,
    SymbolicBytes,
    SymbolicCounts,
    SymbolicInput,
    SymbolicModel,
    SymbolicNode,
    SymbolicTotals,
    SymbolicWork,
    Term,
    formula,
    shown_name,
)
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.uses import in_use
from alexnet_bench.graph.convert import tensor_from_info
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.graph.symbolic.domain import Domain
from alexnet_bench.graph.symbolic.fit import Polynomial, add
from alexnet_bench.graph.symbolic.polynomials import Found, SymbolicRow, SymbolicTable, count_symbolically
from alexnet_bench.graph.symbolic.sizes import OpenInputs, open_inputs
from alexnet_bench.workflows.options import DEFAULT_MODEL, check_batches, silent
from alexnet_bench.workflows.resolve import resolve

_TAKES_ONE_SIZE = "if the model takes one size only of a dimension, fix it: --shape DIMENSION=224"


@in_use()
def symbolic_counts(
    model: str | Path = DEFAULT_MODEL,
    *,
    batch: int | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> SymbolicCounts:
    """Counts a model for every size of its dynamic dimensions at once.

    Args:
        model: a name that `alexnet-bench models` lists, or the path of an ONNX file.
        batch: a number for the open first dimensions; None leaves them open.
        shapes: shapes by input name, or one size by the name of a dimension: {"height": (224,)}.
        progress: told what is done next.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model or the options.
    """
    check_batches([batch])
    resolved = resolve(model, progress or silent)
    if progress:
        progress(f"reading {model}")
    file = open_model(resolved.path)
    try:
        inputs = open_inputs(file.proto.graph, batch=batch, given=shapes or {})
    except ShapeError as error:
        raise ShapeError(f"{printable(resolved.name)}: {error.message}", error.hint) from None
    if progress:
        progress(f"counting at many sizes of {', '.join(inputs.variables)}" if inputs.variables else "counting")
    try:
        table = count_symbolically(file, inputs)
    except ShapeError as error:
        raise ShapeError(error.message, "; ".join(filter(None, (_unread(inputs), error.hint)))) from None
    return _document(resolved.name, file, table)


def _unread(inputs: OpenInputs) -> str:
    """What to do about sizes that depend on others in a way that is not read, "" for none."""
    if not inputs.unread:
        return ""
    names = ", ".join(map(printable, inputs.unread))
    return f"the size of {names} is not worked out from other dimensions: only +, -, * and // by a number are read"


def _document(name: str, file: ModelFile, table: SymbolicTable) -> SymbolicCounts:
    names = table.inputs.variables
    return SymbolicCounts(
        model=SymbolicModel(name, file.sha256, _inputs(file, table.inputs)),
        dimensions=names,
        totals=_totals(table, names),
        nodes=tuple(_node(row, names) for row in table.rows),
        warnings=(*_equal(table.inputs), *_warnings(table.rows, names)),
    )


def _inputs(file: ModelFile, inputs: OpenInputs) -> tuple[SymbolicInput, ...]:
    dtypes = {info.name: tensor_from_info(info).dtype for info in file.proto.graph.input}
    return tuple(SymbolicInput(name, shape, dtypes[name]) for name, shape in inputs.named().items())


def _node(row: SymbolicRow, names: Sequence[str]) -> SymbolicNode:
    return SymbolicNode(
        name=row.cost.name,
        op=row.cost.op,
        weight_bytes=row.cost.weight_bytes,
        work=_work(row.work.formulas, row.work.domain, names) if row.work else None,
        moved=_moved(row.moved.formulas, row.moved.domain, names) if row.moved else None,
        why_no_formula=row.why,
        assumed=row.cost.assumed,
    )


def _totals(table: SymbolicTable, names: Sequence[str]) -> SymbolicTotals:
    work = [row.work for row in table.rows if row.work is not None]
    moved = [row.moved for row in table.rows if row.moved is not None]
    return SymbolicTotals(
        work=_work(_sums(work, 3), table.work, names) if work or not table.rows else None,
        moved=_moved(_sums(moved, 2), table.moved, names) if moved or not table.rows else None,
        activation_peak_bytes=None if table.peak is None else _formula(table.peak, names),
        weight_bytes=table.costs.weight_bytes,
        params=table.costs.params,
        nodes=len(table.rows),
        nodes_with_work=len(work),
        nodes_with_moved=len(moved),
    )


def _sums(found: Sequence[Found], counts: int) -> list[Polynomial]:
    return [add([item.formulas[position] for item in found]) for position in range(counts)]


def _work(formulas: Sequence[Polynomial], domain: Domain, names: Sequence[str]) -> SymbolicWork:
    macs, flop, transcendentals = (_formula(item, names) for item in formulas)
    return SymbolicWork(macs, flop, transcendentals, _where(domain))


def _moved(formulas: Sequence[Polynomial], domain: Domain, names: Sequence[str]) -> SymbolicBytes:
    read, written, both = (_formula(item, names) for item in (*formulas, add(formulas)))
    return SymbolicBytes(read, written, both, _where(domain))


def _formula(polynomial: Polynomial, names: Sequence[str]) -> Formula:
    return formula(
        [_term(Fraction(coefficient, polynomial.divisor), powers, names) for powers, coefficient in polynomial.terms]
    )


def _term(coefficient: Fraction, powers: Sequence[int], names: Sequence[str]) -> Term:
    used = {name: power for name, power in zip(names, powers, strict=True) if power}
    return Term(coefficient.numerator, used, coefficient.denominator)


def _where(domain: Domain) -> tuple[Condition, ...]:
    return tuple(item for item in domain if item != Condition(item.name))


def _equal(inputs: OpenInputs) -> Iterator[Caution]:
    if inputs.equal:
        pairs = ", ".join(f"{shown_name(name)} = {shown_name(other)}" for name, other in inputs.equal.items())
        yield Caution(
            "equal-dimensions", f"taken as equal, for where they differ the model cannot be counted as a whole: {pairs}"
        )


def _warnings(rows: Sequence[SymbolicRow], names: Sequence[str]) -> Iterator[Caution]:
    if not names:
        yield Caution(
            "no-dimensions", "no dimension of the inputs is open: every formula is a number, as --static counts it"
        )
    missing = [row for row in rows if row.work is None]
    if missing:
        yield Caution(
            "no-formula",
            f"not in the totals is the arithmetic of {_listed(missing)}",
            _TAKES_ONE_SIZE if names and any(row.cost.counted for row in missing) else "",
        )
    missing = [row for row in rows if row.work is not None and row.moved is None]
    if missing:
        yield Caution("no-formula-bytes", f"not in the totals are the bytes of {_listed(missing)}")
    assumed = [row for row in rows if row.cost.assumed]
    if assumed:
        first = assumed[0].cost
        more = f" and {plural(len(assumed) - 1, 'more node')}" if assumed[1:] else ""
        yield Caution("assumed", f"{printable(first.name)}{more}: {printable(first.assumed)}, as only a run would tell")


def _listed(missing: Sequence[SymbolicRow]) -> str:
    first = missing[0]
    which = f"{printable(first.cost.name)} ({printable(first.cost.op)}): {printable(first.why)}"
    return f"{plural(len(missing), 'node')}, first {which}" if missing[1:] else which
