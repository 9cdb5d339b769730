"""Which operators make a graph a quantised one."""

from __future__ import annotations

import re

import pytest

from alexnet_bench.graph.formulas import UNCOUNTED, find_formula, quantised, quantised_order, registered, weight_only
from alexnet_bench.graph.quantised import QUANTISED
from tests.unit.graph.formula_case import MICROSOFT
from tests.unit.graph.test_graph_formulas_coverage import KNOWN

FAMILIES = {module.__name__ for module in (quantised, quantised_order, weight_only)}
NAMED_SO = re.compile(r"quant|integer|nbits|bnb4|fpq4|^(?-i:Q[A-Z])", re.IGNORECASE)
COUNTED = [key for key in registered() if getattr(find_formula(*key), "__module__", "") in FAMILIES]


@pytest.mark.parametrize("key", COUNTED, ids=".".join)
def test_what_is_counted_as_quantised_is_quantised(key: tuple[str, str]) -> None:
    assert key in QUANTISED


def test_what_is_named_so_is_quantised() -> None:
    assert {key for key in {*KNOWN, *registered(), *UNCOUNTED} if NAMED_SO.search(key[1])} <= QUANTISED


def test_what_onnx_and_onnx_runtime_have_there_is_their_own() -> None:
    assert {key for key in QUANTISED if key[0] in ("", MICROSOFT)} <= KNOWN
