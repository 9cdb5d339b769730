"""A model built into an engine of TensorRT; runs inside a worker, because the library must stay out of the tool."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.device.driver import call_refusal
from alexnet_bench.backends.protocol import PlanBuilt, PlanRequest
from alexnet_bench.backends.tensorrt.build_log import make_log, make_monitor
from alexnet_bench.backends.tensorrt.flavour import Flavour, check_settings, flavour_of
from alexnet_bench.backends.tensorrt.options import BuildSettings, build_settings
from alexnet_bench.backends.tensorrt.refusal import (
    Refused,
    build_refusal,
    parser_refusal,
    plugin_refusal,
    refused_tensor,
)
from alexnet_bench.core import atomic
from alexnet_bench.core.errors import BackendRefusal, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.graph.onnx_io import open_model

if TYPE_CHECKING:
    from onnx import NodeProto

_MOST_WARNINGS = 8


def build_plan(request: PlanRequest) -> PlanBuilt:
    """Builds an engine and writes it, with what TensorRT says of its layers.

    Networks follow the types of the graph; TF32 is off unless asked for; the engine carries what its layers are.

    Raises:
        BackendRefusal: TensorRT does not take the model, with the node, its operator and the reason.
        UsageError: a setting is not known, or not of this flavour.
    """
    settings = build_settings(request.backend, request.settings)
    trt: Any = importlib.import_module(request.module)
    flavour = flavour_of(request.backend, trt.__version__)
    check_settings(request.backend, request.settings)
    log = make_log(trt)
    builder = _start(trt, log, request.backend)
    trt.init_libnvinfer_plugins(log, "")
    _load_plugins(builder.get_plugin_registry(), log, request)
    network = builder.create_network(_network_flags(trt, flavour))
    _parse(trt, network, log, request)
    config = builder.create_builder_config()
    _configure(trt, config, request, settings)
    _add_profiles(builder, network, config, request)
    cache = _timing_cache(config, flavour, settings, request)
    if hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = make_monitor(trt, Path(request.progress_path))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        node = _maker(Path(request.model_path), refused_tensor(log.errors))
        raise build_refusal(_refused(request, node), log.errors, _shape_inputs(network))
    Path(request.plan_path).write_bytes(memoryview(plan))
    Path(request.layers_path).write_text(_described(trt, plan, log, request, settings), encoding="utf-8")
    return PlanBuilt(trt.__version__, _keep_timings(config, cache), tuple(log.warnings[:_MOST_WARNINGS]))


def _start(trt: Any, log: Any, backend: str) -> Any:
    try:
        builder = trt.Builder(log)
    except TypeError as error:  # the constructor gave nothing: CUDA does not start, and the log says why
        said = "; ".join([*log.errors, *log.warnings])
        why = printable(f"{error}; {said}" if said else str(error), 600)
        raise call_refusal(f"{backend} fails in Builder: {why}", said=said) from None
    return builder


def _load_plugins(registry: Any, log: Any, request: PlanRequest) -> None:
    for path in request.plugins:
        if registry.load_library(path) is None:
            raise plugin_refusal(request.backend, path, log.errors)


def _described(trt: Any, plan: Any, log: Any, request: PlanRequest, settings: BuildSettings) -> str:
    """What TensorRT says of the layers: in its log, or where that is silent and a driver there, by its inspector."""
    if log.description:
        return str(log.description)
    runtime = trt.Runtime(log)
    _load_plugins(runtime.get_plugin_registry(), log, request)
    if settings.version_compatible:
        runtime.engine_host_code_allowed = True
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        return ""
    inspector = engine.create_engine_inspector()
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def _network_flags(trt: Any, flavour: Flavour) -> int:
    if not flavour.needs_typing_flag:
        return 0
    return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def _parse(trt: Any, network: Any, log: Any, request: PlanRequest) -> None:
    parser = trt.OnnxParser(network, log)
    if parser.parse_from_file(request.model_path):
        return
    if parser.num_errors == 0:
        raise build_refusal(_refused(request, None), log.errors)
    error = parser.get_error(0)
    raise parser_refusal(_refused(request, _parsed(Path(request.model_path), error)), error.desc())


def _parsed(model: Path, error: Any) -> NodeProto:
    """The node that the parser means, which tells no domain; one with a name and an operator alone in a subgraph."""
    from onnx import NodeProto

    name, operator = error.node_name(), error.node_operator()
    nodes = open_model(model).proto.graph.node
    found = (node for node in nodes if node.name == name and node.op_type == operator)
    return next(found, NodeProto(name=name, op_type=operator))


def _maker(model: Path, tensor: str) -> NodeProto | None:
    """The node of a model that makes a tensor, None for what is no tensor of it."""
    nodes = open_model(model).proto.graph.node
    return next((node for node in nodes if tensor and tensor in node.output), None)


def _refused(request: PlanRequest, node: NodeProto | None) -> Refused:
    if node is None:
        return Refused(request.backend, passes=request.passes)
    keep = request.narrowed.get(node.name, "")
    return Refused(
        request.backend, node.name, node.op_type, node.domain, keep=keep, kept=request.kept, passes=request.passes
    )


def _configure(trt: Any, config: Any, request: PlanRequest, settings: BuildSettings) -> None:
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = settings.optimization_level
    if hasattr(trt.BuilderFlag, "TF32"):
        (config.set_flag if request.tf32 else config.clear_flag)(trt.BuilderFlag.TF32)
    if settings.workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_bytes)
    try:
        _set_flags(trt, config, settings)
    except AttributeError as error:  # an early minor version
        raise UsageError(
            f"{request.backend} {trt.__version__} has no {printable(str(error.name), 100)}, which a setting asks for",
            "install a newer version, or leave the setting out",
        ) from None
    if settings.compute_capabilities:
        _aim(trt, config, request.backend, settings.compute_capabilities)


def _set_flags(trt: Any, config: Any, settings: BuildSettings) -> None:
    if settings.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if settings.hardware_compatibility == "ampere_plus":
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    elif settings.hardware_compatibility == "same_compute_capability":
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.SAME_COMPUTE_CAPABILITY
    if settings.refit == "on":
        config.set_flag(trt.BuilderFlag.REFIT)
    elif settings.refit == "identical" or settings.strip:
        config.set_flag(trt.BuilderFlag.REFIT_IDENTICAL)
    if settings.strip:
        config.set_flag(trt.BuilderFlag.STRIP_PLAN)
    if settings.weight_streaming:
        config.set_flag(trt.BuilderFlag.WEIGHT_STREAMING)


def _aim(trt: Any, config: Any, backend: str, capabilities: tuple[int, ...]) -> None:
    if not hasattr(trt, "ComputeCapability"):
        raise UsageError(f"{backend} {trt.__version__} cannot be told the compute_capability to build for")
    names = [f"SM{number}" for number in capabilities]
    known = [name for name in dir(trt.ComputeCapability) if name.startswith("SM")]
    if unknown := [name for name in names if name not in known]:
        numbers = ", ".join(sorted((name.removeprefix("SM") for name in known), key=int))
        raise UsageError(f"{backend} does not build for {unknown[0]}", f"compute_capability can be: {numbers}")
    config.num_compute_capabilities = len(names)
    for position, name in enumerate(names):
        config.set_compute_capability(getattr(trt.ComputeCapability, name), position)


def _add_profiles(builder: Any, network: Any, config: Any, request: PlanRequest) -> None:
    """Optimisation profiles for all inputs whose sizes the network leaves open."""
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    dynamic = [tensor for tensor in inputs if any(size < 0 for size in tensor.shape)]
    if not dynamic:
        return
    for shapes in request.profiles or ({},):
        profile = builder.create_optimization_profile()
        for tensor in dynamic:
            if tensor.name not in shapes:
                shown = printable(tensor.name, 200)
                raise BackendRefusal(
                    f"the input {shown} has open sizes {tuple(tensor.shape)}, and no range is given for them",
                    f"fix them: --shape {shown}=SIZES; or give a range: --min, --opt and --max {shown}=SIZES",
                )
            bounds = shapes[tensor.name]
            profile.set_shape(tensor.name, bounds.min, bounds.opt, bounds.max)
        if config.add_optimization_profile(profile) < 0:
            raise BackendRefusal(f"{request.backend} does not take the range of shapes: {shapes}")


def _shape_inputs(network: Any) -> list[str]:
    """Names of inputs whose values are sizes of others, or are computed into such."""
    inputs = (network.get_input(number) for number in range(network.num_inputs))
    return [tensor.name for tensor in inputs if tensor.is_shape_tensor]


def _timing_cache(config: Any, flavour: Flavour, settings: BuildSettings, request: PlanRequest) -> Path | None:
    """The file of timings that the build may use and add to; None where kernels are not timed."""
    if not (flavour.times_kernels and settings.timing_cache and request.timing_cache_path):
        return None
    path = Path(request.timing_cache_path)
    known = path.read_bytes() if path.is_file() else b""
    for content in (known, b""):  # timings that are damaged, or of another card or version, are started anew
        timings = config.create_timing_cache(content)
        if timings is not None and config.set_timing_cache(timings, ignore_mismatch=False):
            break
    return path


def _keep_timings(config: Any, path: Path | None) -> str | None:
    """Writes the timings back; gives their hash, None where there are none."""
    if path is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        timings = config.get_timing_cache()
    if timings is None:
        return None
    content = bytes(timings.serialize())
    atomic.make_folder(path.parent)
    atomic.write_cached(path, content)
    return hashlib.sha256(content).hexdigest()
