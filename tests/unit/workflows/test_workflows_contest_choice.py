"""`--backend fastest`: a short contest once, and its winner profiled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet_bench import ContestOptions, Options, profile_set
from alexnet_bench.backends.protocol import Availability
from alexnet_bench.core.contest import ContestCase
from alexnet_bench.core.errors import AlexnetBenchError, BackendCrash, BackendRefusal, OutputError
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.report.contest import to_markdown
from alexnet_bench.workflows.contests import choice as contest_choice
from alexnet_bench.workflows.contests import entries as contest_entries
from alexnet_bench.workflows.contests.choice import choose, hold, profile_fastest
from tests.unit.workflows.conftest import QUICK
from tests.unit.workflows.test_workflows_contest import sequences
from tests.unit.workflows.test_workflows_profile_engine import normalised
from tests.unit.workflows.test_workflows_verify_unrepeated import dropout
from tests.unit.workflows.verify_models import write

ORT = ContestOptions(seconds=0.02, processes=1, backends=("onnxruntime-cpu",))


class Held(Exception):  # noqa: N818 - no error, but a mark
    """A contest would be held."""


def say_nothing(_: str) -> None:
    """Progress is not looked at."""


@pytest.fixture
def no_contest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contest that would be held is a failure."""

    def held(*_: object, **__: object) -> None:
        raise Held

    monkeypatch.setattr(contest_choice, "contest", held)


def holds(*arguments: Any, **options: Any) -> bool:
    try:
        choose(*arguments, **options, progress=say_nothing)
    except Held:
        return True
    return False


def named(case: ContestCase, precision: str | None) -> ContestCase:
    """The case with another entry named."""
    return replace(case, fastest=next(at for at, entry in enumerate(case.entries) if entry.precision == precision))


def test_the_winner_is_profiled_at_each_batch_and_said_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = normalised(tmp_path / "any.onnx", "N")
    found = hold(path, batches=(1, 4), options=ORT, progress=say_nothing)
    chosen = replace(found, cases=(named(found.cases[0], "fp32"), named(found.cases[1], None)))
    cases = iter(chosen.cases)
    monkeypatch.setattr(contest_choice, "contest", lambda *_, **__: replace(chosen, cases=(next(cases),)))
    said: list[str] = []
    options = replace(QUICK, backend="fastest", precision="fp32")
    others = replace(ORT, tolerance=0.3)  # another key than what was just kept
    profiles = profile_fastest(path, batches=(1, 4), options=options, contest_options=others, progress=said.append)
    assert [profile.case.batch for profile in profiles.profiles] == [1, 4]
    for profile, case in zip(profiles.profiles, chosen.cases, strict=True):
        assert case.winner is not None
        assert profile.engine is not None
        assert (profile.engine.backend, profile.engine.passport_key) == (case.winner.backend, case.winner.passport_key)
        (why,) = (text for text in said if text.startswith(f"batch {case.batch}: onnxruntime-cpu, "))
        assert ("engine in fp32" if case.winner.precision else "the model as given") in why
        assert "of 1e-04" in why
    assert profiles.profiles[0].engine != profiles.profiles[1].engine


def test_batches_with_the_same_winner_take_turns_and_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ran = normalised(tmp_path / "turns.onnx", "N"), list[tuple[int | None, ...]]()
    other = replace(ORT, tolerance=0.4)  # another key than that of the tests below
    found = hold(path, batches=(1, 2, 4), options=other, progress=say_nothing)
    cases = [named(case, precision) for case, precision in zip(found.cases, (None, "fp32", None), strict=True)]
    by_batch = dict(zip((1, 2, 4), cases, strict=True))
    monkeypatch.setattr(contest_choice, "choose", lambda *_, batch, **__: replace(found, cases=(by_batch[batch],)))

    def profiled(*arguments: Any, **given: Any) -> Any:
        ran.append(tuple(given["batches"]))
        return profile_set(*arguments, **given)

    monkeypatch.setattr(contest_choice, "profile_set", profiled)
    profiles = profile_fastest(path, batches=(1, 2, 4), options=QUICK, contest_options=ORT, progress=say_nothing)
    assert ran == [(1, 4), (2,)]
    assert [profile.case.batch for profile in profiles.profiles] == [1, 2, 4]


def test_a_choice_is_made_once_for_the_same_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = normalised(tmp_path / "m.onnx")
    once = hold(path, batches=(1, None), options=ORT, progress=say_nothing)
    monkeypatch.setattr(contest_choice, "contest", None)
    said: list[str] = []
    longer = replace(ORT, seconds=9.0, processes=7, seed=5)
    assert choose(path, batch=None, options=longer, progress=said.append).cases == once.cases[1:]
    assert choose(path, batch=1, options=longer, progress=said.append).cases == once.cases[:1]
    assert all("is taken from the cache" in text for text in said)


@pytest.mark.parametrize("error", [BackendCrash("no answer in 1 s"), OutputError("the cache cannot be written")])
def test_what_may_be_different_the_next_time_is_not_kept(
    error: AlexnetBenchError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path, said, options = normalised(tmp_path / "m.onnx"), list[str](), ORT

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(contest_entries, "build_for", fail)
        held = choose(path, batch=None, options=options, progress=said.append)
    assert [entry.transient for entry in held.cases[0].entries] == [False, True]
    assert f"batch 1: onnxruntime-cpu, engine in fp32: left out this time: {error.message}" in said
    again = choose(path, batch=None, options=options, progress=say_nothing)
    assert [entry.refused for entry in again.cases[0].entries] == ["", ""]
    monkeypatch.setattr(contest_choice, "contest", None)
    assert choose(path, batch=None, options=options, progress=say_nothing) == again


@pytest.mark.usefixtures("no_contest")
def test_other_conditions_make_another_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = normalised(tmp_path / "m.onnx", "N")
    with monkeypatch.context() as real:
        real.setattr(contest_choice, "contest", contest_entries_only())
        choose(path, batch=None, options=ORT, progress=say_nothing)
    assert not holds(path, batch=None, options=ORT)
    assert holds(path, batch=2, options=ORT)
    assert holds(path, batch=None, options=replace(ORT, tolerance=1e-3))
    assert holds(path, batch=None, options=replace(ORT, threads=1))
    assert holds(path, batch=None, options=replace(ORT, threads=usable_cores()))  # not those of a recipe
    assert holds(path, batch=None, options=replace(ORT, precisions=("bf16",)))
    assert holds(path, batch=None, options=replace(ORT, shapes={"x": (1, 3, 16, 16)}))
    with monkeypatch.context() as newer:
        newer.setattr(contest_entries, "availability", lambda of: Availability(of.name, "9.9", works=True))
        assert holds(path, batch=None, options=ORT)
    normalised(path, "M")  # another model under the same name
    assert holds(path, batch=None, options=ORT)


def contest_entries_only() -> Any:
    """A contest that gives a document without a run."""
    from alexnet_bench.core.contest import Contest, ContestCase
    from alexnet_bench.core.profile import Environment
    from alexnet_bench.core.verification import Side

    document = Contest(
        *("m", "0", "0", Side("m"), 16, "generated", ("fp32",), None, 1, 1.0, 1, 0),
        cases=(ContestCase(1, {}, (), None),),
        environment=Environment({}, {"date": "then"}),
    )
    return lambda *_, **__: document


@pytest.mark.usefixtures("no_contest")
def test_a_damaged_choice_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    path = normalised(tmp_path / "damaged.onnx")
    options = replace(ORT, tolerance=0.5)
    before = set((cache / "alexnet-bench" / "contests").glob("*.json"))
    with monkeypatch.context() as real:
        real.setattr(contest_choice, "contest", contest_entries_only())
        choose(path, batch=None, options=options, progress=say_nothing)
    (kept,) = set((cache / "alexnet-bench" / "contests").glob("*.json")) - before
    assert not holds(path, batch=None, options=options)
    kept.write_bytes(kept.read_bytes()[:100])
    assert holds(path, batch=None, options=options)


def test_the_winner_among_given_sizes_is_profiled_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, given = sequences(tmp_path / "s.onnx"), {"x": (1, 5, 8)}
    found = hold(path, batches=(2,), options=replace(ORT, shapes=given), progress=say_nothing)
    chosen = replace(found, cases=(named(found.cases[0], "fp32"),))
    monkeypatch.setattr(contest_choice, "choose", lambda *_, **__: chosen)
    options = replace(QUICK, backend="fastest", precision="fp32", shapes=given)
    (profile,) = profile_fastest(
        path, batches=(2,), options=options, contest_options=replace(ORT, shapes=given), progress=say_nothing
    ).profiles
    assert profile.case.shapes == {"x": (2, 5, 8)}
    assert profile.engine is not None
    assert profile.engine.passport_key == chosen.cases[0].entries[chosen.cases[0].fastest or 0].passport_key


def test_nothing_within_the_tolerance_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(BackendRefusal, match="nothing that runs the model here is within the tolerance"):
        profile_fastest(
            normalised(tmp_path / "m.onnx"),
            batches=(None,),
            options=Options(backend="fastest"),
            contest_options=replace(ORT, tolerance=0.0),
            progress=say_nothing,
        )


def test_one_engine_serves_several_batches_of_given_sizes(tmp_path: Path) -> None:
    options = replace(QUICK, backend="onnxruntime-cpu", precision="fp32", shapes={"x": (1, 5, 8)})
    found = profile_set(sequences(tmp_path / "s.onnx"), batches=(1, 3), options=options).profiles
    assert [profile.case.shapes for profile in found] == [{"x": (1, 5, 8)}, {"x": (3, 5, 8)}]
    assert len({profile.engine.passport_key for profile in found if profile.engine}) == 1


def test_nothing_is_named_where_no_error_can_be_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "dropout.onnx", dropout())
    found = hold(path, batches=(None,), options=ORT, progress=say_nothing)
    ran = [entry for entry in found.cases[0].entries if entry.latency is not None]
    assert [entry.error.verdict for entry in ran if entry.error] == ["inconclusive"] * 2
    assert found.cases[0].winner is None
    assert "**the fastest is not named: nothing can be said of the error of any that ran**" in to_markdown(found)
    with pytest.raises(BackendRefusal, match=r"dropped: the reference differs from itself by .*: drop draws") as caught:
        profile_fastest(path, batches=(None,), options=QUICK, contest_options=ORT, progress=say_nothing)
    assert "tolerance" not in caught.value.hint
