"""A contest as text: what a reader must find in it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest

from alexnet_bench.core.contest import Contest, ContestCase, Entry, EntryError, EntryLatency
from alexnet_bench.core.document import decode, encode
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import Environment
from alexnet_bench.core.verification import Side
from alexnet_bench.report.contest import print_contest
from alexnet_bench.report.render import show, to_markdown

STOCK = Entry(
    "onnxruntime-cpu",
    "1.31",
    compute_dtypes={"float32": 3},
    error=EntryError("y", "spread", 2.8e-6, 1e-4, "fp32", "passed"),
    latency=EntryLatency(((0.02,), (0.02,)), 0.02, (0.019, 0.021), 50.0, 1.0, (1.0, 1.0)),
)
FAST = Entry(
    "openvino",
    "2026.4",
    "bf16",
    "openvino-bf16",
    "abc",
    {"float32": 2, "bfloat16": 8},
    EntryError("y", "spread", 2.5e-2, 5e-2, "bf16", "passed"),
    EntryLatency(((0.005,), (0.005,)), 0.005, (0.005, 0.005), 200.0, 0.25, (0.24, 0.26)),
)
WRONG = Entry(
    "torch",
    "2.13",
    error=EntryError("y", "spread", 0.5, 1e-4, "fp32", "failed", ("y: the error is 5.00e-01, above 0.0001", "z: too")),
    latency=EntryLatency(((0.001,), (0.001,)), 0.001, (0.001, 0.001), 1000.0, 0.05, (0.05, 0.05)),
)
ABSENT = Entry("tensorrt", "", refused="tensorrt is not installed")
FALLEN = replace(STOCK, backend="onnxruntime-cuda", latency=None, refused="the worker died \x1b[31m| here")
CONTEST = Contest(
    model="net|work",
    graph_sha256="0",
    weights_sha256="0",
    reference=Side("network", None, "onnxruntime-cpu", "1.31", "cpu", "", {"graph_optimization": "none"}),
    inputs=16,
    inputs_source="generated, seeds from 0, images in 0 to 1",
    precisions=("all",),
    tolerance=None,
    threads=2,
    seconds=3.0,
    processes=3,
    seed=0,
    cases=(ContestCase(1, {"x": (1, 3)}, (WRONG, FAST, STOCK, ABSENT, FALLEN), 1),),
    environment=Environment({"cpu": "EPYC"}, {}),
)


HEADINGS = [*("backend", "engine", "computes", "in", "median", "per", "second", "ratio", "error", "allowed")]


def text(found: Contest) -> str:
    stream = io.StringIO()
    show(found, stream)
    return stream.getvalue()


@pytest.mark.parametrize("named", [{"fastest": 99}, {"fastest": -1}, {"close": [2, 5]}, {"close": [-1]}])
def test_a_document_that_names_no_entry_is_refused(named: dict[str, object]) -> None:
    content = json.loads(encode(CONTEST))
    assert decode(json.dumps(content).encode()) == CONTEST
    content["cases"][0] |= named
    with pytest.raises(
        UsageError, match=r"c\.json is not a valid profile: there is no entry -?\d+, counted from 0, among 5"
    ):
        decode(json.dumps(content).encode(), "c.json")


def test_a_ratio_of_nothing_is_no_error() -> None:
    case = CONTEST.cases[0]
    assert FAST.latency is not None
    instant = replace(FAST, latency=replace(FAST.latency, ratio=0.0))
    shown = text(replace(CONTEST, cases=(replace(case, entries=(WRONG, instant, *case.entries[2:])),)))
    assert "fastest within the tolerance: openvino" in shown


def test_each_entry_has_a_row_with_its_error_beside_its_time() -> None:
    rows = text(CONTEST).splitlines()
    assert rows[0] == "net|work · batch 1 · 2 threads · EPYC"
    assert rows[2].split() == HEADINGS
    assert rows[3].split()[-3:] == ["5.0e-01", "1.0e-04", "failed"]
    cells = ["openvino", "bf16", "bfloat16 8, float32 2", "5.00 ms", "200.0", "0.25", "0.24 to 0.26"]
    assert re.split(r"  +", rows[4].strip()) == [*cells, "2.5e-02", "5.0e-02"]
    assert rows[5].split()[3:] == ["float32", "20.0", "ms", "50.0", "1.00", "2.8e-06", "1.0e-04"]


def test_the_last_line_names_the_fastest_within_the_tolerance() -> None:
    last = " ".join(text(CONTEST).splitlines()[-2:])
    assert last == (
        "fastest within the tolerance: openvino bf16, recipe openvino-bf16, 5.00 ms, 4.00 times as fast as "
        "onnxruntime-cpu as given"
    )


@pytest.mark.parametrize(
    "line",
    [
        "not here  tensorrt as given: tensorrt is not installed",
        "fell out  onnxruntime-cuda as given: the worker died \\x1b[31m| here",
        "failed    torch as given: y: the error is 5.00e-01, above 0.0001 (and 1 more)",
    ],
)
def test_who_is_not_among_them_and_why(line: str) -> None:
    assert line in text(CONTEST).splitlines()


def test_what_the_error_of_an_entry_does_not_show_is_noted() -> None:
    assert FAST.error is not None
    noted = replace(FAST, error=replace(FAST.error, notes=("y: its error says nothing of elements below 0.64",)))
    found = replace(CONTEST, cases=(replace(CONTEST.cases[0], entries=(noted, STOCK), fastest=0),))
    assert "note   openvino bf16: y: its error says nothing of elements below 0.64" in text(found).splitlines()
    assert "| note | openvino bf16: y: its error says nothing of elements below 0.64 |" in to_markdown(found)


@pytest.mark.parametrize("width", [40, 50, 57, 80])
def test_no_number_is_cut_where_the_table_is_narrow(width: int) -> None:
    assert WRONG.error is not None
    unclear = replace(WRONG, backend="onnxruntime-tensorrt", error=replace(WRONG.error, verdict="inconclusive"))
    found = replace(CONTEST, cases=(replace(CONTEST.cases[0], entries=(unclear, STOCK), fastest=None),))
    stream = io.StringIO()
    print_contest(found, stream, width=width)
    first, second = [line.split() for line in stream.getvalue().splitlines() if line.startswith("onnx")][:2]
    assert first[0].endswith("-tensorrt")
    assert {"1.00", "5.0e-01"} < {*first}
    assert {"20.0", "2.8e-06"} < {*second}


def test_a_ratio_and_a_rate_far_below_one_are_no_zeros() -> None:
    slow = EntryLatency(((30.0,), (30.0,)), 30.0, (30.0, 30.0), 1 / 30, 0.0014, (0.00138, 0.00142))
    text_of = text(replace(CONTEST, cases=(replace(CONTEST.cases[0], entries=(replace(FAST, latency=slow), STOCK)),)))
    assert "0.0333" in text_of
    assert "0.0014  0.00138 to 0.00142" in text_of


def test_ties_and_no_winner_are_said() -> None:
    case = CONTEST.cases[0]
    tied = replace(CONTEST, cases=(replace(case, close=(2,)),))
    assert "not told apart from it: onnxruntime-cpu as given" in " ".join(text(tied).split())
    none = replace(CONTEST, cases=(replace(case, fastest=None),))
    assert text(none).splitlines()[-1] == "nothing that ran is within its tolerance"


def test_every_batch_has_a_table() -> None:
    case = CONTEST.cases[0]
    both = text(replace(CONTEST, cases=(case, replace(case, batch=8))))
    assert both.count("backend  ") == 2
    assert "net|work · batch 8 · 2 threads · EPYC" in both


def test_the_same_in_markdown_harmless() -> None:
    made = to_markdown(CONTEST)
    assert made.startswith("### net\\|work · batch 1")
    assert "| openvino | bf16 | bfloat16 8, float32 2 | 5.00 ms | 200.0 | 0.25 | 0.24 to 0.26 | 2.5e-02 |" in made
    assert "| not here | tensorrt as given: tensorrt is not installed |" in made
    assert "\x1b" not in made
    assert "died \\\\x1b\\[31m\\| here" in made
    assert made.rstrip().endswith("4.00 times as fast as onnxruntime-cpu as given**")
