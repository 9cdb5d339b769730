"""A model on everything that runs it here: every entry verified and measured, and the fastest named."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench import BuildOptions, Contest, ContestOptions, build_engine, contest, read_profile
from alexnet_bench.core.contest import Entry, EntryError, EntryLatency
from alexnet_bench.core.document import decode, encode
from alexnet_bench.core.errors import AlexnetBenchError, BackendCrash, UsageError
from alexnet_bench.core.verification import Verdict
from alexnet_bench.graph import passes
from alexnet_bench.graph.passes import PASSES, PassResult
from alexnet_bench.measure.ceiling_runs import EMULATED
from alexnet_bench.measure.latency import LatencyCase, LatencyRun, measure_latency
from alexnet_bench.workflows.contests import entries as contest_entries
from alexnet_bench.workflows.contests import run as contest_run
from alexnet_bench.workflows.contests.entries import plan
from alexnet_bench.workflows.contests.run import conclude_case, is_stock
from alexnet_bench.workflows.engines import steps as build_steps
from alexnet_bench.workflows.engines.subject import EngineInUse, build_for
from tests.unit.workflows.test_workflows_profile_engine import normalised

QUICK = ContestOptions(seconds=0.02, processes=2)
ORT = replace(QUICK, processes=1, backends=("onnxruntime-cpu",))


def named(entry: Entry) -> str:
    return f"{entry.backend} {entry.precision or 'as given'}"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    """All backends, with engines in two precisions of which one has no kernels here."""
    path = normalised(tmp_path_factory.mktemp("model") / "normalised.onnx")
    return contest(path, options=replace(QUICK, precisions=("fp32", "fp16")))


def test_every_entry_that_ran_is_verified_and_measured_as_often(found: Contest) -> None:
    (case,) = found.cases
    ran = {named(entry): entry for entry in case.entries if entry.latency}
    assert set(ran) == {
        f"{backend} {how}" for backend in ("onnxruntime-cpu", "openvino") for how in ("as given", "fp32")
    }
    for entry in ran.values():
        assert entry.error is not None
        assert entry.latency is not None
        assert entry.error.verdict == "passed"
        assert 0 < (entry.error.error or 0.0) <= entry.error.tolerance == 1e-4
        assert len(entry.latency.samples_s) == found.processes == 2
        assert set(entry.compute_dtypes) == {"float32"}
        assert (entry.passport_key is None) == (entry.precision is None) == (entry.recipe is None)
    assert (found.reference.backend, found.reference.settings) == ("onnxruntime-cpu", {"graph_optimization": "none"})


def test_the_fastest_comes_first_and_ratios_are_to_stock(found: Contest) -> None:
    (case,) = found.cases
    medians = [entry.latency.median_s for entry in case.entries if entry.latency]
    assert medians == sorted(medians)
    assert case.winner is case.entries[0]
    (stock,) = (entry.latency for entry in case.entries if is_stock(entry) and entry.latency)
    assert (stock.ratio, stock.ratio_ci95) == (1.0, (1.0, 1.0))
    for entry in case.entries[: len(medians)]:
        assert entry.latency is not None
        assert entry.latency.ratio == pytest.approx(entry.latency.median_s / stock.median_s)
        assert entry.latency.throughput_per_s == pytest.approx(1 / entry.latency.median_s)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("onnxruntime-cuda as given", "no CUDA provider"),
        ("onnxruntime-cpu fp16", "fp16 was asked for, and 3 of 3 layers"),
        ("torch as given", "runs no ONNX files"),
        ("torch fp32", "runs no ONNX files"),
    ],
)
def test_who_is_refused_is_listed_with_the_reason(name: str, reason: str, found: Contest) -> None:
    (entry,) = (entry for entry in found.cases[0].entries if named(entry) == name)
    assert reason in entry.refused
    assert (entry.latency, entry.is_within) == (None, False)


def test_the_document_is_read_back_as_it_was(found: Contest, tmp_path: Path) -> None:
    content = encode(found)
    assert decode(content) == found
    assert content.startswith(b'{\n  "schema": "alexnet-bench.contest",\n  "schema_version": 1,')
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(UsageError, match="holds a contest, and no profile"):
        read_profile(tmp_path / "c.json")


def wrong(path: Path) -> Path:
    """The inputs and outputs of `normalised`, and much less work."""
    weight = np.random.default_rng(3).standard_normal((768, 10)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["f"], "f"), helper.make_node("MatMul", ["f", "w"], ["y"], "m")],
        "wrong",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_wrong_engine_is_not_named_however_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = normalised(tmp_path / "m.onnx")
    broken = wrong(tmp_path / "wrong.onnx")

    def build_wrong(model: Path, **options: object) -> EngineInUse:
        return replace(build_for(model, **options), file=broken)  # type: ignore[arg-type]

    monkeypatch.setattr(contest_entries, "build_for", build_wrong)
    (case,) = contest(path, options=ORT).cases
    first, second = case.entries
    assert (named(first), named(second)) == ("onnxruntime-cpu fp32", "onnxruntime-cpu as given")
    assert first.error is not None
    assert first.error.verdict == "failed"
    assert "above 0.0001" in first.error.reasons[0]
    assert (case.fastest, case.close) == (1, ())


def test_one_that_crashes_leaves_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def fragile(cases: Sequence[LatencyCase], **options: object) -> list[LatencyRun]:
        calls.append(cases[0].request.backend)
        if calls.count("openvino") == 2:
            raise BackendCrash("the worker died by signal SIGSEGV (running it)")
        return measure_latency(cases, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(contest_run, "measure_latency", fragile)
    options = replace(QUICK, backends=("openvino",), precisions=())
    (case,) = contest(normalised(tmp_path / "m.onnx"), options=options).cases
    stock, fallen = case.entries
    assert stock.latency is not None
    assert len(stock.latency.samples_s) == 2
    assert (fallen.latency, fallen.refused) == (None, "the worker died by signal SIGSEGV (running it)")
    assert (stock.transient, fallen.transient) == (False, True)
    assert fallen.error is not None
    assert case.fastest == 0
    assert [sorted(calls[:2]), sorted(calls[2:])] == [["onnxruntime-cpu", "openvino"]] * 2  # in turns


def test_torch_is_told_the_type_of_its_engine() -> None:
    built = build_engine("lenet-5", options=BuildOptions(backend="torch", precision="bf16"))
    assert set(built.compute_dtypes) == {"bfloat16"}
    assert built.recipe["name"] == "torch-bf16"


def test_each_batch_is_a_contest_of_its_own(tmp_path: Path) -> None:
    found = contest(normalised(tmp_path / "any.onnx", "N"), batches=(1, 4), options=ORT)
    assert [case.batch for case in found.cases] == [1, 4]
    assert [case.shapes["x"] for case in found.cases] == [(1, 3, 16, 16), (4, 3, 16, 16)]
    keys = {entry.passport_key for case in found.cases for entry in case.entries if entry.precision}
    assert len(keys) == 1
    for case in found.cases:
        assert case.winner is not None
        assert case.winner.latency is not None
        assert case.winner.latency.throughput_per_s == pytest.approx(case.batch / case.winner.latency.median_s)


def test_a_tolerance_holds_for_all(tmp_path: Path) -> None:
    (case,) = contest(normalised(tmp_path / "m.onnx"), options=replace(ORT, tolerance=0.0)).cases
    assert all(entry.latency is not None for entry in case.entries)
    assert (case.fastest, case.winner) == (None, None)
    assert {entry.error.tolerance for entry in case.entries if entry.error} == {0.0}


def sequences(path: Path) -> Path:
    """A product of sequences of any number and length."""
    weight = np.random.default_rng(5).standard_normal((8, 6)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"], "m"), helper.make_node("Tanh", ["m"], ["y"], "t")],
        "sequences",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "T", 6])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_engines_of_a_model_with_other_open_sizes_take_those_that_are_given(tmp_path: Path) -> None:
    path = sequences(tmp_path / "s.onnx")
    found = contest(path, batches=(1, 3), options=replace(ORT, shapes={"x": (1, 5, 8)}))
    keys = []
    for case, batch in zip(found.cases, (1, 3), strict=True):
        assert case.shapes == {"x": (batch, 5, 8)}
        ran = {named(entry): entry for entry in case.entries if entry.latency}
        assert set(ran) == {"onnxruntime-cpu as given", "onnxruntime-cpu fp32"}
        assert all(entry.is_within for entry in ran.values())
        keys.append(ran["onnxruntime-cpu fp32"].passport_key)
    asked = BuildOptions(backend="onnxruntime-cpu", precision="fp32", batch=3, shapes={"x": (1, 5, 8)})
    assert build_engine(path, options=asked).key == keys[1] != keys[0]


def break_pass(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes a pass fail that only engines for ONNX Runtime go through."""

    def broken(*_: object, **__: object) -> PassResult:
        raise error

    monkeypatch.setattr(passes, "PASSES", {**PASSES, "lower-lrn": replace(PASSES["lower-lrn"], run=broken)})


@pytest.mark.parametrize("error", [ValueError("a\x1b[1m pass"), MemoryError()])
def test_one_whose_build_fails_is_refused_and_the_others_go_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where no such engine is yet
    path = normalised(tmp_path / "m.onnx")
    with monkeypatch.context() as patch:
        break_pass(patch, error)
        (case,) = contest(path, options=ORT).cases
    ran = {named(entry) for entry in case.entries if entry.latency}
    assert ran == {"onnxruntime-cpu as given"}
    (refused,) = (entry.refused for entry in case.entries if entry.precision == "fp32")
    assert refused.startswith(f"internal error while it was built: {type(error).__name__}: ")
    assert "--debug" in refused
    assert refused.isprintable()
    assert build_engine(path, options=BuildOptions(backend="onnxruntime-cpu")).compute_dtypes


def test_a_type_that_is_emulated_takes_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take a hundred times as long as all others together."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = normalised(tmp_path / "m.onnx")

    def emulated(_backend: str, _threads: int, dtype: str, _settings: object) -> str:
        return f"{EMULATED}: openvino reaches less" if dtype == "bfloat16" else ""

    monkeypatch.setattr(build_steps, "why_emulated", emulated)
    (case,) = contest(path, options=replace(ORT, backends=("openvino",), precisions=("fp32", "bf16"))).cases
    (slow,) = [entry for entry in case.entries if entry.precision == "bf16"]
    if "was asked for" in slow.refused:
        pytest.skip(slow.refused)
    assert (slow.latency, slow.refused) == (None, f"bfloat16 is {EMULATED}: openvino reaches less")
    (plain,) = [entry for entry in case.entries if entry.precision == "fp32"]
    assert plain.latency is not None


def test_an_interrupt_while_an_engine_is_built_ends_the_contest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    break_pass(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        contest(normalised(tmp_path / "interrupted.onnx"), options=ORT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(QUICK, precisions=("fp12",)), "unknown precision 'fp12'"),
        (replace(QUICK, backends=("openvin",)), "unknown backend 'openvin'"),
        (replace(QUICK, seconds=0.0), "no time to measure"),
        (replace(QUICK, tolerance=-1.0), "is no tolerance"),
        (replace(QUICK, threads=0), "0 threads"),
        (replace(QUICK, processes=0), "at least one process"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(options: ContestOptions, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        contest(normalised(tmp_path / "m.onnx"), options=options)


def test_an_engine_is_no_model(tmp_path: Path) -> None:
    engine = tmp_path / "e.onnx"
    build_engine(normalised(tmp_path / "m.onnx"), options=BuildOptions(backend="onnxruntime-cpu"), output=engine)
    with pytest.raises(UsageError, match="an engine already"):
        contest(engine, options=QUICK)


def test_what_is_wrong_with_the_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AlexnetBenchError, match="batch"):
        contest(normalised(tmp_path / "m.onnx"), batches=(4,), options=QUICK)


def test_all_precisions_are_those_with_a_recipe_that_makes_sense() -> None:
    planned = [(item.backend.name, item.precision) for item in plan(None, ("all",)) if not item.missing]
    assert planned[0] == ("onnxruntime-cpu", None)
    of_openvino = [precision for backend, precision in planned if backend == "openvino"]
    assert of_openvino == [None, "fp32", "fp16", "bf16"]
    assert len(planned) == len(set(planned))


def made(name: str, samples_s: list[tuple[float, ...]], verdict: Verdict = "passed") -> Entry:
    error = EntryError("y", "spread", 1e-6, 1e-4, "fp32", verdict)
    median = sorted(samples_s[0])[len(samples_s[0]) // 2]
    return Entry(name, "1", error=error, latency=EntryLatency(tuple(samples_s), median, (median, median), 1 / median))


def spread(around: float, seed: int) -> tuple[float, ...]:
    generator = random.Random(seed)  # noqa: S311 - samples
    return tuple(around * generator.uniform(0.95, 1.05) for _ in range(50))


def test_the_fastest_is_within_the_tolerance_and_names_those_as_fast() -> None:
    rounds = range(3)
    entries = [
        made("slow", [spread(2.0, seed) for seed in rounds]),
        made("alike", [spread(1.001, seed) for seed in range(3, 6)]),
        made("wrong", [spread(0.1, seed) for seed in rounds], "failed"),
        made("unsure", [spread(0.1, seed) for seed in rounds], "inconclusive"),
        Entry("absent", "", refused="it is not here"),
        made("fast", [spread(0.999, seed) for seed in rounds]),
    ]
    case = conclude_case(1, {}, entries)
    names = [entry.backend for entry in case.entries]
    assert {names[0], names[1]} == {"wrong", "unsure"}
    assert {names[2], names[3]} == {"fast", "alike"}
    assert names[4:] == ["slow", "absent"]
    assert (case.fastest, case.close) == (2, (3,))


def test_one_good_round_of_three_tells_nothing_apart() -> None:
    fast = made("fast", [spread(pace, seed) for seed, pace in enumerate((1.0, 0.7, 1.0))])
    often = made("often faster", [spread(pace, seed) for seed, pace in enumerate((0.97, 1.6, 0.97), start=3)])
    assert conclude_case(1, {}, [fast, often]).close == (1,)


def test_a_single_round_tells_nothing_apart() -> None:
    assert conclude_case(1, {}, [made("fast", [spread(1.0, 1)]), made("slow", [spread(2.0, 2)])]).close == (1,)
