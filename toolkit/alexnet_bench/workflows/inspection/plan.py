"""An engine of TensorRT that somebody else built: what its first bytes tell and, where anything tells them, layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.attribution.by_metadata import attribute
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.tensorrt.flavour import check_carries_code
from alexnet_bench.backends.tensorrt.layer_file import layer_file_beside, read_layer_file
from alexnet_bench.backends.tensorrt.layer_profiles import of_first_profile
from alexnet_bench.backends.tensorrt.plan_header import read_plan_header
from alexnet_bench.backends.tensorrt.plan_log import read_description
from alexnet_bench.backends.tensorrt.plan_tensors import LayerInfo
from alexnet_bench.backends.tensorrt.trtexec_layers import TimedInfo, name_nodes, timed_infos
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.errors import AlexnetBenchError, UsageError
from alexnet_bench.core.inspection import InspectedLayer, Inspection, PlanFile
from alexnet_bench.core.profile import Caution
from alexnet_bench.core.text import printable
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.workflows import cautions
from alexnet_bench.workflows.counted import Counted
from alexnet_bench.workflows.engines import plan_cautions
from alexnet_bench.workflows.engines.usable_here import reasons_against_plan
from alexnet_bench.workflows.inspection.layers import bare_layer, counted_engine, inspected_layer, predictions
from alexnet_bench.workflows.inspection.told_layers import Sizes, count_told, sizes_of
from alexnet_bench.workflows.options import RUNS_HOST_CODE
from alexnet_bench.workflows.resolve import resolve
from alexnet_bench.workflows.uncounted import no_model

FROM_RUNTIME = "runtime"


@dataclass(frozen=True)
class InspectOptions:
    """How to inspect: what the user knows of an engine that has no passport.

    Attributes:
        model: that it was built from; None counts nothing.
        layer_info: a file that tells its layers; None takes the one beside it, or asks the runtime.
        shapes: sizes by input, in place of those that the layers tell.
        host_code: whether it may run code that it carries, where the runtime is asked.
    """

    model: str | None = None
    layer_info: Path | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    host_code: bool = False

    @property
    def run_settings(self) -> dict[str, str]:
        """Of the runtime that is asked."""
        return RUNS_HOST_CODE if self.host_code else {}


@dataclass(frozen=True)
class _Told:
    """Layers, and where they are from; None and why where nothing tells them."""

    info: LayerInfo | None
    source: str = ""
    why_not: str = ""


def inspect_plan(path: Path, known: InspectOptions, budgets: Sequence[Budget]) -> Inspection:
    """What an engine without a passport is.

    Args:
        path: of the engine.
        known: of it.
        budgets: devices to predict times for, where there is a model.

    Raises:
        EngineError: the file is no engine, or cut short within its first bytes.
        UsageError: the file that is to tell its layers does not, or what is known of it does not fit.
        AlexnetBenchError: its subclass says what is wrong with the model or the sizes.
    """
    file = plan_file(path)
    if known.host_code:
        check_carries_code(file.backend)
    if known.model is not None:
        open_model(resolve(known.model).path)  # one that is no model is wrong even where no layers are known
    reasons = reasons_against_plan(path, file.backend)
    told = _told(path, file, known, reasons)
    inspection = Inspection(
        model=printable(path.stem),
        passport=None,
        producer="",
        batch=None,
        shapes={},
        predicted=(),
        layers=(),
        reasons_against=reasons,
        plan=file,
        layers_from=told.source,
        warnings=(_no_passport(),),
    )
    if told.info is None:
        return _with_warnings(inspection, _no_layers(told.why_not))
    info = replace(told.info, layers=of_first_profile(told.info.layers))
    infos, sizes = timed_infos(None, info), sizes_of(info, known.shapes, None)
    if known.model is None:
        return _bare(inspection, infos, sizes)
    case, batch_is_known = count_told(known.model, sizes)
    return _counted(inspection, case, infos, budgets, batch_is_known=batch_is_known)


def plan_file(path: Path) -> PlanFile:
    """What the first bytes of an engine tell.

    Raises:
        EngineError: it is none, or cannot be read.
    """
    header = read_plan_header(path)
    return PlanFile(
        str(path.resolve()),
        header.backend,
        header.version,
        path.stat().st_size,
        header.size_bytes,
        header.capabilities,
    )


def _told(path: Path, file: PlanFile, known: InspectOptions, reasons: Sequence[str]) -> _Told:
    """The layers, from the file that is named, the one beside the engine, or the runtime."""
    source = known.layer_info or layer_file_beside(path)
    if source is not None:
        if known.host_code:
            shown = printable(str(source), 200)
            raise UsageError(f"{shown} tells the layers, and nothing of the engine is run", "leave --host-code out")
        if known.shapes and known.model is None:
            raise _no_use(f"{printable(str(source), 200)} tells the layers, and without the model", "--model MODEL")
        return _Told(read_layer_file(source), str(source))
    if reasons:
        if known.shapes:
            raise _no_use("the engine cannot be loaded here, and without its layers", "--layer-info FILE")
        return _Told(None, why_not="it cannot be loaded here")
    try:
        with Worker() as worker:
            request = LoadRequest(
                file.backend, str(path.resolve()), 1, settings=known.run_settings, shapes=_fixed(known.shapes)
            )
            described = worker.describe(request)
        return _Told(read_description(described.layers), FROM_RUNTIME)
    except AlexnetBenchError as error:  # what its first bytes tell is told all the same
        return _Told(None, why_not=error.message)


def _no_use(why: str, without: str) -> UsageError:
    return UsageError(f"{why} --shape would do nothing", f"give {without} too, or leave --shape out")


def _fixed(given: Mapping[str, Sequence[int]] | None) -> dict[str, tuple[int, ...]]:
    return {name: tuple(sizes) for name, sizes in (given or {}).items()}


def _bare(inspection: Inspection, infos: Sequence[TimedInfo], sizes: Sizes) -> Inspection:
    named = name_nodes(infos, None)
    found = replace(
        inspection,
        batch=sizes.batch,
        shapes={name: tuple(size) for name, size in sizes.inputs.items()},
        layers=tuple(bare_layer(item.layer) for item in named),
    )
    return _with_warnings(found, *plan_cautions.of_names(named), no_model())


def _counted(
    inspection: Inspection,
    case: Counted,
    infos: Sequence[TimedInfo],
    budgets: Sequence[Budget],
    *,
    batch_is_known: bool,
) -> Inspection:
    named = name_nodes(infos, case.graph)
    attribution = attribute(case.graph, case.costs, named)
    mapped = user_layers(case.costs, case.costs, attribution, {})
    counted = counted_engine(case.graph, case.costs, budgets, case.whole_on_one_card)
    pairs = zip(mapped.layers, attribution.owned, strict=True)
    layers = tuple(_of_engine(inspected_layer(counted, *pair), pair[1].layer.name) for pair in pairs)
    found = replace(
        inspection,
        model=case.graph.name,
        batch=case.batch,
        shapes=case.graph.input_sizes,
        predicted=predictions(layers, budgets, case.batch),
        layers=layers,
    )
    return _with_warnings(
        found,
        *plan_cautions.of_names(named, case.graph),
        *plan_cautions.of_types(named),
        *(() if batch_is_known else (_no_batch(),)),
        *case.cautions,
        *cautions.of_nodes(mapped.unattributed),
    )


def _of_engine(layer: InspectedLayer, own_name: str) -> InspectedLayer:
    """The layer; one without nodes goes by TensorRT's own name, and what it moves is not known."""
    if layer.onnx_nodes or layer.shared_nodes:
        return layer
    return replace(layer, name=own_name, bytes=None, flop_per_byte=None)


def _with_warnings(inspection: Inspection, *more: Caution) -> Inspection:
    return replace(inspection, warnings=(*inspection.warnings, *more))


def _no_passport() -> Caution:
    return Caution(
        "no-passport",
        "there is no passport: what it was built from, and whether its bytes are those, is not known",
    )


def _no_layers(why: str) -> Caution:
    return Caution(
        "no-layers",
        f"its layers are not known: {printable(why, 400)}",
        "give --layer-info FILE: of trtexec (of TensorRT-RTX: tensorrt_rtx) --loadEngine=ENGINE --exportLayerInfo=FILE "
        "where there is a GPU, or the log of its verbose build",
    )


def _no_batch() -> Caution:
    return Caution(
        "not-in-files", "the sizes of the inputs are not told, and open ones taken as 1", "give them: --shape"
    )
