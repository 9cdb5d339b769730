"""`alexnet-bench profile trtexec:DIR`: a profile from the files of trtexec; needs no runtime and no GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from alexnet_bench.attribution import coverage as coverages
from alexnet_bench.attribution.by_metadata import join_by_metadata, with_tensors
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.backends.tensorrt.trtexec_files import TrtexecFiles, read_trtexec_files
from alexnet_bench.backends.tensorrt.trtexec_layers import TimedInfo, name_nodes, timed_infos
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.profile import Coverage, LayerProfile, Profile, ProfileSet
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.workflows import cautions, trtexec_cautions
from alexnet_bench.workflows.counted import (
    Counted,
    budget_lines,
    count_case,
    model_info,
    predictor,
    shapes,
    totals,
)
from alexnet_bench.workflows.options import Options, Progress
from alexnet_bench.workflows.resolve import resolve
from alexnet_bench.workflows.trtexec_parts import (
    Sizes,
    bare_layers,
    case_of,
    check,
    engine_info,
    environment,
    latency_of,
    memory_of,
    sizes_of,
    told_shapes,
    uncounted,
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
    resolved = resolve(options.model)
    progress(f"reading {options.model}")
    file = open_model(resolved.path)
    told = _of_model(file, sizes.given) if not options.shapes else options.shapes
    case = count_case(file, resolved, batches[0], told)
    batch_is_known = batches[0] is not None or bool(told) or _is_fixed(file)
    return ProfileSet((_counted(case, files, infos, budgets, batch_is_known=batch_is_known),))


def _counted(
    case: Counted, files: TrtexecFiles, infos: Sequence[TimedInfo], budgets: Sequence[Budget], *, batch_is_known: bool
) -> Profile:
    """A profile in terms of the model's own nodes."""
    named, by_name = name_nodes(infos, case.graph)
    attribution = with_tensors(case.graph, join_by_metadata(case.graph, case.costs, named))
    samples_s: dict[str, tuple[float, ...]] = {}
    for info in infos:
        samples_s[info.key] = () if info.time_s is None else (info.time_s,)
    times = LayerTimes(tuple(item.layer for item in named), samples_s, (), ())
    timed = timed_layers(case.graph, case.costs, attribution, times, None)
    predict = predictor(case, budgets)
    layers = tuple(
        msgspec.structs.replace(
            _as_told(layer, info),
            budget_time_s=None if layer.bound == "overhead" else predict(layer.onnx_nodes, layer.flop, layer.bytes),
        )
        for layer, info in zip(timed, infos, strict=True)
    )
    coverage = coverages.measured(case.costs, attribution, layers, times)
    latency = latency_of(files.times, case.batch)
    return Profile(
        model=model_info(case, None),
        case=case_of(case.batch, shapes(case.graph)),
        engine=engine_info(layers),
        totals=totals(case.costs),
        coverage=coverage if any(info.time_s is not None for info in infos) else _without_times(coverage),
        latency=latency,
        layers=layers,
        memory=memory_of(case.costs.activation_peak_bytes),
        ceilings=None,
        budget=budget_lines(case, budgets, latency.throughput_per_s if latency else None),
        environment=environment(),
        warnings=(
            *trtexec_cautions.of_files(files, infos, batch_is_known=batch_is_known),
            *trtexec_cautions.of_names(layers, by_name=by_name),
            *cautions.of_counts(coverage),
            *cautions.of_attribution(coverage),
        ),
    )


def _bare(folder: Path, files: TrtexecFiles, infos: Sequence[TimedInfo], sizes: Sizes) -> Profile:
    """A profile of layers and times alone: there is no model to count, and no node to attribute anything to."""
    named, _ = name_nodes(infos, None)
    layers, batch = bare_layers(infos, [item.layer.is_overhead for item in named]), sizes.batch or 1
    return Profile(
        model=uncounted_model(folder, sizes),
        case=case_of(batch, sizes.inputs),
        engine=engine_info(layers),
        totals=uncounted(),
        coverage=_uncounted_coverage(layers),
        latency=latency_of(files.times, batch),
        layers=layers,
        memory=memory_of(None),
        ceilings=None,
        budget=(),
        environment=environment(),
        warnings=(
            *trtexec_cautions.of_files(files, infos, batch_is_known=sizes.batch is not None),
            trtexec_cautions.no_model(),
        ),
    )


def _of_model(file: ModelFile, told: Mapping[str, Sequence[int]]) -> dict[str, Sequence[int]]:
    """The sizes of inputs that the model has too."""
    names = {item.name for item in file.proto.graph.input}
    return {name: sizes for name, sizes in told.items() if name in names}


def _is_fixed(file: ModelFile) -> bool:
    """Whether the model itself says how large the first axis of its inputs is."""
    shapes = (item.type.tensor_type.shape for item in file.proto.graph.input)
    return all(shape.dim[0].dim_value > 0 for shape in shapes if shape.dim)


def _as_told(layer: LayerProfile, info: TimedInfo) -> LayerProfile:
    """The layer without what its files do not tell: single times, and the bytes of what no node asked for.

    One without nodes goes by TensorRT's own name.
    """
    known = layer.onnx_nodes or layer.shared_nodes
    return msgspec.structs.replace(
        layer,
        name=layer.name if known else info.key,
        samples_s=(),
        live_bytes=layer.live_bytes if known else None,
        bytes=layer.bytes if known else None,
        bytes_per_s=layer.bytes_per_s if known else None,
        activation_bytes=layer.activation_bytes if known else None,
        output_shapes=layer.output_shapes or told_shapes(info.info),
    )


def _without_times(coverage: Coverage) -> Coverage:
    return replace(coverage, time_attributed_fraction=None, overhead_fraction=None)


def _uncounted_coverage(layers: Sequence[LayerProfile]) -> Coverage:
    total_s = sum(layer.time_s or 0.0 for layer in layers)
    overhead_s = sum(layer.time_s or 0.0 for layer in layers if layer.bound == "overhead")
    return Coverage(None, None, (), overhead_fraction=overhead_s / total_s if total_s else None)
