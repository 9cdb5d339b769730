"""`alexnet-bench doctor`: which backends work here."""

from __future__ import annotations

import platform
from pathlib import Path

from alexnet_bench import __version__
from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.ceiling_models import write_triad
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.driver import driver_version, has_driver
from alexnet_bench.backends.protocol import Availability, Backend, LoadRequest, PlanRequest
from alexnet_bench.backends.registry import BACKENDS, RUN_ELSEWHERE, availability, install_hint
from alexnet_bench.core import packages
from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.listings import BackendDiagnosis, Diagnosis
from alexnet_bench.core.machine import cpu_model, usable_cores
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.workspace import cache_dir, current_workspace


def diagnose() -> Diagnosis:
    """This machine, and every backend tried on a small model in a worker."""
    workspace = current_workspace()
    return Diagnosis(
        version=__version__,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=cpu_model(),
        usable_cores=usable_cores(),
        workspace=str(workspace) if workspace else None,
        cache=str(cache_dir()),
        nvidia_driver=_driver(),
        backends=tuple(_try(backend) for backend in BACKENDS),
    )


def _driver() -> str | None:
    if (version := driver_version()) or not has_driver():
        return version
    card = first_card()
    return f"for CUDA {card.cuda}" if card else "finds no device"


def _try(backend: Backend) -> BackendDiagnosis:
    here = availability(backend)
    if here.builds and not here.works:
        return _try_build(backend, here)
    if not here.works:
        return BackendDiagnosis(backend.name, here.version, works=False, detail=here.reason, hint=install_hint(backend))
    try:
        device = _run_small_model(backend.name)
    except AlexnetBenchError as error:
        return BackendDiagnosis(backend.name, here.version, works=False, detail=error.message, hint=error.hint)
    clash = packages.clash(backend.module)
    hint = f"{clash}: {install_hint(backend)}" if clash else ""
    return BackendDiagnosis(backend.name, here.version, works=True, detail=f"ran a small model on {device}", hint=hint)


def _try_build(backend: Backend, here: Availability) -> BackendDiagnosis:
    """A backend that builds engines, and cannot run them here."""
    try:
        with Worker() as worker:
            model = worker.scratch / "model.onnx"
            write_triad(model, 16)
            plan, layers, progress = (str(worker.scratch / name) for name in ("plan", "layers", "progress"))
            worker.build(PlanRequest(backend.name, backend.module, str(model), plan, layers, progress))
    except AlexnetBenchError as error:
        return BackendDiagnosis(backend.name, here.version, works=False, detail=error.message, hint=error.hint)
    detail = f"builds; cannot run: {here.reason}"
    return BackendDiagnosis(backend.name, here.version, works=False, detail=detail, hint=RUN_ELSEWHERE, builds=True)


def _run_small_model(backend: str) -> str:
    import numpy as np

    with ScratchFolder() as folder, Worker() as worker:
        model = Path(folder) / "model.onnx"
        write_triad(model, 16)
        write_arrays(Path(folder), {name: np.ones(16, np.float32) for name in ("a", "b")})
        loaded = worker.load(LoadRequest(backend, str(model), threads=1, engines_dir=""), Path(folder))
        worker.sample(seconds=0.0)
        return loaded.device
