from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from math import prod
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from onnx import TensorProto, helper, save

import alexnet_bench
from alexnet_bench import Options, Profile
from alexnet_bench.core import document
from alexnet_bench.core.devices import parse_budget
from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.statistics import summarise
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure import ceilings as kept_ceilings
from alexnet_bench.workflows import quoted
from alexnet_bench.workflows.ceilings import machine_ceilings
from alexnet_bench.workflows.resolve import resolve

_MODELS = ("lenet-5", "onnx:squeezenet")
_PEAK_OF_TWO_GTX_580 = 2 * 512 * 2 * 1.544e9


def _live_nodes(name: str) -> list[str]:
    graph = build_graph(open_model(resolve(name).path), name=name)
    return [node.name for node in graph.live_nodes]


@pytest.mark.parametrize("name", _MODELS)
def test_every_live_node_is_owned_once(measured: dict[str, Profile], name: str) -> None:
    profile = measured[name]
    owned = Counter(node for layer in profile.layers for node in layer.onnx_nodes)
    shares: Counter[str] = Counter()
    for layer in profile.layers:
        for shared in layer.shared_nodes:
            shares[shared.name] += shared.share  # type: ignore[assignment]
    assert all(count == 1 for count in owned.values())
    assert all(share == pytest.approx(1) for share in shares.values())
    assert not set(owned) & set(shares)
    assert {*owned, *shares} == set(_live_nodes(name))
    assert profile.coverage.unattributed_nodes == ()
    assert profile.coverage.macs_attributed_fraction == 1.0


@pytest.mark.parametrize("name", _MODELS)
def test_times_and_rates_fit_together(measured: dict[str, Profile], name: str) -> None:
    profile = measured[name]
    assert sum(layer.time_fraction or 0 for layer in profile.layers) == pytest.approx(1)
    for layer in profile.layers:
        assert layer.time_s == median(layer.samples_s)
        assert layer.time_s > 0
        if layer.flop is not None:
            assert layer.flop_per_s == pytest.approx(layer.flop / layer.time_s)
        if layer.bytes is not None:
            assert layer.bytes_per_s == pytest.approx(layer.bytes / layer.time_s)
        if layer.flop and layer.bytes:
            assert layer.flop_per_byte == pytest.approx(layer.flop / layer.bytes)
        assert layer.bound in ("compute", "memory", "neither", "overhead")
        assert (layer.fraction_of_ceiling is None) == (layer.bound == "overhead")
        assert (layer.budget_time_s is None) == (layer.bound == "overhead")


@pytest.mark.parametrize("name", _MODELS)
def test_the_latency_is_that_of_its_samples(measured: dict[str, Profile], name: str) -> None:
    profile = measured[name]
    latency = profile.latency
    assert latency is not None
    found = summarise(latency.samples_s)
    assert (latency.median_s, latency.p90_s, latency.p99_s, latency.ci95_s) == (
        found.median, found.p90, found.p99, found.ci95,
    )  # fmt: skip
    assert latency.throughput_per_s == pytest.approx(profile.case.batch / latency.median_s)
    assert len(latency.samples_s) == 2
    assert latency.parts.compute_s == latency.median_s
    assert latency.parts.h2d_s is None


@pytest.mark.parametrize("name", _MODELS)
def test_totals_are_sums_over_the_users_graph(measured: dict[str, Profile], name: str) -> None:
    profile = measured[name]
    counted = alexnet_bench.profile(name, options=Options(static=True))
    assert profile.totals == counted.totals
    assert profile.totals.macs == sum(layer.macs or 0 for layer in profile.layers)
    assert profile.totals.flop == sum(layer.flop or 0 for layer in counted.layers)
    assert profile.totals.mac_flop == 2 * profile.totals.macs
    assert profile.model.params == sum(layer.params or 0 for layer in counted.layers)
    assert profile.memory.static_peak_bytes == max(layer.live_bytes or 0 for layer in counted.layers)
    assert replace(profile.model, weights_sha256=None) == counted.model


@pytest.mark.parametrize("name", _MODELS)
def test_what_ran_is_described(measured: dict[str, Profile], name: str) -> None:
    profile = measured[name]
    engine = profile.engine
    assert engine is not None
    assert (engine.backend, engine.device) == ("onnxruntime-cpu", "cpu")
    computing = sum(layer.bound != "overhead" for layer in profile.layers)
    assert engine.compute_dtypes == {"float32": computing}
    assert profile.case.seed == 0
    assert profile.case.threads == profile.environment.comparable["threads"]
    assert profile.case.shapes == {item.name: item.shape for item in profile.model.inputs}
    assert profile.ceilings is not None
    best, typical = profile.ceilings.flop_per_s["float32"], profile.ceilings.median_flop_per_s["float32"]
    assert best is not None
    assert typical is not None
    assert best >= typical > 0
    assert set(profile.ceilings.unavailable) == {
        dtype for dtype, rate in profile.ceilings.flop_per_s.items() if rate is None
    }
    assert profile.memory.arena_peak_bytes
    assert profile.memory.load_peak_bytes
    assert profile.memory.run_peak_bytes


@pytest.mark.parametrize("name", _MODELS)
def test_the_arena_has_a_curve_of_its_own(measured: dict[str, Profile], name: str) -> None:
    profile = measured[name]
    loaded, peak = profile.memory.arena_loaded_bytes, profile.memory.arena_peak_bytes
    assert loaded is not None
    assert peak is not None
    assert 0 <= loaded < peak
    for layer in profile.layers:
        assert layer.arena_bytes is not None
        assert layer.arena_requested_bytes is not None
        assert loaded <= layer.arena_bytes <= peak
        assert layer.arena_requested_bytes <= layer.arena_bytes
        # At least what the layer makes is there as it ends.
        made = sum(4 * prod(shape or ()) for shape in layer.output_shapes)
        assert layer.arena_bytes - loaded >= made
    assert len({layer.arena_bytes for layer in profile.layers}) > 3


@pytest.mark.parametrize("name", _MODELS)
def test_what_the_runtime_added_was_not_counted(measured: dict[str, Profile], name: str) -> None:
    layers = measured[name].layers
    assert all((layer.live_bytes is None) == (not layer.onnx_nodes and not layer.shared_nodes) for layer in layers)
    assert any(layer.live_bytes is None for layer in layers)
    assert max(layer.live_bytes or 0 for layer in layers) == measured[name].memory.static_peak_bytes


def test_the_budget_is_predicted_from_published_peaks(measured: dict[str, Profile]) -> None:
    profile = measured["lenet-5"]
    (line,) = profile.budget
    assert (line.device, line.count, line.kind, line.dtype) == ("gtx-580", 2, "predicted", "fp32")
    assert line.forward_per_s_by_flop == pytest.approx(_PEAK_OF_TWO_GTX_580 / (profile.totals.mac_flop or 0), rel=1e-3)
    assert line.forward_per_s_by_flop is not None
    assert line.forward_per_s_by_roofline is not None
    assert line.forward_per_s_by_roofline < line.forward_per_s_by_flop
    assert profile.latency is not None
    assert line.achieved_fraction == pytest.approx(profile.latency.throughput_per_s / line.forward_per_s_by_flop)
    assert line.notes == ()


def test_the_reference_network_has_the_published_budget() -> None:
    profile = alexnet_bench.profile(options=Options(static=True, budgets=("gtx-580:2", "h100")))
    line, other = profile.budget
    assert profile.model.name == "alexnet-2012"
    assert profile.totals.mac_flop == pytest.approx(1.4488e9, abs=5e4)
    assert line.forward_per_s_by_flop == pytest.approx(2182.6, rel=1e-4)
    assert line.memory_bytes == 3 << 30
    assert (line.inference_bytes or 0) < (line.training_bytes or 0) < line.memory_bytes
    assert line.training_batch == 128
    assert (other.device, other.count, other.notes) == ("h100", 1, ())


@pytest.mark.parametrize("name", ["alexnet-2012", "alexnet-owt"])
def test_both_quoted_figures_are_named_with_their_networks(name: str) -> None:
    (note,) = quoted.notes(name, parse_budget("gtx-580:2"))
    assert "1.43 GFLOP and over 2,200 passes/s" in note
    assert "1.4284 GFLOP and 2,213.8" in note
    assert "1.4488 GFLOP and 2,182.6" in note
    assert quoted.notes(name, parse_budget("gtx-580:1")) == ()
    assert quoted.notes("lenet-5", parse_budget("gtx-580:2")) == ()


def test_a_static_profile_has_counts_and_no_times(tmp_path: Path) -> None:
    profile = alexnet_bench.profile("onnx:squeezenet", options=Options(static=True))
    assert [layer.name for layer in profile.layers] == _live_nodes("onnx:squeezenet")
    assert (profile.latency, profile.engine, profile.ceilings) == (None, None, None)
    assert profile.model.weights_sha256 is None
    for layer in profile.layers:
        assert (layer.time_s, layer.time_fraction, layer.bound, layer.samples_s) == (None, None, None, ())
    assert "static" in [warning.code for warning in profile.warnings]
    assert profile.budget[0].achieved_fraction is None
    alexnet_bench.write_profile(profile, tmp_path / "out.json")
    assert alexnet_bench.read_profile(tmp_path / "out.json") == profile


def test_several_batches_are_a_set() -> None:
    said: list[str] = []
    found = alexnet_bench.profile_set(
        "lenet-5", batches=[1, 4], options=Options(seconds=0.04, processes=1), progress=said.append
    )
    assert [profile.case.batch for profile in found.profiles] == [1, 4]
    assert [(profile.model.inputs[0].shape or ())[0] for profile in found.profiles] == [1, 4]
    small, large = found.profiles
    assert large.totals.macs == 4 * (small.totals.macs or 0)
    assert large.totals.weight_bytes == small.totals.weight_bytes
    assert large.budget[0].forward_per_s_by_flop == pytest.approx(small.budget[0].forward_per_s_by_flop)
    assert large.budget[0].training_bytes == pytest.approx(small.budget[0].training_bytes, rel=0.01)
    for profile in found.profiles:
        assert profile.latency is not None
        assert profile.latency.throughput_per_s == pytest.approx(profile.case.batch / profile.latency.median_s)
    assert document.decode(document.encode(found)) == found
    assert said[0] == "reading lenet-5"
    assert "latency, process 1 of 1" in said


def test_ceilings_are_measured_once(measured: dict[str, Profile], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the last profile are kept: an earlier one may have lower ones, which a layer of a later one beat."""
    monkeypatch.setattr(kept_ceilings, "measure_ceilings", None)
    assert machine_ceilings("onnxruntime-cpu", progress=lambda _: None) == list(measured.values())[-1].ceilings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(seconds=0.0), "no time to measure"),
        (Options(seconds=float("nan")), "no time to measure"),
        (Options(seconds=1e9), "no time to measure"),
        (Options(threads=0), "0 threads"),
        (Options(threads=100_000), "100,000 threads"),
        (Options(seed=-1), "seed -1 is negative"),
        (Options(processes=0), "at least one process"),
        (Options(backend="nope"), "unknown backend"),
        (Options(backend="nope", static=True), "--backend would do nothing"),
        (Options(static=True, seconds=1.0, seed=0, threads=1), "--threads, --seconds, --seed would do nothing"),
        (Options(budgets=("nope:2",)), "unknown device"),
        (Options(shapes={"nope": (1, 2)}), "nope"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused_at_once(options: Options, message: str) -> None:
    with pytest.raises((UsageError, ShapeError), match=message) as caught:
        alexnet_bench.profile("lenet-5", options=options)
    assert caught.value.hint


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_is_at_least_one(batch: int) -> None:
    with pytest.raises(UsageError, match="whole number from 1"):
        alexnet_bench.profile("lenet-5", batch=batch)


def test_what_the_machine_cannot_hold_is_refused_before_it_is_tried() -> None:
    with pytest.raises(UsageError, match=r"batch 100,000,000,000 needs .* this machine has") as caught:
        alexnet_bench.profile("lenet-5", batch=100_000_000_000)
    assert "--static" in caught.value.hint
    counted = alexnet_bench.profile("lenet-5", batch=100_000_000_000, options=Options(static=True))
    assert counted.totals.macs == 416_520 * 100_000_000_000


def test_the_batch_of_a_model_of_fixed_size_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [value("x", TensorProto.FLOAT, [8, 3, 4, 4])],
        [value("y", TensorProto.FLOAT, [8, 3, 4, 4])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    profile = alexnet_bench.profile(path, options=Options(static=True))
    assert profile.case.batch == 8
    assert profile.model.name == "fixed"
    assert profile.totals.flop == 0 or profile.totals.flop == 8 * 3 * 4 * 4


def test_options_are_described_one_by_one() -> None:
    assert Options.__doc__ is not None
    assert all(f"{field.name}:" in Options.__doc__ for field in fields(Options))


def test_samples_are_whole_nanoseconds(measured: dict[str, Profile]) -> None:
    latency = measured["lenet-5"].latency
    assert latency is not None
    values = np.array([value for samples in latency.samples_s for value in samples]) * 1e9
    assert np.allclose(values, np.round(values), atol=1e-3)
