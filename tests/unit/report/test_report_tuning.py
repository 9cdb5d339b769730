from __future__ import annotations

import io
from dataclasses import replace

import pytest

from alexnet_bench.core.tuning import TunedLatency, Tuning, TuningCandidate, TuningMachine
from alexnet_bench.report.engines import print_passport, to_markdown
from tests.unit.report.test_report_engines import _PASSPORT

_FINAL = TunedLatency(((8e-3,),) * 7, ((1e-2,),) * 7, 8e-3, 1e-2, 0.8, (0.78, 0.83))
_TUNING = Tuning(
    outcome="faster",
    settings={"threads": "1", "arena": "off"},
    untuned={"threads": "2", "arena": "on"},
    final=_FINAL,
    challenger={"threads": "1", "arena": "off"},
    candidates=(
        TuningCandidate({"arena": "off"}, 2.0, replace(_FINAL, ratio=0.9, ratio_ci95=None)),
        TuningCandidate({"spinning": "off"}, 0.1, None, "gone\x1b[31m"),
    ),
    rounds=3,
    shapes={"x": (1, 3)},
    seconds=30.0,
    spent_s=28.41,
    machine=TuningMachine("AMD EPYC", 2, 4),
    load_average=0.5,
    created="2026-01-02T03:04:05+00:00",
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def _printed(tuning: Tuning | None) -> str:
    stream = io.StringIO()
    print_passport(replace(_PASSPORT, tuning=tuning), stream)
    return " ".join(stream.getvalue().split())


def test_what_won_stands_with_its_interval() -> None:
    text = _printed(_TUNING)
    won = "threads 1, arena off: 0.80 of the untuned time (0.78 to 0.83), 8.00 ms against 10.0 ms in 7 rounds"
    assert f"tuned {won} untuned threads 2, arena on" in text
    assert "2 candidates in 3 rounds and a final, 28.4 s of 30 s, 2026-01-02 03:04, on 2 cores with 4 threads" in text
    assert "arena off 8.00 ms 10.0 ms 0.90 7" in text


def test_what_fell_out_is_listed_safely() -> None:
    text = _printed(_TUNING)
    assert "spinning off - - - 0" in text
    assert "fell out spinning off: gone" in text
    assert "\x1b" not in text


def test_what_was_tried_is_a_table_in_markdown() -> None:
    lines = to_markdown(replace(_PASSPORT, tuning=_TUNING)).splitlines()
    assert "| arena off | 8.00 ms | 10.0 ms | 0.90 | 7 |" in lines
    assert "| spinning off | - | - | - | 0 |" in lines
    assert not any("8.00 ms" in line for line in to_markdown(_PASSPORT).splitlines())


def test_what_there_was_no_time_for_is_not_counted_as_tried() -> None:
    late = replace(_TUNING, candidates=(*_TUNING.candidates, TuningCandidate({"threads": "1"}, 0.0, None)))
    assert "searched 2 of 3 candidates in 3 rounds" in _printed(late)
    assert "threads 1 - - - no time" in _printed(late)


def test_where_the_untuned_settings_stay_the_reason_is_said() -> None:
    stays = "tuned the untuned settings stay: "
    close = replace(_TUNING, outcome="not_told_apart", settings={})
    assert f"{stays}threads 1, arena off takes 0.80 of the untuned time" in _printed(close)
    assert "in 7 rounds, not told apart untuned" in _printed(close)
    short = replace(close, outcome="out_of_time", final=replace(_FINAL, samples_s=((8e-3,),) * 2))
    assert "in 2 rounds, which is too few rounds untuned" in _printed(short)
    none = replace(close, outcome="none_faster", final=None, challenger={})
    assert f"{stays}none of the others was faster untuned" in _printed(none)
    assert f"{stays}there was no time for a final untuned" in _printed(replace(none, outcome="out_of_time"))
    assert "in 3 rounds, 28.4 s of" in _printed(none)


def test_an_engine_that_was_not_tuned_says_nothing_of_it() -> None:
    assert "tuned" not in _printed(None)


def test_a_busy_machine_is_pointed_out() -> None:
    assert "the load average was 2.8 before it: what won may be" in _printed(replace(_TUNING, load_average=2.84))
    for load in (None, 2.0):
        assert "busy" not in _printed(replace(_TUNING, load_average=load))
