"""The bytes of the engine that is to be run: a plan as it lies there, or one that is built from an ONNX file first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.protocol import NAMED_MODEL, Backend, LoadRequest, PlanRequest, ShapeBounds
from alexnet_bench.backends.tensorrt.build import build_plan
from alexnet_bench.backends.tensorrt.plan_header import check_plan
from alexnet_bench.core.scratch import ScratchFolder

_MODEL_SUFFIX = ".onnx"


@dataclass(frozen=True)
class Plan:
    """An engine.

    Attributes:
        content: as TensorRT reads it.
        layers: its description of them from the build, "" where the loaded engine has to be asked.
    """

    content: bytes
    layers: str = ""


def read_plan(
    request: LoadRequest, backend: Backend, version: str, capability: int, settings: Mapping[str, str], *, tf32: bool
) -> Plan:
    """The engine of a request.

    Small models (of `doctor` and `ceilings`) come as ONNX files, and are built in the types of their graph.

    Args:
        request: to load.
        backend: that is to run it.
        version: of its library.
        capability: of the card, 89 for 8.9.
        settings: of the build.
        tf32: whether float32 products may round in a build.

    Raises:
        EngineError: the plan is damaged, or of another flavour, version or card.
        BackendRefusal: TensorRT does not take the model.
    """
    path = Path(request.model_path)
    if path.suffix != _MODEL_SUFFIX:
        check_plan(path, backend.name, version, capability)
        return Plan(path.read_bytes())
    named = Path(request.layers_dir or path.parent) / NAMED_MODEL
    with ScratchFolder() as scratch:
        plan, layers, progress = (Path(scratch) / name for name in ("engine.plan", "layers.txt", "progress.txt"))
        build_plan(
            PlanRequest(
                backend.name,
                backend.module,
                str(named if request.layers_dir and named.is_file() else path),
                str(plan),
                str(layers),
                str(progress),
                tf32=tf32,
                settings=dict(settings),
                profiles=({name: ShapeBounds(sizes, sizes, sizes) for name, sizes in request.shapes.items()},),
                plugins=request.plugins,
            )
        )
        return Plan(plan.read_bytes(), layers.read_text(encoding="utf-8"))
