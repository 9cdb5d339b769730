"""One engine built several times: by the real ONNX Runtime and TensorRT-RTX, and by a TensorRT that is made up."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from statistics import median

import pytest

from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.backends.protocol import PlanBuilt, PlanRequest
from alexnet_bench.backends.tensorrt import build
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.passport import Passport, decode_passport, encode_passport, read_passport
from alexnet_bench.report.engines import print_passport
from alexnet_bench.workflows.engines import builds as builds_module
from tests.unit.backends.tensorrt_here import needs_rtx
from tests.unit.workflows import tensorrt_in_process


def _shown(passport: Passport) -> str:
    stream = StringIO()
    print_passport(passport, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def quick() -> BuildOptions:
    return BuildOptions(backend="onnxruntime-cpu", builds=3)


def test_builds_for_a_processor_are_equal_and_timed(quick: BuildOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds_module, "_SECONDS", 0.03)
    passport = build_engine("lenet-5", options=quick)
    found = passport.builds
    assert found is not None
    assert found.are_identical
    assert (found.differing, found.not_run) == ((), "")
    assert [build.engine_sha256 for build in found.builds] == [passport.engine_sha256] * 3
    for build_ in found.builds:
        assert build_.samples_s is not None
        assert len(build_.samples_s) == 3
        assert build_.median_s == median(sample for process in build_.samples_s for sample in process)
        assert (build_.size_bytes, build_.layers, build_.differing_layers) == (
            *(passport.size_bytes, len(passport.layers), 0),
        )
    assert "3 builds, all of the same bytes" in _shown(passport)
    assert decode_passport(encode_passport(passport)) == passport


def test_what_differs_is_not_kept_with_the_engine(quick: BuildOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds_module, "_SECONDS", 0.03)
    found = build_engine("lenet-5", options=replace(quick, builds=2))
    assert found.builds is not None
    assert found.builds.first_was_cached is found.cache_hit
    assert build_engine("lenet-5", options=replace(quick, builds=1)).builds is None
    assert read_passport(Path(found.path).with_name("passport.json")).builds is None


@needs_rtx
def test_builds_of_tensorrt_rtx_are_equal() -> None:
    found = build_engine("lenet-5", options=BuildOptions(backend="tensorrt-rtx", precision="fp16", builds=3)).builds
    assert found is not None
    assert found.are_identical
    assert [build.median_s is None for build in found.builds] == [bool(found.not_run)] * 3


@pytest.mark.usefixtures("trt")
def test_kernels_that_differ_are_told_by_node_and_build(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PlanRequest] = []

    def build_plan(request: PlanRequest) -> PlanBuilt:
        asked.append(request)
        built = tensorrt_in_process.build_plan(request)
        for path in (Path(request.plan_path), Path(request.layers_path)):
            content = path.read_bytes()
            if len(asked) == 2:  # the first kernel is another one
                content = content.replace(b"a_kernel", b"another_kernel_x", 1)
            path.write_bytes(content)
        return built

    monkeypatch.setattr(build, "build_plan", build_plan)
    passport = build_engine("lenet-5", options=BuildOptions(backend="tensorrt", precision="fp32", builds=3))
    found = passport.builds
    assert found is not None
    assert not found.are_identical
    (layer,) = found.differing
    assert layer.onnx_nodes == ("conv1",)
    assert layer.tactics == ("a_kernel (float32)", "another_kernel_x (float32)", "a_kernel (float32)")
    assert [one.differing_layers for one in found.builds] == [0, 1, 0]
    assert [one.engine_sha256 == passport.engine_sha256 for one in found.builds] == [True, False, True]
    assert [request.settings for request in asked] == [{}, {"timing_cache": "off"}, {"timing_cache": "off"}]
    text = _shown(passport)
    assert "3 builds of 2 different contents; 1 layer not the same in all" in text
    assert "in 1, 3: a_kernel (float32)" in text
    assert "in 2: another_kernel_x (float32)" in text


@pytest.mark.parametrize("number", [0, -1, 33])
def test_a_number_that_cannot_be_compared_is_refused(number: int) -> None:
    with pytest.raises(UsageError, match=f"{number} builds cannot be compared"):
        build_engine("lenet-5", options=BuildOptions(builds=number))
