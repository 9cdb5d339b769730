"""Which of the model's results each output of a kernel is that several operators were fused into.

OpenVINO says which operators such a kernel stands for, and not at which output the result of each comes out. Those that
read an output know: what they read in the model is it, as far as this kernel makes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import prod

from alexnet_bench.backends.openvino.record import Kernel
from alexnet_bench.backends.openvino.source import Result, Source

_COMMUTATIVE = (
    *("Add", "Multiply", "Maximum", "Minimum", "SquaredDifference", "Equal", "NotEqual"),
    *("LogicalAnd", "LogicalOr", "LogicalXor"),
)
"""Operators of which an optimiser may swap the inputs."""


class Ports:
    """The outputs of the kernels, by number, in terms of the operators of the model.

    Args:
        kernels: in execution order.
        operators: the numbers of those that each names.
        source: the model.
        consumers: the kernels that read each output.
        conversions: of each kernel, whether it leaves what it reads as it was.
    """

    def __init__(
        self,
        kernels: Sequence[Kernel],
        operators: Sequence[Sequence[int]],
        source: Source,
        consumers: Mapping[tuple[int, int], Sequence[int]],
        conversions: Sequence[bool],
    ) -> None:
        self._kernels = kernels
        self._operators = operators
        self._source = source
        self._consumers = consumers
        self._conversions = conversions
        self._named = {operator for named in operators for operator in named}

    def results(self, number: int, made: Sequence[Result]) -> list[tuple[Result, ...]]:
        """Of each output of a kernel, the results that it can be: one where it can be told, none where nobody reads it.

        Args:
            number: of the kernel.
            made: what its operators make.
        """
        outputs = range(len(self._kernels[number].outputs))
        readers = [list(self._readers((number, output))) for output in outputs]
        read = [output for output in outputs if readers[output]]
        fitting = [self._fitting(number, output, made) for output in read]
        many = Counter(reader for group in readers for reader in {reader for reader, _ in group})
        told = [self._told(number, readers[at], many, made, fits) for at, fits in zip(read, fitting, strict=True)]
        last = self._source.last({operator for operator, _ in made})
        possible = [results or fits for results, fits in zip(told, fitting, strict=True)]
        found = _told_apart(possible, {result for result in made if result[0] in last})
        if len(self._operators[number]) < len(self._kernels[number].stands_for):  # it makes more than they do
            found = [found[place] if told[place] else fits for place, fits in enumerate(fitting)]
        results = dict(zip(read, found, strict=True))
        return [tuple(sorted(results.get(output, ()))) for output in outputs]

    def _readers(self, place: Result) -> Iterator[tuple[int, Result]]:
        """The kernels that read an output, with what they read: it, or what conversions made of it."""
        for reader in dict.fromkeys(self._consumers.get(place, ())):
            if self._conversions[reader]:
                yield from self._readers((reader, 0))
            else:
                yield reader, place

    def _told(
        self,
        number: int,
        readers: Sequence[tuple[int, Result]],
        many: Mapping[int, int],
        made: Sequence[Result],
        fitting: set[Result],
    ) -> set[Result]:
        """What an output can be by its size and by its readers, none where they do not say; of those that differ, any.

        They differ where OpenVINO found two results equal.

        Args:
            number: of the kernel.
            readers: of the output, with what each reads.
            many: how many outputs of the kernel each of its readers reads.
            made: what its operators make.
            fitting: what of that has the size of the output.
        """
        said, behind = list[set[Result]](), list[set[Result]]()
        for reader, place in readers:
            operators = self._operators[reader]
            if operators and set(operators).isdisjoint(self._operators[number]):
                read = self._read_at(reader, place) & fitting or self._read_by(reader, made, many[reader]) & fitting
                said += [read] if read else []
                behind += [] if read else [self._source.nearest(operators, made, ()) & fitting]
        said = said or [read for read in behind if len(read) == 1]
        return set.intersection(*said) or set.union(*said) if said else set()

    def _fitting(self, number: int, output: int, made: Sequence[Result]) -> set[Result]:
        """The results of the size of an output; all where none has it."""
        kernel = self._kernels[number]
        sizes = kernel.sizes[output] if output < len(kernel.sizes) else None
        wanted = {result: self._source.sizes(result) for result in made}
        found = {
            result for result, size in wanted.items() if None in (sizes, size) or prod(sizes or ()) == prod(size or ())
        }
        return found or set(made)

    def _read_at(self, reader: int, place: Result) -> set[Result]:
        """What a kernel of one operator reads at one of its inputs, where these are still those of the operator."""
        operators, inputs = self._operators[reader], self._kernels[reader].inputs
        read = self._source.inputs_in_order(operators[0])
        if len(operators) != 1 or len(read) != len(inputs) or self._source.kind(operators[0]) in _COMMUTATIVE:
            return set()
        return {read[index] for index, given in enumerate(inputs) if given == place}

    def _read_by(self, reader: int, made: Sequence[Result], outputs: int) -> set[Result]:
        """The results that a kernel reads; none where it reads more outputs, so that one of them is another thing."""
        read = self._source.nearest(self._operators[reader], made, self._named)
        return read if len(read) >= outputs else set()


def _told_apart(possible: Sequence[set[Result]], last: set[Result]) -> list[set[Result]]:
    """Less for each output: what another one is for certain, and all but a last result that has no other place.

    Args:
        possible: results that each output can be.
        last: those that no other operator of the kernel reads, so that they must come out.
    """
    found = [set(results) for results in possible]
    while True:
        placed = {result for results in found if len(results) == 1 for result in results}
        fewer = [results if len(results) == 1 else results - placed or results for results in found]
        for result in last - placed:
            places = [index for index, results in enumerate(fewer) if result in results]
            if len(places) == 1:
                fewer[places[0]] = {result}
        if fewer == found:
            return found
        found = fewer
