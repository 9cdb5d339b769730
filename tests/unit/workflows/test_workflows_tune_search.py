"""The search for settings on made-up samples: a clock that only measuring moves."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import pytest

from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.statistics import median_of_ratios_ci95
from alexnet_bench.workflows.tuning.samples import Candidate, latency_of, standings
from alexnet_bench.workflows.tuning.search import MOST_FINAL, Found, search

Speed = Callable[[Mapping[str, str]], float]
_MOVES = [{"threads": "1"}, {"arena": "off"}, {"spinning": "off"}, {"threads": "4"}, {"layout": "off"}]


class Machine:
    """Runs settings at known speeds, with noise; each trial takes `trial_s`, and a round may be slow for all."""

    def __init__(self, speed: Speed, *, trial_s: float = 1.0, noise: float = 0.01, slow_rounds: float = 0.0) -> None:
        self.now_s, self.asked = 100.0, list[dict[str, str]]()
        self.cut = 0
        self._speed, self._trial_s, self._noise, self._slow = speed, trial_s, noise, slow_rounds
        self._random = random.Random(3)  # noqa: S311 - noise

    def now(self) -> float:
        return self.now_s

    def measure(self, settings: Mapping[str, str], within_s: float) -> tuple[float, ...] | None:
        self.asked.append(dict(settings))
        self.now_s += min(self._trial_s, within_s)
        if within_s < self._trial_s:
            self.cut += 1
            return None
        drift = 2.0 if self._random.random() < self._slow else 1.0 + self._random.gauss(0, self._noise)
        return tuple(self._speed(settings) * drift * (1 + self._random.gauss(0, self._noise)) for _ in range(20))


def _run(
    machine: Machine,
    *,
    moves: Sequence[dict[str, str]] = _MOVES,
    seconds: float = 60,
    accept: Callable[[dict[str, str]], str] = lambda _: "",
) -> Found:
    return search(moves, machine.measure, seconds=seconds, now=machine.now, accept=accept, progress=lambda _: None)


def _product(factors: Mapping[tuple[str, str], float]) -> Speed:
    def speed(settings: Mapping[str, str]) -> float:
        value = 1.0
        for pair in settings.items():
            value *= factors.get(pair, 1.0)
        return value

    return speed


def test_what_is_faster_wins_and_what_helps_is_put_together() -> None:
    machine = Machine(_product({("arena", "off"): 0.8, ("spinning", "off"): 0.9, ("threads", "1"): 2.0}))
    found = _run(machine)
    assert found.outcome == "faster"
    assert found.challenger is not None
    assert found.challenger.items() >= {"arena": "off", "spinning": "off"}.items()
    assert found.final is not None
    assert found.final.ratio == pytest.approx(0.72, abs=0.03)
    assert found.final.ratio_ci95 is not None
    low, high = found.final.ratio_ci95
    assert low < found.final.ratio < high < 1
    assert found.candidates[-1].settings == {"threads": "1"}


def test_the_interval_of_the_final_is_that_of_its_own_samples() -> None:
    found = _run(Machine(_product({("arena", "off"): 0.8})))
    assert found.final is not None
    assert 6 <= len(found.final.samples_s) == len(found.final.untuned_samples_s) <= MOST_FINAL
    pairs = zip(found.final.samples_s, found.final.untuned_samples_s, strict=True)
    assert found.final.ratio_ci95 == median_of_ratios_ci95([median(ours) / median(theirs) for ours, theirs in pairs])
    searched = {sample for item in found.candidates if item.latency for sample in item.latency.samples_s}
    assert not searched.intersection(found.final.samples_s)


def test_equal_settings_leave_the_untuned_ones_in_force() -> None:
    outcomes = [_run(Machine(_product({("arena", "off"): 1 + at * 1e-6}), noise=0.03)).outcome for at in range(3)]
    assert set(outcomes) <= {"not_told_apart", "none_faster"}


def test_where_all_else_is_slower_there_is_no_final() -> None:
    machine = Machine(lambda settings: 1.5 if settings else 1.0)
    found = _run(machine)
    assert (found.outcome, found.final, found.challenger) == ("none_faster", None, None)
    assert machine.now_s < 100 + 30


def test_the_slower_half_drops_out_and_the_untuned_settings_run_in_every_round() -> None:
    machine = Machine(lambda settings: {"1": 3.0, "4": 2.0}.get(settings.get("threads", ""), 1.1 if settings else 1.0))
    found = _run(machine)
    rounds = {str(item.settings): len(item.latency.samples_s) for item in found.candidates if item.latency}
    assert rounds["{'threads': '1'}"] == 1
    assert max(rounds.values()) == found.rounds > 1
    assert machine.asked.count({}) == found.rounds


@pytest.mark.parametrize("seconds", [1, 3, 7.5, 20, 45])
@pytest.mark.parametrize("trial_s", [0.2, 0.9, 4.0])
def test_the_time_is_kept(seconds: float, trial_s: float) -> None:
    machine = Machine(_product({("arena", "off"): 0.8}), trial_s=trial_s)
    found = _run(machine, seconds=seconds)
    assert machine.now_s - 100 <= seconds
    assert machine.cut == (seconds / 2 < trial_s)  # only the first is begun without knowing how long it takes
    if seconds < 2 * trial_s:
        assert (found.outcome, found.final) == ("out_of_time", None)


def test_too_few_rounds_of_a_final_decide_nothing() -> None:
    machine = Machine(_product({("arena", "off"): 0.5}), trial_s=2.0, noise=0.001)
    found = _run(machine, seconds=28)
    assert found.final is not None
    assert len(found.final.samples_s) < 6
    assert found.final.ratio < 1
    assert found.outcome == "out_of_time"


def test_what_fails_falls_out_and_the_rest_goes_on() -> None:
    def speed(settings: Mapping[str, str]) -> float:
        if settings.get("spinning") == "off":
            raise BackendCrash("no\nsuch thing")
        return 0.8 if settings.get("arena") == "off" else 1.0

    found = _run(Machine(speed))
    assert found.outcome == "faster"
    assert [item.refused for item in found.candidates if item.refused] == ["no such thing"]
    assert found.candidates[-1].latency is None


def test_what_only_fails_in_the_final_does_not_win() -> None:
    machine = Machine(_product({}))

    def speed(settings: Mapping[str, str]) -> float:
        if settings.get("arena") == "off" and machine.asked.count(dict(settings)) > 3:
            raise BackendCrash("gone")
        return 0.5 if settings == {"arena": "off"} else 1.0 if not settings else 1.2

    machine._speed = speed
    found = _run(machine)
    assert (found.outcome, found.final, found.challenger) == ("none_faster", None, None)
    assert {"arena": "off"} in [item.settings for item in found.candidates if item.refused == "gone"]


def test_one_lucky_round_of_the_untuned_settings_gives_nothing_up() -> None:
    machine = Machine(_product({}))

    def speed(settings: Mapping[str, str]) -> float:
        return 0.8 if settings else 0.5 if machine.asked.count({}) == 1 else 1.0

    machine._speed = speed
    found = _run(machine, moves=[{"arena": "off"}])
    assert (found.outcome, found.rounds) == ("faster", 3)


def test_untuned_settings_that_fail_are_an_error() -> None:
    def speed(settings: Mapping[str, str]) -> float:
        if not settings:
            raise BackendCrash("the engine is broken")
        return 1.0

    with pytest.raises(BackendCrash, match="the engine is broken"):
        _run(Machine(speed))


def test_what_is_not_accepted_does_not_win_however_fast() -> None:
    factors = {("layout", "off"): 0.3, ("arena", "off"): 0.8}
    found = _run(
        Machine(_product(factors)), accept=lambda settings: "layers compute in x" if "layout" in settings else ""
    )
    assert found.challenger is None or "layout" not in found.challenger
    assert {item.refused for item in found.candidates} == {"", "layers compute in x"}


def test_slow_rounds_do_not_hide_what_is_faster() -> None:
    machine = Machine(_product({("arena", "off"): 0.85}), slow_rounds=0.1, trial_s=0.5)
    found = _run(machine)
    assert found.outcome == "faster"
    assert found.final is not None
    assert found.final.ratio == pytest.approx(0.85, abs=0.06)


def test_standings_count_the_rounds_that_all_ran_in() -> None:
    untuned = Candidate({}, {0: (3.0,), 1: (1.0,)})
    flattered = Candidate({"a": "1"}, {0: (1.2,), 1: (1.2,)})
    later = Candidate({"b": "1"}, {1: (1.1,)})
    never, out = Candidate({"c": "1"}), Candidate({"d": "1"}, {0: (0.1,)}, refused="gone")
    found = standings([flattered, later, never, out], untuned)
    assert [candidate.settings for _, candidate in found][:2] == [later.settings, flattered.settings]
    assert [ratio for ratio, _ in found] == [1.1, 1.2, float("inf"), float("inf")]


def test_a_ratio_is_that_of_rounds_not_of_all_samples() -> None:
    untuned = Candidate({}, {0: (1.0,), 1: (10.0,), 2: (1.0,)})
    candidate = Candidate({"a": "1"}, {0: (0.9,), 1: (9.0,), 2: (0.9,), 3: (50.0,)})
    latency = latency_of(candidate, untuned)
    assert latency is not None
    assert latency.ratio == pytest.approx(0.9)
    assert latency.ratio_ci95 is None
    assert len(latency.samples_s) == len(latency.untuned_samples_s) == 3
    assert (latency.median_s, latency.untuned_median_s) == (0.9, 1.0)
    assert latency_of(Candidate({"a": "1"}, {7: (1.0,)}), untuned) is None
