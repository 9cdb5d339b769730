"""The search for settings within a time: rounds in turns, the slower half drops out, and a final for the last one.

The final decides on samples of its own: those that an engine was chosen by flatter it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.tuning import Outcome, TunedLatency, TuningCandidate
from alexnet_bench.workflows.tuning.samples import Candidate, Settings, latency_of, record, standings

Measure = Callable[[Mapping[str, str], float], tuple[float, ...] | None]
"""Runs an engine with settings in a fresh process: samples in seconds, None when the time that it is given is over."""

MOST_FINAL = 15
"""Rounds of a final; with fewer than six, chance alone puts all of them on one side too often (five: 1 in 16)."""
_LEAST_ROUNDS = 3
"""Before a candidate that seems slower is given up for good: a single round may be that of a busy machine."""
_SEARCH_SHARE = 0.5
"""Of the time, for choosing; the rest is for the final."""
_MOST_MERGED = 3
_MOST_REASON = 300


@dataclass(frozen=True)
class Found:
    """What a search gives.

    Attributes:
        outcome: what came of it.
        challenger: the best of the candidates, None when there was none.
        final: it against the untuned settings, None when that was not held.
        candidates: all, the fastest first.
        rounds: before the final.
    """

    outcome: Outcome
    challenger: Settings | None
    final: TunedLatency | None
    candidates: tuple[TuningCandidate, ...]
    rounds: int


@dataclass
class Clock:
    """The time of a search.

    Attributes:
        now: the clock, in seconds.
        end: when the current part has to be over.
        longest_s: the longest trial so far: another one is only begun when it would still fit.
    """

    now: Callable[[], float]
    end: float
    longest_s: float = 0.0

    @property
    def has_room(self) -> bool:
        """Whether another trial fits."""
        return self.now() + self.longest_s < self.end


def search(
    moves: Sequence[Settings],
    measure: Measure,
    *,
    seconds: float,
    now: Callable[[], float],
    accept: Callable[[Settings], str],
    progress: Callable[[str], None],
) -> Found:
    """Looks for settings that are faster than the untuned ones.

    Args:
        moves: what may be changed; those that change different settings are also tried together.
        measure: how settings are measured.
        seconds: for all of it.
        now: the clock.
        accept: why settings must not win however fast they are, "" when they may; asked of the challenger alone.
        progress: told before each round.

    Raises:
        AlexnetBenchError: the untuned settings cannot be run.
    """
    begun = now()
    clock = Clock(now, begun + seconds * _SEARCH_SHARE)
    untuned, tried = Candidate({}), [Candidate(dict(move)) for move in moves]
    rounds, left = _choose(untuned, tried, measure, clock, progress)
    clock.end = begun + seconds
    challenger = _challenger(left, untuned, accept)
    final = None
    if challenger is not None:
        clock.longest_s = max(_mean_s(challenger), _mean_s(untuned))
        final = _final(challenger, measure, clock, progress)
    found = tuple(sorted((record(candidate, untuned) for candidate in tried), key=_order))
    if challenger is None or challenger.refused:
        outcome: Outcome = "none_faster" if any(item.latency for item in found) else "out_of_time"
        return Found(outcome, None, None, found, rounds)
    return Found(_outcome(final), challenger.settings, final, found, rounds)


def _choose(
    untuned: Candidate, tried: list[Candidate], measure: Measure, clock: Clock, progress: Callable[[str], None]
) -> tuple[int, list[Candidate]]:
    """Rounds until one candidate is left, three at least, or the time is up; their number, and who is left.

    What is tried on top is added to the list.
    """
    running, turn, is_complete = list(tried), 0, True
    while is_complete and running:
        progress(f"tuning, round {turn + 1}: {plural(len(running), 'candidate')} against the untuned settings")
        is_complete = _round([untuned, *running], turn, measure, clock)
        turn += 1
        together = _merged(running, untuned) if turn == 1 and is_complete else []
        tried += together
        better = [candidate for ratio, candidate in standings(running, untuned) if ratio < float("inf")]
        running = [*better[: (len(running) + 1) // 2 if is_complete else None], *together]
        if len(running) <= 1 and turn >= _LEAST_ROUNDS:
            break
    return turn, running


def _round(candidates: Sequence[Candidate], turn: int, measure: Measure, clock: Clock) -> bool:
    """Each candidate once, in an order of this round; the untuned one is the first. False when the time is up."""
    untuned = candidates[0]
    order = random.Random(turn).sample(candidates, len(candidates))  # noqa: S311 - an order, not a secret
    for candidate in order:
        if not clock.has_room or not _try(candidate, turn, measure, clock, must_run=candidate is untuned):
            return False
    return True


def _try(candidate: Candidate, turn: int, measure: Measure, clock: Clock, *, must_run: bool) -> bool:
    """One trial; False when the time is up. One that fails takes its candidate out, unless that has to run."""
    begun = clock.now()
    try:
        samples = measure(candidate.settings, clock.end - begun)
    except AlexnetBenchError as error:
        if must_run:
            raise
        candidate.refused = printable(" ".join(error.message.split()), _MOST_REASON)
        samples = ()
    spent = clock.now() - begun
    candidate.spent_s += spent
    clock.longest_s = max(clock.longest_s, spent)
    if samples:
        candidate.samples_s[turn] = samples
    return samples is not None


def _final(chosen: Candidate, measure: Measure, clock: Clock, progress: Callable[[str], None]) -> TunedLatency | None:
    """Rounds of two, in both orders in turn; None when there was no time for one, or the challenger fell out."""
    untuned, challenger = Candidate({}), Candidate(chosen.settings)
    named = ", ".join(f"{name} {value}" for name, value in chosen.settings.items())
    progress(f"tuning, final: {named} against the untuned settings")
    for turn in range(MOST_FINAL):
        order = (untuned, challenger) if turn % 2 == 0 else (challenger, untuned)
        if clock.now() + 2 * clock.longest_s >= clock.end:
            break
        if not all(_try(candidate, turn, measure, clock, must_run=candidate is untuned) for candidate in order):
            break
        if challenger.refused:
            chosen.refused = challenger.refused
            return None
    return latency_of(challenger, untuned)


def _outcome(final: TunedLatency | None) -> Outcome:
    if final is None or final.ratio_ci95 is None:
        return "out_of_time"
    return "faster" if final.ratio_ci95[1] < 1.0 else "not_told_apart"


def _challenger(left: Sequence[Candidate], untuned: Candidate, accept: Callable[[Settings], str]) -> Candidate | None:
    """The fastest that is faster than the untuned settings and acceptable."""
    for ratio, candidate in standings(left, untuned):
        if ratio >= 1.0:
            return None
        candidate.refused = accept(candidate.settings)
        if not candidate.refused:
            return candidate
    return None


def _merged(running: Sequence[Candidate], untuned: Candidate) -> list[Candidate]:
    """The two best moves together, the three best, ...; of moves that change the same setting the better one."""
    found: list[Candidate] = []
    settings: Settings = {}
    merged = 0
    for ratio, candidate in standings(running, untuned):
        if merged == _MOST_MERGED or ratio >= 1.0:
            break
        if settings.keys() & candidate.settings.keys():
            continue
        settings = settings | candidate.settings
        merged += 1
        if merged > 1:
            found.append(Candidate(settings))
    return found


def _order(item: TuningCandidate) -> float:
    return item.latency.ratio if item.latency and not item.refused else float("inf")


def _mean_s(candidate: Candidate) -> float:
    """Of a trial."""
    return candidate.spent_s / max(1, len(candidate.samples_s))
