"""Which of the user's tensors each kernel of a compiled OpenVINO model reads and makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from math import prod

from alexnet_bench.backends.openvino.asked import MOVERS, Asked
from alexnet_bench.backends.openvino.fused import is_fused, nodes_between
from alexnet_bench.backends.openvino.moved import made_from, moved_nodes, scaled_products
from alexnet_bench.backends.openvino.ports import Ports
from alexnet_bench.backends.openvino.record import MARK, Kernel, Record, constant_kernels
from alexnet_bench.backends.openvino.source import Result, Source, Value
from alexnet_bench.backends.openvino.unnamed import PRODUCTS, Unnamed, unnamed_products
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph

_OPERATOR = re.compile(rf"{MARK}(\d+)(?:\.(\d+))?")
"""A number, and perhaps one of its outputs, when another operator took its place there."""
_CAST = re.compile(r"Convert_\d+")
"""A change of type that OpenVINO added, whatever kernel carries it out."""
_CONVERSIONS = ("Reorder", "Convert", "Reshape")


class Claims:
    """The kernels of a record, by number.

    Attributes:
        constant: of each, whether what it makes is the same in every run.
        values: what each output stands for, by kernel and output; none where that is no tensor of the user.
        reads: the user's tensors that each reads; behind what stands for none, what that is computed from.
        makes: those that each makes; where it makes none, those that are computed from it.
        named: those that the operators make which each names and computes, the last of them and those on the way.
        inner: those that it computes besides, in place of what its operators make.
    """

    def __init__(self, record: Record, graph: Graph, costs: CostTable) -> None:
        self._kernels = record.kernels
        self._source = Source(record.source, graph)
        self._operators = [operators_of(kernel) for kernel in record.kernels]
        self.constant = constant_kernels(record.kernels)
        self._consumers = self._find_consumers()
        numbers = [[operator for operator, _ in operators] for operators in self._operators]
        conversions = [self._is_conversion(number) for number in range(len(self._kernels))]
        self._ports = Ports(self._kernels, numbers, self._source, self._consumers, conversions)
        self._products = {row.name for row in costs.rows if row.macs is None or row.is_product}
        self._producer = graph.producers
        self.values = {
            (number, output): value
            for number in range(len(self._kernels))
            for output, value in enumerate(self._named_values(number))
            if value is not None
        }
        self._hand_on()
        self._add_unnamed(graph)
        self._add_moved(graph)
        own = [self._own(number) for number in range(len(self._kernels))]
        self.makes = self._find_makes(own)
        strangers = [number for number in range(len(own)) if self._is_stranger(number)]
        for number, moved in moved_nodes(self._kernels, graph, self.makes, strangers).items():
            self.makes[number] = moved
        self.inner = self._find_inner(graph)
        self.named = [self._named(number) for number in range(len(own))]
        scales = scaled_products(self._kernels, graph, self.named, self.makes, strangers)
        for number, (product, scaled, inside) in scales.items():
            self._scale(number, product, scaled, inside)
        self.reads = self._find_reads()

    def is_overhead(self, number: int) -> bool:
        """Whether the plugin added a kernel to change a layout or a type, or for constants."""
        made, read = set(self.makes[number]), set(self.reads[number])
        return self.constant[number] or self._is_conversion(number) or (bool(made) and made <= read)

    def step_sizes(self, number: int, graph: Graph) -> tuple[int, ...] | None:
        """Of what a kernel writes, where it is only on the way to the tensor that it makes, and of another size."""
        kernel, value = self._kernels[number], self.values.get((number, 0))
        sizes = kernel.sizes[0] if len(kernel.sizes) == 1 else None
        if sizes is None or len(self.makes[number]) != 1 or (value is not None and value.is_whole):
            return None
        return None if graph.tensor(self.makes[number][0]).elements in (None, prod(sizes)) else tuple(sizes)

    def _scale(self, number: int, product: int, scaled: str, inside: str) -> None:
        """A kernel that scales an operand of a product makes what is scaled, and the product what is inside of that."""
        self.makes[number] = (scaled,)
        self.named[product] = self.named[product] - {scaled} | {inside}
        if self.makes[product] == (scaled,):
            self.makes[product] = (inside,)
        elif self.makes[product] == (inside,):
            self.values[product, 0] = Value((scaled,))
            self.inner[product] = tuple(name for name in self.inner[product] if name != scaled)
        else:
            self.inner[product] = (*self.inner[product], inside)

    def _is_stranger(self, number: int) -> bool:
        return not (self._operators[number] or self.constant[number] or self._is_conversion(number))

    def _is_conversion(self, number: int) -> bool:
        kernel = self._kernels[number]
        is_cast = bool(kernel.stands_for) and all(map(_CAST.fullmatch, kernel.stands_for))
        return is_cast or (kernel.kind in _CONVERSIONS and not self._operators[number])

    def _find_consumers(self) -> dict[tuple[int, int], list[int]]:
        """The kernels that read each output."""
        consumers: dict[tuple[int, int], list[int]] = {}
        for number, kernel in enumerate(self._kernels):
            for source in kernel.inputs:
                consumers.setdefault(source, []).append(number)
        return consumers

    def _hand_on(self) -> None:
        """What the outputs of conversions stand for: these leave what they read as it was."""
        for number, kernel in enumerate(self._kernels):
            given = [self.values[source] for source in kernel.inputs if source in self.values]
            if given and self._is_conversion(number):
                for output in range(len(kernel.outputs)):
                    self.values.setdefault((number, output), given[0])

    def _add_unnamed(self, graph: Graph) -> None:
        """What kernels make that multiply, and whose name went with a change of shape."""
        unnamed = {
            number: Unnamed(kernel, self._tensors_before(number), self._tensors_behind(number))
            for number, kernel in enumerate(self._kernels)
            if kernel.kind in PRODUCTS and self._is_stranger(number) and (number, 0) not in self.values
        }
        for number, tensor in unnamed_products(graph, self._products, self._computed(), unnamed).items():
            self.values[number, 0] = Value((tensor,))
        self._hand_on()

    def _add_moved(self, graph: Graph) -> None:
        """What the outputs of kernels stand for that name nothing, and move what the user wants moved."""
        asked = Asked(graph, self._products, self._computed())
        for number, kernel in enumerate(self._kernels):
            if kernel.kind in MOVERS and self._is_stranger(number):
                read = self._tensors_before(number)
                for place in ((number, output) for output in range(len(kernel.outputs))):
                    moved = asked.moved(self._wanted_of(place), read)
                    if moved:
                        self.values[place] = Value(moved)
        self._hand_on()

    def _computed(self) -> set[str]:
        """The tensors that outputs of kernels are."""
        return {tensor for value in self.values.values() if value.is_whole for tensor in value.tensors}

    def _find_inner(self, graph: Graph) -> list[tuple[str, ...]]:
        """What kernels compute in place of what they are known to make, told by what is read in place of that."""
        inner: list[tuple[str, ...]] = [()] * len(self._kernels)
        done = graph.fixed.union(self._computed(), *self.makes)
        for number, kernel in enumerate(self._kernels):
            operators = [operator for operator, _ in self._operators[number]]
            wanted = self._source.tensors_read(operators) if operators else ()
            missing = [tensor for tensor in wanted if tensor not in done]
            for source in kernel.inputs if missing else ():
                given = self.values[source].tensors if source in self.values else ()
                maker = self._maker(source)
                names = self._made_up(maker) if maker is not None and set(given).isdisjoint(wanted) else []
                if maker is not None and names:
                    found = (name for name in missing if is_fused(graph, self._products, name, given, done, names))
                    inner[maker] = (*inner[maker], *found)
        for maker, output in self._unmade_outputs(graph, done):
            inner[maker] = (*inner[maker], output)
        return inner

    def _unmade_outputs(self, graph: Graph, done: AbstractSet[str]) -> Iterator[tuple[int, str]]:
        """The kernels that compute an output of the graph which none names, and that output.

        What changes the order of the axes before an output, and undoes a layout by that, has no kernel: the kernel in
        front writes its result as the user wants it.
        """
        made = {tensor for number, names in enumerate(self.makes) if not self._ends(number) for tensor in names}
        for number in filter(self._ends, range(len(self._kernels))):
            place = self._kernels[number].inputs[0]
            while self._is_conversion(place[0]) and self._kernels[place[0]].inputs:
                place = self._kernels[place[0]].inputs[0]
            given = self.values[place].tensors if place in self.values else ()
            for output in self._named(number) - made:
                if nodes_between(graph, self._products, output, given, done - {output}):
                    yield place[0], output

    def _ends(self, number: int) -> bool:
        return self._kernels[number].kind == "Output"

    def _named(self, number: int) -> set[str]:
        """The user's tensors that are made by the operators which a kernel names."""
        values = (self._source.value(operator, port or 0) for operator, port in self._operators[number])
        return {tensor for value in values if value is not None and value.is_whole for tensor in value.tensors}

    def _maker(self, place: tuple[int, int]) -> int | None:
        """The kernel that computes an output, changes of layout left out; None where others read it on the way."""
        number = place[0]
        while len(self._consumers.get(place, ())) == 1:
            if not (self._is_conversion(number) or self._kernels[number].kind in (*MOVERS, "Reshape")):
                return number
            fed = [source for source in self._kernels[number].inputs if not self.constant[source[0]]]
            if len(fed) != 1:
                return None
            place, number = fed[0], fed[0][0]
        return None

    def _made_up(self, number: int) -> list[str]:
        """The names of a kernel that are not in the model."""
        return [
            name
            for name in self._kernels[number].stands_for
            if not (_OPERATOR.fullmatch(name) or _CAST.fullmatch(name))
        ]

    def _tensors_before(self, number: int) -> set[str]:
        """The nearest tensors that a kernel is computed from."""
        found: set[str] = set()
        for source in self._kernels[number].inputs:
            if source in self.values:
                found.update(self.values[source].tensors)
            elif not self.constant[source[0]]:
                found |= self._tensors_before(source[0])
        return found

    def _tensors_behind(self, number: int) -> set[str]:
        """The nearest tensors that are computed from what a kernel makes."""
        found: set[str] = set()
        pending, seen = [number], {number}
        while pending:
            number = pending.pop()
            for place in ((number, output) for output in range(len(self._kernels[number].outputs))):
                found.update(self.values[place].tensors if place in self.values else ())
                readers = [] if place in self.values else self._consumers.get(place, ())
                pending += [reader for reader in readers if reader not in seen]
                seen.update(readers)
        return found

    def _wanted_of(self, place: tuple[int, int]) -> list[str]:
        """What those that read an output read in the model, and get from no other kernel that names it."""
        wanted: dict[str, None] = {}
        for reader in self._consumers.get(place, ()):
            if self._is_conversion(reader):
                wanted |= dict.fromkeys(self._wanted_of((reader, 0)))
            elif self._operators[reader]:
                wanted |= dict.fromkeys(self._source.tensors_read([number for number, _ in self._operators[reader]]))
        return list(wanted)

    def _named_values(self, number: int) -> list[Value | None]:
        """What each output of a kernel stands for by the operators that it names."""
        operators, outputs = self._operators[number], len(self._kernels[number].outputs)
        last = self._source.last(operator for operator, _ in operators)
        if len(last) == 1 and outputs <= max(1, self._source.outputs(last[0])):
            only = next((port for operator, port in operators if operator == last[0]), None)
            return [self._source.value(last[0], output if only is None else only) for output in range(outputs)]
        numbers = last if outputs == 1 else dict.fromkeys(operator for operator, _ in operators)
        made = [(operator, port) for operator in numbers for port in range(self._source.outputs(operator))]
        return [self._joint(results) for results in self._ports.results(number, made)] if made else []

    def _joint(self, results: Iterable[Result]) -> Value | None:
        """What an output stands for that is one of several results."""
        values = [value for result in results if (value := self._source.value(*result)) is not None]
        values = [value for value in values if value.is_whole] or values
        tensors = dict.fromkeys(tensor for value in values for tensor in value.tensors)
        return Value(tuple(tensors), all(value.is_whole for value in values)) if tensors else None

    def _own(self, number: int) -> list[Value]:
        outputs = range(len(self._kernels[number].outputs))
        return [self.values[number, output] for output in outputs if (number, output) in self.values]

    def _find_makes(self, own: list[list[Value]]) -> list[tuple[str, ...]]:
        ahead: list[dict[str, None]] = [{} for _ in self._kernels]
        makes: list[tuple[str, ...]] = []
        for number in reversed(range(len(self._kernels))):
            made = tuple(dict.fromkeys(tensor for value in own[number] for tensor in value.tensors) or ahead[number])
            makes.append(made)
            for source, output in self._kernels[number].inputs:
                if (source, output) not in self.values:
                    ahead[source] |= dict.fromkeys(self._served(made, source) if len(made) > 1 else made)
        return makes[::-1]

    def _served(self, made: Sequence[str], number: int) -> Sequence[str]:
        """Of what a kernel makes, what a kernel before it is part of."""
        return made if self.constant[number] else made_from(self._producer, self._tensors_before(number), made)

    def _find_reads(self) -> list[tuple[str, ...]]:
        reads: list[tuple[str, ...]] = []
        for number, kernel in enumerate(self._kernels):
            made = self.named[number].union(self.makes[number])
            asked = {read for name in made if name in self._producer for read in self._producer[name].reads}
            found: dict[str, None] = {}
            for source in kernel.inputs:
                value = self.values.get(source)
                if self.constant[source[0]]:
                    continue
                is_own_step = value is not None and not value.is_whole and not made.isdisjoint(value.tensors)
                if value is None or is_own_step:
                    found |= dict.fromkeys(reads[source[0]])
                else:
                    found |= dict.fromkeys([name for name in value.tensors if name in asked] or value.tensors)
            reads.append(tuple(found))
        return reads


def operators_of(kernel: Kernel) -> list[tuple[int, int | None]]:
    """The operators of the model that a kernel names, each with the one output that it stands for, if it says so."""
    found = filter(None, map(_OPERATOR.fullmatch, kernel.stands_for))
    return [(int(match[1]), None if match[2] is None else int(match[2])) for match in found]
