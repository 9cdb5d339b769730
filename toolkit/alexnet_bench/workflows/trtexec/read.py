"""`alexnet-bench profile trtexec:DIR`: a profile from the files of trtexec; needs no runtime and no GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from alexnet_bench.attribution import coverage as coverages
from alexnet_bench.attribution.by_metadata import attribute
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.backends.tensorrt.trtexec_files import TrtexecFiles, read_trtexec_files
from alexnet_bench.backends.tensorrt.trtexec_layers import TimedInfo, name_nodes, timed_infos
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.profile import Coverage, InputInfo, LayerProfile, Profile, ProfileSet
from alexnet_bench.workflows import cautions, count_cautions
from alexnet_bench.workflows.counted import Counted, budget_lines, model_info, totals, with_budget_times
from alexnet_bench.workflows.engines import plan_cautions
from alexnet_bench.workflows.inspection.told_layers import Sizes, count_told, sizes_of
from alexnet_bench.workflows.options import Options, Progress
from alexnet_bench.workflows.trtexec import cautions as trtexec_cautions
from alexnet_bench.workflows.trtexec.parts import check, engine_info, environment, latency_of, memory_of
from alexnet_bench.workflows.uncounted import (
    NO_COUNTS,
    bare_case,
    bare_coverage,
    bare_layers,
    by_own_names,
    no_model,
    uncounted_model,
)


def read_run(
    model: str, *, batches: Sequence[int | None], options: Options, budgets: Sequence[Budget], progress: Progress
) -> ProfileSet:
    """A profile from the files of trtexec in a folder.

    Args:
        model: "trtexec:" and the folder.
        batches: one; None takes that of the layer info.
        options: `model` names the ONNX model that the engine was built from; without it nothing is counted.
        budgets: devices to compare with.
        progress: told what is done next.

    Raises:
        UsageError: the folder holds no such files, or damaged ones; or an option asks for a run.
        AlexnetBenchError: its subclass says what is wrong with the model.
    """
    check(options, batches)
    folder = Path(model.partition(":")[2] or ".")
    progress(f"reading {folder}")
    files = read_trtexec_files(folder)
    infos = timed_infos(files.profile, files.layer_info)
    sizes = sizes_of(files.layer_info, options.shapes, batches[0])
    if options.model is None:
        return ProfileSet((_bare(folder, files, infos, sizes),))
    progress(f"reading {options.model}")
    case, batch_is_known = count_told(options.model, sizes)
    return ProfileSet((_counted(case, files, infos, budgets, batch_is_known=batch_is_known),))


def _counted(
    case: Counted, files: TrtexecFiles, infos: Sequence[TimedInfo], budgets: Sequence[Budget], *, batch_is_known: bool
) -> Profile:
    """A profile in terms of the model's own nodes."""
    named = name_nodes(infos, case.graph)
    attribution = attribute(case.graph, case.costs, named)
    samples_s: dict[str, tuple[float, ...]] = {}
    for info in infos:
        samples_s[info.key] = () if info.time_s is None else (info.time_s,)
    times = LayerTimes(tuple(item.layer for item in named), samples_s, (), ())
    timed = timed_layers(case.graph, case.costs, attribution, times, None)
    told = [_as_told(layer) for layer in by_own_names(timed, [info.key for info in infos])]
    layers = with_budget_times(case, told, budgets)
    coverage = coverages.measured(case.costs, attribution, layers, times)
    latency = latency_of(files.times, case.batch)
    return Profile(
        model=model_info(case, None),
        case=bare_case(case.batch, case.graph.input_sizes),
        engine=engine_info(files.runtime, layers),
        totals=totals(case.costs),
        coverage=coverage if any(info.time_s is not None for info in infos) else _without_times(coverage),
        latency=latency,
        layers=layers,
        memory=memory_of(case.costs.activation_peak_bytes),
        ceilings=None,
        budget=budget_lines(case, budgets, latency.throughput_per_s if latency else None),
        environment=environment(files.runtime),
        warnings=(
            *trtexec_cautions.of_files(files, infos, batch_is_known=batch_is_known),
            *plan_cautions.of_names(named, case.graph, of_tensorrt=files.runtime.is_tensorrt),
            *plan_cautions.of_types(named),
            *count_cautions.of_counts(coverage, case.graph),
            *cautions.of_attribution(coverage),
        ),
    )


def _bare(folder: Path, files: TrtexecFiles, infos: Sequence[TimedInfo], sizes: Sizes) -> Profile:
    """A profile of layers and times alone: there is no model to count, and no node to attribute anything to."""
    named = name_nodes(infos, None)
    layers, batch = bare_layers([item.layer for item in named], [info.time_s for info in infos]), sizes.batch or 1
    inputs = [InputInfo(tensor.name, sizes.inputs.get(tensor.name, ()), tensor.dtype) for tensor in sizes.tensors]
    return Profile(
        model=uncounted_model(folder.resolve().name or "trtexec", inputs),
        case=bare_case(batch, sizes.inputs),
        engine=engine_info(files.runtime, layers),
        totals=NO_COUNTS,
        coverage=bare_coverage(layers),
        latency=latency_of(files.times, batch),
        layers=layers,
        memory=memory_of(None),
        ceilings=None,
        budget=(),
        environment=environment(files.runtime),
        warnings=(
            *trtexec_cautions.of_files(files, infos, batch_is_known=sizes.batch is not None),
            *plan_cautions.of_names(named, of_tensorrt=files.runtime.is_tensorrt),
            no_model(),
        ),
    )


def _as_told(layer: LayerProfile) -> LayerProfile:
    """The layer without what its files do not tell: single times, and the bytes of what no node asked for."""
    known = layer.onnx_nodes or layer.shared_nodes
    return msgspec.structs.replace(
        layer,
        samples_s=(),
        live_bytes=layer.live_bytes if known else None,
        bytes=layer.bytes if known else None,
        bytes_per_s=layer.bytes_per_s if known else None,
        activation_bytes=layer.activation_bytes if known else None,
    )


def _without_times(coverage: Coverage) -> Coverage:
    return replace(coverage, time_attributed_fraction=None, overhead_fraction=None)
