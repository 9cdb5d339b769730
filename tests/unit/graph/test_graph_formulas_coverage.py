"""Every operator that ONNX and ONNX Runtime know has a formula, or a reason for having none."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import defs
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from alexnet_bench.core.graph import Graph
from alexnet_bench.graph import contrib
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.formulas import UNCOUNTED, registered
from tests.unit.graph.conftest import Read
from tests.unit.graph.formula_case import MICROSOFT

ML = "ai.onnx.ml"
DOCUMENT = Path(__file__).parents[3] / "docs" / "counting.md"

HOLDS_GRAPHS = {("", "If"), ("", "Loop"), ("", "Scan")}
"""Counted by what is inside them (graph/control_flow.py)."""

OWN_NAMES = {
    ("", "MemcpyFromHost"),
    ("", "MemcpyToHost"),
    ("", "SimplifiedLayerNormalization"),
    (MICROSOFT, "SimplifiedLayerNormalization"),
}
"""Operators that ONNX Runtime writes into models, of ONNX's domain without being ONNX's, or in no registry."""


def known() -> set[tuple[str, str]]:
    """Operators of all versions: ONNX's default domain and ai.onnx.ml, com.microsoft and com.microsoft.nchwc."""
    found = {(schema.domain, schema.name) for schema in defs.get_all_schemas_with_history()}
    theirs = {(item.domain, item.name) for item in runtime.get_all_operator_schema()}
    found |= {key for key in theirs if key[0] in (MICROSOFT, contrib.NCHWC)}
    return {key for key in found if key[0] in ("", ML, MICROSOFT, contrib.NCHWC)}


THESE_VERSIONS = pytest.mark.skipif(
    (onnx.__version__, onnxruntime.__version__) != ("1.23.2", "1.31.1"),
    reason="the numbers are those of onnx 1.23.2 and ONNX Runtime 1.31.1",
)

KNOWN, FORMULAS = known(), set(registered())


@pytest.mark.parametrize("key", sorted(KNOWN), ids=".".join)
def test_every_operator_has_a_formula_or_a_reason(key: tuple[str, str]) -> None:
    assert [key in FORMULAS, key in UNCOUNTED, key in HOLDS_GRAPHS].count(True) == 1


@THESE_VERSIONS
def test_nothing_is_registered_that_nobody_knows() -> None:
    assert FORMULAS - KNOWN == OWN_NAMES
    assert set(UNCOUNTED) <= KNOWN


@pytest.mark.parametrize("key", sorted(key for key in FORMULAS if key[0] in (MICROSOFT, contrib.NCHWC)), ids=".".join)
def test_every_formula_for_onnx_runtime_has_a_shape_rule(key: tuple[str, str]) -> None:
    assert contrib.covers(*key)


def test_every_shape_rule_has_a_formula() -> None:
    domains = (MICROSOFT, contrib.NCHWC)
    assert {(domain, op) for domain in domains for op in contrib.operators(domain)} <= FORMULAS


def test_the_document_lists_what_is_not_counted_with_its_reason() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {op: reason for ops, reason in rows for op in ops.split(", ")}
    assert {op: listed.get(op) for _, op in UNCOUNTED} == {op: reason for (_, op), reason in UNCOUNTED.items()}


@THESE_VERSIONS
def test_the_document_says_how_many_are_counted() -> None:
    counted = KNOWN & (FORMULAS | HOLDS_GRAPHS)
    numbers = [
        f"{sum(key[0] == domain for key in counted)} of {sum(key[0] == domain for key in KNOWN)}"
        for domain in ("", ML, MICROSOFT)
    ]
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    assert f"{numbers[0]} operators of ONNX, {numbers[1]} of `ai.onnx.ml` and {numbers[2]} of `com.microsoft`" in text


SEQUENCE = """g (float[2,3] x) => (float[M,N] y, int64 n) {
    one = Constant <value_int = 1> ()
    both = SequenceConstruct (x, x)
    more = SequenceInsert (both, x)
    less = SequenceErase (more, one)
    n = SequenceLength (less)
    part = SequenceAt (less, one)
    all = ConcatFromSequence <axis = 0> (less)
    y = Concat <axis = 0> (all, part)
}"""


def test_a_sequence_moves_what_is_put_in_and_taken_out(read: Read) -> None:
    rows = {row.op: row for row in count(read(SEQUENCE)).rows}
    assert (rows["SequenceConstruct"].bytes_read, rows["SequenceInsert"].bytes_written) == (24, 24)
    assert (rows["SequenceErase"].bytes_read, rows["SequenceLength"].bytes_written) == (0, 8)
    assert rows["SequenceAt"].bytes_read == 24
    assert (rows["ConcatFromSequence"].bytes_read, rows["Concat"].bytes_written) == (48, 72)


@pytest.mark.parametrize("key", sorted(UNCOUNTED), ids=".".join)
def test_what_is_not_counted_is_listed(read: Read, key: tuple[str, str]) -> None:
    graph: Graph = read(
        '<ir_version: 8, opset_import: ["" : 20, "com.microsoft" : 1, "ai.onnx.ml" : 5]>\n'
        f"g (float[2,3] x) => (float[2,3] y) {{ y = {key[0]}{'.' if key[0] else ''}{key[1]} (x) }}"
    )
    row = count(graph).rows[0]
    assert (row.counted, row.flop) == (False, None)


@pytest.mark.parametrize(("dtype", "flop"), [("int32", 16), ("float", 16), ("int64", 23), ("double", 23)])
def test_a_hash_costs_what_the_words_of_an_element_cost(read: Read, dtype: str, flop: int) -> None:
    """7 for each 32 bits, and 9."""
    graph = read(f"g ({dtype}[3] x) => (uint32[3] y) {{ y = com.microsoft.MurmurHash3 (x) }}")
    assert count(graph).rows[0].flop == 3 * flop


def test_the_hash_of_a_text_has_no_count(read: Read) -> None:
    graph = read("g (string[3] x) => (uint32[3] y) { y = com.microsoft.MurmurHash3 (x) }")
    assert count(graph).rows[0].why_unknown == "the length of texts is not known"


@pytest.mark.parametrize(("opset", "others"), [(17, 4 * 6), (20, 4 * 8)])
def test_a_transform_goes_along_another_axis_by_default_since_opset_20(read: Read, opset: int, others: int) -> None:
    """Axis 1 before, the last but one since: lengths 8 and 6 of [4, 8, 6, 1]."""
    graph = read(f'<ir_version: 8, opset_import: ["" : {opset}]> g (float[4,8,6,1] x) => (y) {{ y = DFT (x) }}')
    each = 60 if opset < 20 else 39  # 2.5 · 8 · 3, and 2.5 · 6 · 2.585
    assert count(graph).rows[0].flop == others * each
