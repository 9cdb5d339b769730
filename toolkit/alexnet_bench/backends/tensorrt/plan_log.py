"""The layers of an engine as TensorRT describes them at the end of a verbose build.

One line for each layer: `Name: ..., LayerType: ..., Inputs: [...], ..., Metadata: [ONNX Layer: a][ONNX Layer: b]`, the
nodes of the metadata with 0x1E or 0x1F between them. Layers that TensorRT's compiler made list their `Constants`, but
for TensorRT 10; all others have the parameters of their kind, with the count of weights, and `TacticName` only where
there is one. A name
with a line break goes on in the next line, as it is. Seen in TensorRT-RTX 1.7.1, whose own logger writes
`[11/21/2026-06:59:22] [TRT] [V] ` before the first. Where the log does not list them, the engine inspector is asked for
its JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info, said_dtype
from alexnet_bench.backends.tensorrt.plan_tensors import (
    LayerInfo,
    PlanLayer,
    PlanTensor,
    node_names,
    with_told_constants,
)
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.text import printable

FIRST_LINE = "Layers:"
"""What the message begins with that describes the engine."""
_LAYER = re.compile(
    r"Name: (?P<name>.*?), LayerType: (?P<type>\w*), Inputs: \[(?P<inputs>.*?)\], "
    r"(?:Constants: \[(?P<constants>.*?)\], )?Outputs: \[(?P<outputs>| \{ .*? \})\], (?P<parameters>.*?)"
    r"(?:TacticName: (?P<tactic>.*?), (?:TacticValue: \w*, )?)?(?P<last>StreamId: -?\d+.*?), "
    r"Metadata: ?(?P<metadata>[^\n]*|\[.*\])",
    re.DOTALL,
)
_TENSOR = re.compile(
    r"\{ Name: (?P<name>.*?), (?:Location: \w+, )?Dimensions: \[(?P<dims>[-\d,]*)\],.*?Datatype: (?P<type>[^,}]+)",
    re.DOTALL,
)
_HELD = re.compile(r'(?:Weights|Bias): \{"Type": "(?P<type>\w+)", "Count": (?P<count>\d+)\}')
"""What a convolution says of its constants."""
_JUMP = re.compile(r", JumpTarget(?:Then|Else)?: ")
"""What stands at the end of a loop, and before and after a branch: names, or `<EXIT>`."""
_BINDING = re.compile(
    r"^ Name: (?P<name>(?:(?!\n Name: ).)*?), IOMode: (?P<mode>Input|Output), (?P<rest>[^\n]*)",
    re.DOTALL | re.MULTILINE,
)
"""Under `I/O Tensors:`; under `Bindings:` there are names alone, one on a line."""
_OF_BINDING = re.compile(r"DataType: (?P<type>\w+), Dimensions: \[(?P<dims>[-\d,]*)\]")
_TAKEN = re.compile(r"MinShape: \[(?P<min>[\d,]*)\], OptShape: \[(?P<opt>[\d,]*)\], MaxShape: \[(?P<max>[\d,]*)\]")
"""The sizes of an input in an optimisation profile."""
_BEGIN = re.compile(rf"^(?:.* )?{FIRST_LINE}$", re.MULTILINE)
_END = re.compile(r"\n[^\S\n]*\n(?:I/O Tensors|Bindings):")
"""What stands below the layers of every log: `Bindings:` up to TensorRT 10, `I/O Tensors:` of 11 and TensorRT-RTX."""
_BUILT_FOR = re.compile(
    r"Input build shape(?: \(profile (?P<profile>\d+)\))?: (?P<name>.+)="
    r"(?P<min>\d[\dx]*)\+(?P<opt>\d[\dx]*)\+(?P<max>\d[\dx]*)\s*$",
    re.MULTILINE,
)
"""trtexec writes its options first: the sizes of each input in each optimisation profile, whose number 8.x left out."""
_OURS = "the engine is not at fault, but this tool, which does not know that line: report it with TensorRT's version"
_NEXT = re.compile(r"\n(?=Name: )")


def read_plan_layers(text: str) -> tuple[PlanLayer, ...]:
    """The layers of an engine that was built with all details, in execution order.

    Args:
        text: the description, from `FIRST_LINE` on; or the inspector's JSON.

    Raises:
        BackendCrash: it is not written as expected, so that layers would be missing; or there are none.
    """
    layers = read_description(text).layers
    if not layers:
        raise BackendCrash("TensorRT does not describe the layers of the engine that it built")
    return layers


def read_description(text: str) -> LayerInfo:
    """What the inspector says of an engine, which may list no layers; or its description at the end of a build.

    Raises:
        BackendCrash: it is not written as expected, so that layers would be missing.
    """
    try:
        if text.lstrip().startswith("{"):
            return parse_layer_info(json.loads(text, strict=False))
        return parse_layer_log(text)
    except (ValueError, RecursionError) as error:
        raise BackendCrash(
            f"TensorRT describes the layers in an unknown form: {printable(str(error), 200)}", _OURS
        ) from None


def parse_layer_log(text: str) -> LayerInfo:
    """The layers that a verbose log lists, whatever stands before and after them.

    Raises:
        ValueError: it lists none, or one in another form, or its list has no end.
    """
    begin = _BEGIN.search(text)
    if begin is None:
        raise ValueError(f"there is no line {FIRST_LINE!r}")
    end = _END.search(text, begin.end())
    if end is None:
        raise ValueError("its list of layers has no end, neither 'I/O Tensors:' nor 'Bindings:': it is cut short")
    listed = text[begin.end() : end.start()].strip("\n")
    if not listed:
        raise ValueError(f"nothing follows the line {FIRST_LINE!r}")
    layers = tuple(map(_layer, _NEXT.split(listed)))
    ends = list(_BINDING.finditer(text, end.end()))
    told = {item["name"]: item for item in ends if item["mode"] == "Input"}
    taken = {name: tuple(map(_bounds, _TAKEN.finditer(item["rest"]))) for name, item in told.items()}
    info = LayerInfo(
        layers,
        tuple(item["name"] for item in ends) or _named_below(text[end.end() :], layers),
        tuple(_input(name, found) for name, item in told.items() if (found := _OF_BINDING.match(item["rest"]))),
        _asked_for(text[: begin.start()]) | {name: ranges for name, ranges in taken.items() if ranges},
    )
    return with_told_constants(info)


def _named_below(below: str, layers: Sequence[PlanLayer]) -> tuple[str, ...]:
    """The inputs and outputs of the engine, where only their names stand below its layers."""
    known = {tensor.name for layer in layers for tensor in (*layer.inputs, *layer.outputs)}
    return tuple(dict.fromkeys(line for line in below.splitlines() if line in known))


def _asked_for(above: str) -> dict[str, tuple[ShapeBounds, ...]]:
    """The sizes that trtexec was asked for, by input and profile; of a profile, what is said first."""
    found: dict[str, dict[int, ShapeBounds]] = {}
    for match in _BUILT_FOR.finditer(above):
        found.setdefault(match["name"], {}).setdefault(int(match["profile"] or 0), _bounds(match))
    return {
        name: tuple(of_input.values()) for name, of_input in found.items() if [*of_input] == [*range(len(of_input))]
    }


def _input(name: str, told: re.Match[str]) -> PlanTensor:
    return PlanTensor(name, said_dtype(told["type"]), _sizes(told["dims"]))


def _bounds(told: re.Match[str]) -> ShapeBounds:
    least, usual, most = (_sizes(told[end]) for end in ("min", "opt", "max"))
    return ShapeBounds(least, usual, most)


def _sizes(written: str) -> tuple[int, ...]:
    return tuple(int(size) for size in re.split("[x,]", written) if size)


def _layer(entry: str) -> PlanLayer:
    match = _LAYER.fullmatch(entry)
    if match is None:
        raise ValueError(repr(entry[:180]))
    held = tuple(_held(match["parameters"]))
    return PlanLayer(
        match["name"],
        match["type"],
        _tensors(match["inputs"]),
        (*held, *_tensors(match["constants"] or "")),
        _tensors(match["outputs"]),
        match["tactic"] or "",
        node_names(match["metadata"]),
        tuple(_JUMP.split(match["last"])[1:]),
        tells_constants=bool(held) or match["constants"] is not None,
    )


def _held(parameters: str) -> Iterator[PlanTensor]:
    return (PlanTensor("", said_dtype(match["type"]), (int(match["count"]),)) for match in _HELD.finditer(parameters))


def _tensors(text: str) -> tuple[PlanTensor, ...]:
    return tuple(
        PlanTensor(match["name"], said_dtype(match["type"]), _sizes(match["dims"])) for match in _TENSOR.finditer(text)
    )
