"""What TensorRT says of a node, in releases that are not here, with the hint that helps."""

from __future__ import annotations

import pytest

from alexnet_bench.backends.tensorrt.refusal import parser_refusal


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Plugin not found, are the plugin name, version, and namespace correct?", "may have this operator: --plugins"),
        (
            "Op type Nothing is not supported in TensorRT-RTX.",
            "since 1.7 (--plugins FILE): pip install -U",
        ),
    ],
    ids=["1.7", "1.4 to 1.6"],
)
def test_plugins_are_proposed_where_the_parser_looks_for_them(said: str, hint: str) -> None:
    refused = parser_refusal("tensorrt-rtx", node="odd", operator="Nothing", domain="elsewhere", said=said)
    assert refused.message == f"tensorrt-rtx does not take node odd (elsewhere.Nothing): {said}"
    assert hint in refused.hint
