"""Reads models, compiled models and counters out of OpenVINO while layers are timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from alexnet_bench.backends.openvino import record as openvino_record
from alexnet_bench.backends.openvino.record import MARK, Kernel, Record, SourceOp, constant_kernels

ROUNDED_TOGETHER = "DYNAMIC_QUANTIZATION_GROUP_SIZE"
"""The property that is recorded as `Record.rounded_together`."""
_MICROSECOND = timedelta(microseconds=1)


class Recorder:
    """Collects what a layer run leaves behind.

    Args:
        folder: where `finish` writes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = Record([], [], [], [])
        self._positions: dict[str, list[int]] = {}

    def mark(self, model: Any) -> None:
        """Names every operator of a model after its number, so that a compiled node's list of names is unambiguous.

        Names may be missing, equal, look like numbers, or hold the comma that separates them in that list; numbers do
        not. What is inside an operator can come out of it, as of an If whose condition is constant.
        """
        operators = model.get_ordered_ops()
        numbers = {_identity(operator): number for number, operator in enumerate(operators)}
        self._record.source = [
            SourceOp(
                operator.get_type_name(),
                [(numbers[_identity(value.get_node())], value.get_index()) for value in operator.input_values()],
                [sorted(output.names) for output in operator.outputs()],
                [output.get_element_type().get_type_name() for output in operator.outputs()],
                [_sizes(output.get_partial_shape()) for output in operator.outputs()],
            )
            for operator in operators
        ]
        _name_by_number(operators, MARK)

    def compiled(self, compiled_model: Any) -> None:
        """Keeps the nodes of a compiled model."""
        nodes = compiled_model.get_runtime_model().get_ordered_ops()
        nodes.sort(key=lambda node: int(_said(node, "execOrder")))
        numbers = {_identity(node): number for number, node in enumerate(nodes)}
        names = [node.get_friendly_name() for node in nodes]
        pairs = zip(nodes, _unique(names), strict=True)
        self._record.kernels = [_kernel(node, name, numbers) for node, name in pairs]
        self._positions = _positions(names, self._record.kernels)
        self._record.precision = compiled_model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self._record.rounded_together = int(compiled_model.get_property(ROUNDED_TOGETHER))

    def run(self, request: Any) -> None:
        """One forward pass, and the counters after it."""
        start = time.perf_counter()
        request.infer()
        self._record.run_s.append(time.perf_counter() - start)
        averages, told = [0] * len(self._record.kernels), Counter[str]()
        for said in request.get_profiling_info():
            positions = self._positions.get(said.node_name, [])
            if told[said.node_name] < len(positions):
                averages[positions[told[said.node_name]]] = said.real_time // _MICROSECOND
            told[said.node_name] += 1
        self._record.average_us.append(averages)

    def finish(self) -> None:
        """Writes everything."""
        openvino_record.write(self._folder, self._record)


def _name_by_number(operators: Sequence[Any], before: str) -> None:
    """Names operators after their numbers, and those inside of them after both: "#3/7"."""
    for number, operator in enumerate(operators):
        name = f"{before}{number}"
        operator.set_friendly_name(name)
        for body in _bodies(operator):
            _name_by_number(body.get_ordered_ops(), f"{name}/")


def _bodies(operator: Any) -> list[Any]:
    """The models inside an operator: of an If, a Loop, a Scan."""
    if hasattr(operator, "get_then_body"):
        return [operator.get_then_body(), operator.get_else_body()]
    return [operator.get_function()] if hasattr(operator, "get_function") else []


def _kernel(node: Any, name: str, numbers: Mapping[str, int]) -> Kernel:
    """A node under a unique name, which reads others by their numbers."""
    return Kernel(
        name=name,
        kind=_said(node, "layerType"),
        implementation=_said(node, "primitiveType"),
        precision=_said(node, "runtimePrecision"),
        stands_for=[name for name in _said(node, "originalLayersNames").split(",") if name],
        inputs=[(numbers[_identity(value.get_node())], value.get_index()) for value in node.input_values()],
        outputs=[output.get_element_type().get_type_name() for output in node.outputs()],
        sizes=[_sizes(output.get_partial_shape()) for output in node.outputs()],
    )


def _unique(names: Sequence[str]) -> list[str]:
    """Names of which those that come again have a number behind: OpenVINO gives one to several nodes that it adds."""
    found: dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name} {number}"
        found[unique] = None
    return list(found)


def _positions(names: Sequence[str], kernels: Sequence[Kernel]) -> dict[str, list[int]]:
    """By the name that the counters give a node, the numbers of the nodes that have it.

    The counters tell of nodes in execution order, and of none that is computed while loading; alone with its name, a
    node cannot be mistaken for another.
    """
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        found.setdefault(name, []).append(number)
    constant = constant_kernels(kernels)
    return {name: [number for number in same if not constant[number]] or same for name, same in found.items()}


def _sizes(shape: Any) -> list[int] | None:
    return list(shape.to_shape()) if shape.is_static else None


def _said(node: Any, key: str) -> str:
    return str(node.get_rt_info()[key].astype(str))


def _identity(operator: Any) -> str:
    """Names that OpenVINO makes up are unique in a process; friendly names are not."""
    name: str = operator.get_name()
    return name
