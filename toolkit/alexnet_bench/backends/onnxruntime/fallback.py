"""Nodes that ONNX Runtime gave to another provider than the one asked for: never in silence.

A session says at once which provider has which node (from onnxruntime 1.24 on). What a trace says comes later and tells
more: types and sizes, so that shapes and what is computed from them, which belong on the CPU, can be told from
arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from alexnet_bench.backends.onnxruntime.trace import Event, kernel_name, read_events
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.graph import is_float
from alexnet_bench.core.text import plural, printable

RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
"""The entry of a session's configuration without which it does not say who has which node."""
_PROVIDER_SUFFIX = "ExecutionProvider"
_SHOWN = 5
_FEW = 64
"""Elements. ONNX Runtime keeps on the CPU what it computes from sizes, floats among it (the square root of a size that
attention divides by), as a launch would take longer (GetCpuPreferredNodes in fallback_cpu_capability.cc)."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """A node that another provider runs.

    Attributes:
        node: its name, "" where it has none.
        op: its operator, "" where that is not known.
        provider: that runs it, as onnxruntime calls it.
    """

    node: str
    op: str
    provider: str


def left_by(session: Any, provider: str) -> list[Fallen]:
    """The nodes that a session gave to other providers, of those that were left after constants were folded.

    Raises:
        BackendRefusal: this release does not say.
    """
    import onnxruntime as ort

    assigned = getattr(session, "get_provider_graph_assignment_info", None)
    if assigned is None:
        raise BackendRefusal(
            f"onnxruntime {ort.__version__} does not say which nodes it leaves to other providers",
            "pip install --upgrade onnxruntime-gpu: 1.24 and later do",
        )
    return [
        Fallen(node.name, node.op_type, part.ep_name)
        for part in assigned()
        if part.ep_name != provider
        for node in part.get_nodes()
    ]


def floats_on(provider: str, folder: Path) -> list[Fallen]:
    """The kernels in a trace that ran on a provider and made floating-point numbers, from more than a few or more.

    Args:
        provider: as onnxruntime calls it.
        folder: where the session left its trace.

    Raises:
        BackendCrash: there is no trace, or it is damaged.
    """
    fallen = (
        Fallen(kernel_name(event), event.args.op_name, provider)
        for event in read_events(folder)
        if event.args.provider == provider and _makes_floats(event)
    )
    return list({item.node: item for item in fallen}.values())


def refusal(fallen: Sequence[Fallen], place: str, hint: str) -> BackendRefusal:
    """The error that names them.

    Args:
        fallen: at least one.
        place: where all nodes should have run, such as "the GPU".
        hint: what to do about it.
    """
    names = ", ".join(
        f"{printable(item.node) or 'a node without a name'} ({printable(item.op)})" for item in fallen[:_SHOWN]
    )
    more = f" and {len(fallen) - _SHOWN:,} more" if len(fallen) > _SHOWN else ""
    others = " and ".join(dict.fromkeys(item.provider.removesuffix(_PROVIDER_SUFFIX) for item in fallen))
    return BackendRefusal(
        f"onnxruntime runs {plural(len(fallen), 'layer')} on {_the(others)}, not on {place}: {names}{more}", hint
    )


def _the(provider: str) -> str:
    return f"the {provider}" if provider == "CPU" else printable(provider)


def _makes_floats(event: Event) -> bool:
    """Whether it makes floating-point numbers, and does not read and write a few elements alone."""
    tensors = (*event.args.inputs, *event.args.outputs)
    return any(map(is_float, event.args.output_dtypes)) and any(prod(sizes) > _FEW for _, sizes in tensors)
