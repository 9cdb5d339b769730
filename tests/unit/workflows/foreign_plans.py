"""Engines that somebody else built: of the made-up TensorRT, and of TensorRT-RTX by its first bytes alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alexnet_bench.backends.protocol import PlanRequest
from alexnet_bench.workflows.resolve import resolve
from tests.unit.workflows import tensorrt_in_process

_HEAD = 64


def write_plan(folder: Path, model: str = "lenet-5", name: str = "foreign.plan") -> Path:
    """An engine without a passport, as `trtexec` leaves it."""
    path = folder / name
    layers, progress = (str(folder / f"{name}.{ending}") for ending in ("layers", "progress"))
    source = str(resolve(model).path)
    tensorrt_in_process.build_plan(PlanRequest("tensorrt", "tensorrt", source, str(path), layers, progress))
    Path(layers).unlink()
    return path


def change(plan: Path, **fields: object) -> Path:
    """Replaces what the engine holds."""
    content = plan.read_bytes()
    plan.write_bytes(content[:_HEAD] + json.dumps(held(plan) | fields).encode())
    return plan


def held(plan: Path) -> dict[str, Any]:
    """What the engine holds."""
    found: dict[str, Any] = json.loads(plan.read_bytes()[_HEAD:])
    return found


def leave_open(plan: Path, ranges: Mapping[str, Sequence[Sequence[Sequence[int]]]]) -> Path:
    """Leaves the first axis of inputs open, with sizes by optimisation profile: the least, the usual, the largest."""
    inputs = {
        name: [[-1, *sizes[1:]] if name in ranges else sizes, dtype]
        for name, (sizes, dtype) in held(plan)["inputs"].items()
    }
    return change(plan, inputs=inputs, ranges=ranges)


def without_metadata(plan: Path) -> Path:
    """As an engine that was built without details: names of layers, and no more."""
    told = json.loads(held(plan)["told"])
    return change(plan, told=json.dumps({"Layers": [layer["Name"] for layer in told["Layers"]], "Bindings": []}))


def rtx_head(path: Path, *, version: Sequence[int] = (1, 7, 1, 116), size: int = 200, told: int | None = None) -> Path:
    """A file that begins as TensorRT-RTX writes engines."""
    head = b"vtrt" + bytes(12) + (size if told is None else told).to_bytes(8, "little") + bytes(version)
    path.write_bytes((head + bytes(4) + b"\x0e").ljust(size, b"\0"))
    return path
