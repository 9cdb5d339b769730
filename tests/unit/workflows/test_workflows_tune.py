"""Real searches for settings, short ones, and what uses what they found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench import (
    BuildOptions,
    ContestOptions,
    Options,
    Passport,
    VerifyOptions,
    build_engine,
    contest,
    profile,
    verify,
)
from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tunable import moves
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.passport import encode_passport, read_passport
from alexnet_bench.core.statistics import median_of_ratios_ci95
from alexnet_bench.core.tuning import Tuning
from alexnet_bench.core.workspace import engines_root
from alexnet_bench.engine.locks import locked
from alexnet_bench.engine.recipe import Recipe, from_document
from alexnet_bench.engine.tuned import tuning_machine
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.inputs import generate
from alexnet_bench.measure.latency import LatencyCase, LatencyRun, measure_latency
from alexnet_bench.measure.trial import run_trial
from alexnet_bench.verdict.sides import ModelSide
from alexnet_bench.workflows.contests import run as contest_run
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.inspection.inspect import inspect
from alexnet_bench.workflows.resolve import resolve
from alexnet_bench.workflows.tuning import search as tune_search
from alexnet_bench.workflows.tuning import tune
from alexnet_bench.workflows.tuning.check import check_tuning, moves_for
from alexnet_bench.workflows.verification.sides import open_pair, prepare
from tests.unit.workflows.test_workflows_profile_engine import normalised

_ORT = "onnxruntime-cpu"
_SLOW = 'backend = "onnxruntime-cpu"\n[settings]\ngraph_optimization = "none"\nthreads = 1\n'


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product of two constants, which takes milliseconds unless it is folded, and a small one with the input."""
    generator = np.random.default_rng(0)
    weights = {"a": (640, 640), "b": (640, 640)}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"], "fold"), helper.make_node("MatMul", ["x", "c"], ["y"], "keep")],
        "foldable",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 640])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 640])],
        [
            numpy_helper.from_array((generator.standard_normal(shape) / 25).astype(np.float32), name)
            for name, shape in weights.items()
        ],
    )
    path = tmp_path_factory.mktemp("model") / "foldable.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def slow_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "slow.toml"
    path.write_text(_SLOW)
    return path


@pytest.fixture(scope="module")
def tuned(model: Path, slow_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Passport:
    """An engine whose recipe switches optimisations off, so that to switch them on again is sure to win."""
    target = tmp_path_factory.mktemp("tuned") / "engine.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "moves_for", lambda _: [{"graph_optimization": "all"}])
        patch.setattr(tune, "_MOST_TRIAL_S", 0.05)
        patch.setattr(tune_search, "MOST_FINAL", 6)
        return build_engine(model, options=BuildOptions(recipe=str(slow_recipe), tune_s=60), output=target)


def _tuning(passport: Passport | None) -> Tuning:
    assert passport is not None
    assert passport.tuning is not None
    return passport.tuning


def test_what_won_is_in_the_passport(tuned: Passport) -> None:
    tuning = _tuning(tuned)
    assert (tuning.outcome, tuning.settings) == ("faster", {"graph_optimization": "all"})
    assert tuning.untuned == {"threads": "1", "graph_optimization": "none"}
    assert tuning.machine == tuning_machine()
    assert tuning.shapes == {"x": (1, 640)}
    assert tuned.recipe["settings"] == {"graph_optimization": "none", "threads": "1"}
    assert read_passport(Path(f"{tuned.path}.passport.json")) == tuned
    assert _tuning(inspect(tuned.path).passport) == tuning


def test_figures_follow_from_the_samples_that_are_stored(tuned: Passport) -> None:
    tuning = _tuning(tuned)
    assert tuning.final is not None
    for latency in [tuning.final, *(item.latency for item in tuning.candidates if item.latency)]:
        pairs = zip(latency.samples_s, latency.untuned_samples_s, strict=True)
        ratios = [median(ours) / median(theirs) for ours, theirs in pairs]
        assert (latency.ratio, latency.ratio_ci95) == (median(ratios), median_of_ratios_ci95(ratios))
        assert max(map(len, latency.samples_s)) <= 50
    assert 0 < sum(item.spent_s for item in tuning.candidates) < tuning.spent_s <= tuning.seconds + 1


def test_the_engine_runs_with_what_won_and_without_tuning_as_its_recipe_says(
    tuned: Passport, model: Path, slow_recipe: Path
) -> None:
    quick = Options(seconds=0.05, processes=1)
    said: list[str] = []
    found = profile(tuned.path, options=quick, progress=said.append)
    assert "graph_optimization all" in str(found.environment.described["settings"])
    assert found.environment.comparable["threads"] == 1
    assert "tuned settings: graph_optimization all" in said
    untuned = profile(model, options=replace(quick, recipe=str(slow_recipe)))
    assert "graph_optimization none" in str(untuned.environment.described["settings"])
    assert untuned.environment.comparable["threads"] == 1
    assert profile(tuned.path, options=replace(quick, threads=2)).environment.comparable["threads"] == 2


def test_an_engine_is_verified_with_what_won(tuned: Passport, model: Path) -> None:
    found = verify(tuned.path, against=model)
    assert (found.verdict, found.engine.settings) == ("passed", {"graph_optimization": "all"})


def _with(tuned: Passport, folder: Path, tuning: Tuning) -> str:
    """A copy of the engine with another tuning."""
    copy = folder / "copy.onnx"
    copy.write_bytes(Path(tuned.path).read_bytes())
    (folder / "copy.onnx.passport.json").write_bytes(encode_passport(replace(tuned, tuning=tuning)))
    return str(copy)


def test_threads_of_the_passport_are_used_unless_others_are_given(tuned: Passport, model: Path, tmp_path: Path) -> None:
    path = _with(tuned, tmp_path, replace(_tuning(tuned), settings={"threads": "7", "spinning": "off"}))
    found = profile(path, options=Options(seconds=0.05, processes=1))
    assert found.environment.comparable["threads"] == 7
    assert "spinning off" in str(found.environment.described["settings"])
    verified = verify(path, against=model, options=VerifyOptions(search=False))
    assert verified.engine.settings == {"graph_optimization": "none", "spinning": "off"}
    for given, expected in ((None, (usable_cores(), 7)), (3, (3, 3))):
        folder = tmp_path / str(given)
        options = VerifyOptions(threads=given)
        sides = prepare(open_pair(str(path), str(model), options), options, folder, lambda _: None)
        assert isinstance(sides.reference, ModelSide)
        assert isinstance(sides.engine, ModelSide)
        assert (sides.reference.request.threads, sides.engine.request.threads) == expected


def test_on_another_machine_it_runs_untuned_and_says_so(tuned: Passport, model: Path, tmp_path: Path) -> None:
    elsewhere = replace(_tuning(tuned), machine=replace(tuning_machine(), cores=99))
    path, said = _with(tuned, tmp_path, elsewhere), list[str]()
    found = profile(path, options=Options(seconds=0.05, processes=1), progress=said.append)
    assert "graph_optimization none" in str(found.environment.described["settings"])
    assert any("runs untuned: it was tuned on 99 cores" in line for line in said)
    assert verify(path, against=model).engine.settings == {"graph_optimization": "none"}


def test_it_is_searched_once_for_so_long(
    tuned: Passport, model: Path, slow_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = BuildOptions(recipe=str(slow_recipe), tune_s=10)
    monkeypatch.setattr(tune, "search", lambda *_, **__: pytest.fail("searched again"))
    assert build_engine(model, options=options).tuning == tuned.tuning
    assert build_engine(model, options=replace(options, tune_s=None)).tuning is None
    for change in ({"tune_s": 90}, {"rebuild": True}):
        with pytest.raises(pytest.fail.Exception, match="searched again"):
            build_engine(model, options=replace(options, **change))


def test_another_process_that_tunes_is_waited_for() -> None:
    options = BuildOptions(backend=_ORT, tune_s=1)
    passport, said, free = build_engine("lenet-5", options=options), list[str](), threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        free.set()

    with ExitStack() as stack:
        stack.enter_context(locked(engines_root(), passport.key, busy=None))
        waiting = threading.Thread(target=lambda: build_engine("lenet-5", options=options, progress=hear))
        waiting.start()
        assert free.wait(20)
        assert waiting.is_alive()
    waiting.join(20)
    assert said[0] == "another process builds or tunes this engine, and is waited for"


@pytest.fixture
def bench(tmp_path: Path) -> Callable[[str], tune._Bench]:
    """LeNet-5 on a backend, ready to be tried."""

    def make(backend: str) -> tune._Bench:
        passport = build_engine("lenet-5", options=BuildOptions(backend=backend))
        graph = build_graph(open_model(Path(passport.path)), name="lenet-5")
        write_arrays(tmp_path, generate(graph, seed=0, pixel_range=(0.0, 1.0)))
        recipe = Recipe(name="x", backend=backend)
        case = LatencyCase(load_request(recipe, Path(passport.path), graph), tmp_path)
        return tune._Bench(passport, recipe, graph, case, 0.02)

    return make


@pytest.mark.parametrize("backend", [_ORT, "openvino"])
def test_every_setting_that_is_tried_runs(backend: str, bench: Callable[[str], tune._Bench]) -> None:
    if not availability(get_backend(backend)).works:
        pytest.skip(f"{backend} is not installed")
    made = bench(backend)
    for move in moves(backend, threads=2, cores=2, cpus=4):
        trial = run_trial(made._case(move), seconds=0.02, within_s=60)
        assert trial is not None
        assert trial.settings.items() >= {name: value for name, value in move.items() if name != "threads"}.items()
        if backend == "openvino" and move.get("threads") == "1":  # more than there are it takes as all of them
            assert trial.settings["INFERENCE_NUM_THREADS"] == "1"


def test_a_real_search(tmp_path: Path) -> None:
    begun = time.monotonic()
    passport = build_engine("lenet-5", options=BuildOptions(backend=_ORT, tune_s=6), output=tmp_path / "out.onnx")
    tuning = _tuning(passport)
    assert time.monotonic() - begun < 6 + 10  # building comes on top
    assert tuning.spent_s <= 7
    tried = moves_for(from_document(passport.recipe))
    assert [item.settings for item in tuning.candidates if item.settings in tried] != []
    assert set(tuning.untuned) == {"threads", *(name for move in tried for name in move)}
    assert tuning.untuned["arena"] == "on"


def test_a_time_that_is_too_short_leaves_the_untuned_settings() -> None:
    tuning = _tuning(build_engine("alexnet-2012", options=BuildOptions(backend=_ORT, tune_s=1)))
    assert (tuning.outcome, tuning.settings, tuning.final) == ("out_of_time", {}, None)
    assert tuning.spent_s < 3


def test_what_was_untuned_is_known_where_no_trial_came_to_an_end(bench: Callable[[str], tune._Bench]) -> None:
    made = bench(_ORT)
    found = tune._search(made.passport, resolve("lenet-5"), made.recipe, 1e-6, None, lambda _: None)
    assert (found.outcome, found.candidates[0].latency) == ("out_of_time", None)
    assert set(found.untuned) == {"threads", *(name for move in moves_for(made.recipe) for name in move)}
    assert (found.untuned["arena"], found.untuned["threads"]) == ("on", str(usable_cores()))


@pytest.mark.parametrize("seconds", [0, -1, 0.5, 1e9, float("nan")])
def test_no_time_to_tune_in_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="no time to tune in"):
        check_tuning(Recipe(name="x", backend=_ORT), seconds)


def test_what_cannot_be_tuned_is_refused_before_it_is_built() -> None:
    with pytest.raises(UsageError, match="engines of tensorrt-rtx are not tuned") as caught:
        check_tuning(Recipe(name="x", backend="tensorrt-rtx"), 30)
    assert "onnxruntime-cpu, openvino" in caught.value.hint
    everything = {name: "x" for move in moves_for(Recipe(name="x", backend=_ORT)) for name in move} | {"threads": "1"}
    with pytest.raises(UsageError, match="nothing to tune"):
        check_tuning(Recipe(name="x", backend=_ORT, settings=everything), 30)


def test_what_the_recipe_sets_is_not_searched() -> None:
    found = moves_for(Recipe(name="x", backend=_ORT, settings={"arena": "on", "threads": "1"}))
    assert found
    assert not {"arena", "threads"} & {name for move in found for name in move}


def test_settings_under_which_other_types_are_computed_do_not_win(bench: Callable[[str], tune._Bench]) -> None:
    made = bench(_ORT)
    assert made.why_not({"graph_optimization": "extended"}) == ""
    layers = tuple(replace(layer, compute_dtype="float16") for layer in made.passport.layers)
    other = replace(made, passport=replace(made.passport, layers=layers))
    assert other.why_not({"graph_optimization": "extended"}) == "layers compute in float32"
    assert other.why_not({"arena": "off"}) == ""


def test_a_contest_runs_engines_with_the_threads_of_their_recipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alexnet-bench.toml").touch()
    (tmp_path / "engines" / "recipes").mkdir(parents=True)
    (tmp_path / "engines" / "recipes" / "onnxruntime-cpu-fp32.toml").write_text(
        'backend = "onnxruntime-cpu"\nprecision = "fp32"\n[settings]\nthreads = 1\n'
    )
    monkeypatch.chdir(tmp_path)
    model, seen = normalised(tmp_path / "model.onnx"), list[tuple[str, int]]()

    def measure(cases: Sequence[LatencyCase], **others: Any) -> list[LatencyRun]:
        seen.extend((Path(case.request.model_path).name, case.request.threads) for case in cases)
        return measure_latency(cases, **others)

    monkeypatch.setattr(contest_run, "measure_latency", measure)
    options = ContestOptions(backends=(_ORT,), seconds=0.02, processes=1)
    contest(model, options=options)
    assert set(seen) == {("model.onnx", usable_cores()), ("engine.onnx", 1)}
    seen.clear()
    contest(model, options=replace(options, threads=3))
    assert {threads for _, threads in seen} == {3}
