"""What people see of a verification."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from alexnet_bench.core.verification import (
    FirstBad,
    OutputParity,
    SelfCheck,
    Side,
    SizesTried,
    TensorError,
    Verification,
)
from alexnet_bench.report.verification import print_verification, to_markdown

_OUTPUT = OutputParity(
    name="logits", shape=(1, 10), dtype="float16", reference_dtype="float32", measure="spread", error=2.5e-3,
    tolerance=1e-2, max_abs=0.5, mean_abs=0.125, relative_error=1e-4, spread=0.04, cosine=0.99999, top1_agreement=None,
    worst_input=3, verdict="passed",
)  # fmt: skip
PASSED = Verification(
    verdict="passed",
    reasons=(),
    engine=Side("net.onnx", "ab", "openvino", "2026.1", "cpu", "float16"),
    reference=Side("net", "cd", "onnxruntime-cpu", "1.31", "cpu", "", {"graph_optimization": "none"}),
    precision="fp16",
    precision_source="its graph",
    tolerance=1e-2,
    tolerance_source="default for fp16",
    inputs=16,
    inputs_source="generated, seeds from 0",
    outputs=(_OUTPUT,),
    self_checks=(
        SelfCheck("shuffled-inputs", "logits", "found", 1.41),
        SelfCheck("lost-bias", "logits", "does not apply", None, "fc.bias is zero"),
    ),
)
FAILED = replace(
    PASSED,
    verdict="failed",
    reasons=("logits: the error is 9.00e-01, above 0.01", "more"),
    outputs=(replace(_OUTPUT, error=0.9, verdict="failed", top1_agreement=0.25),),
    first_bad=FirstBad(
        True, ("conv\x1b[2J2",), (TensorError("c2", "c2", 0.5),), (TensorError("p1", "p1", None),), 5, 25, "it grows"
    ),
)


def shown(found: Verification, width: int = 120) -> str:
    stream = io.StringIO()
    print_verification(found, stream, width=width)
    return stream.getvalue()


def test_what_passed() -> None:
    text = shown(PASSED)
    rows = text.splitlines()
    assert rows[0].split() == ["output", "shape", "type", "error", "allowed", "max", "abs", "mean", "abs", "cosine"]
    assert rows[1].split() == ["logits", "1x10", "float16", "2.50e-03", "1.0e-02", "5.00e-01", "1.25e-01", "0.999990"]
    assert "passed: within 0.01 on 16 inputs" in text
    assert "openvino 2026.1, told to compute in float16" in text
    assert "graph_optimization none" in text
    assert "0.01 (default for fp16; fp16 by its graph)" in text
    assert "would fail, as it must, error 1.4e+00" in text
    assert "does not apply: fc.bias is zero" in text
    assert "first bad node" not in text


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ({"float32": 11}, "openvino 2026.1, computed in float32"),
        ({"uint8": 13, "float32": 11, "int8": 15}, "openvino 2026.1, computed in float32, int8 and uint8"),
    ],
)
def test_the_types_that_were_read_back_stand_in_place_of_what_was_told(types: dict[str, int], said: str) -> None:
    found = replace(PASSED, engine=replace(PASSED.engine, compute_dtypes=types))
    assert f"{said}\n" in shown(found).replace(" \n", "\n")
    assert f"{said} |" in to_markdown(found)


def test_what_failed_names_the_node_and_nothing_moves_the_cursor() -> None:
    text = shown(FAILED)
    assert "failed: logits: the error is 9.00e-01, above 0.01 (and 1 more)" in text
    assert "25.0 %" in text
    assert r"conv\x1b[2J2 (5 runs for 25 places)" in text
    assert "c2, error 5.00e-01" in text
    assert "p1, error -" in text
    assert "it grows" in text
    assert "\x1b" not in text
    assert all(len(line) <= 60 for line in shown(FAILED, 60).splitlines())


def test_the_sizes_that_were_tried_are_listed() -> None:
    tried = (
        SizesTried({"x": (8, 3)}, 16, "passed", (), (_OUTPUT,)),
        SizesTried({"x": (1, 3)}, 4, "failed", ("logits: worse",), (replace(_OUTPUT, error=0.9),)),
        SizesTried({"x": (9, 3)}, 0, "inconclusive", ("it is refused",)),
    )
    text = shown(replace(PASSED, sizes=tried))
    assert "x 8x3\n" in text.replace(" \n", "\n")
    assert "x 1x3: failed on 4 inputs, error 9.00e-01 in logits" in text
    assert "x 9x3: inconclusive, could not be compared" in text
    assert "| also at | x 1x3: failed on 4 inputs" in to_markdown(replace(PASSED, sizes=tried))


def test_a_name_of_control_characters_takes_the_room_that_it_needs() -> None:
    found = replace(PASSED, outputs=(replace(_OUTPUT, name="\x1b[2J" * 8),))
    for width in (60, 80, 100):
        assert "2.50e-03 1.0e-02" in " ".join(shown(found, width).splitlines()[1].split())


def test_one_wrong_of_250_is_not_all() -> None:
    found = replace(PASSED, outputs=(replace(_OUTPUT, top1_agreement=249 / 250),))
    assert "99.6 %" in shown(found)


def test_a_search_without_a_result_says_why() -> None:
    text = shown(replace(FAILED, first_bad=FirstBad(False, detail="stored outputs")))
    assert "not found: stored outputs" in text


def test_a_fault_that_was_missed_is_shown_before_those_found() -> None:
    missed = SelfCheck("shuffled-inputs", "other", "missed", 0.5, "within the tolerance of 2")
    text = shown(replace(PASSED, self_checks=(*PASSED.self_checks, missed)))
    assert "missed in 1 of 2 outputs, error 5.0e-01: within the tolerance of 2" in text


def test_markdown_escapes_names() -> None:
    text = to_markdown(replace(FAILED, outputs=(replace(_OUTPUT, name="a|b*"),)))
    assert "| a\\|b\\* | 1x10 | float16 |" in text
    assert "### net.onnx: failed" in text
    assert "> logits: the error is 9.00e-01, above 0.01" in text
    assert "| first bad node |" in text
