"""Why TensorRT does not take a model: its errors as one message that names the node, with a pass that would help."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import keeping, printable

_PASS_FOR_OP = {"LRN": "lower-lrn", "BatchNormalization": "fold-batchnorm"}
"""Passes that take an operator away."""
_PASS_FOR_REASON = (
    (
        re.compile(r"(?<![\w./:])(constants?|initiali[sz]ers?|weights|is_weights)(?![\w/:]|\.\w)", re.IGNORECASE),
        "fold-constants",
    ),
    (re.compile("FP32 (GEMM|convolution)|Turing", re.IGNORECASE), "fp16"),
)
"""Passes that take away what a reason speaks of. On Turing, TensorRT-RTX multiplies no matrices of float32."""
_BIAS_HINT = (
    "leave biases in float32: an int32 bias behind DequantizeLinear is refused (quantizers: QuantizeBias=False)"
)
_DRIVER_HINT = (
    "this build asks for an NVIDIA driver: engines to be refitted do (settings refit and strip of TensorRT-RTX 1.7.1); "
    "leave them out, or build where there is one"
)
_WORKSPACE_HINT = "give it more scratch memory: raise the setting workspace, or leave it out"
_ATTENTION_HINT = "it has kernels of attention for 16 bits: build it with --precision fp16 or bf16"
_NO_PLUGINS_HINT = (
    "TensorRT-RTX takes operators from libraries of plugins since 1.7 (--plugins FILE): pip install -U tensorrt-rtx; "
    "or build it for another backend"
)
_SHAPE_INPUTS = re.compile("dynamic or shape inputs")
_HINT_FOR_REASON = (
    (re.compile("input has type Int32"), _BIAS_HINT),
    (re.compile("CUDA_SUCCESS"), _DRIVER_HINT),
    (re.compile("workspace limit", re.IGNORECASE), _WORKSPACE_HINT),
    (re.compile("Attention operation was not supported"), _ATTENTION_HINT),
    (re.compile(r"Op type \S+ is not supported in TensorRT-RTX"), _NO_PLUGINS_HINT),
)
_NOISE = re.compile(r"Cuda Runtime|Invalid Node|^\W*$")
_ASSERTED = re.compile(r'^.* && "(.+)"$')
"""A condition of the parser's source that did not hold, with its text for the user."""
_DUMPED = re.compile(r"\bfor operation: *\d+: \w+: (?P<made>\S.*?)(?:_before_bias)?-[( ]")
"""What Myelin tells of an operation, in front of all its tensors with their numbers; a bias is added by another one."""
_SAYS_NOTHING = ("false", "")
_UNKNOWN = re.compile("^(false)?$|Plugin not found|[Nn]o importer|no such operator")


@dataclass(frozen=True)
class Refused:
    """What is refused, and what was done to it before.

    Attributes:
        backend: that refuses it.
        node: its name, "" where it is not known.
        operator: of the node.
        domain: of the operator, "" for ONNX's own.
        keep: the user's node that a pass made this one of in a type of 16 bits, "" where none did.
        kept: what `--keep-fp32` was given already.
        passes: that the model is from.
    """

    backend: str
    node: str = ""
    operator: str = ""
    domain: str = ""
    keep: str = ""
    kept: Sequence[str] = ()
    passes: Collection[str] = ()

    def __str__(self) -> str:
        whole = f"{self.domain}.{self.operator}" if self.domain else self.operator
        return f"node {printable(self.node, 200)} ({printable(whole, 200)})"


def parser_refusal(refused: Refused, said: str) -> BackendRefusal:
    """The refusal of a node by the parser, from its description, of one or several lines."""
    reason = _reason(said)
    why = "it has no such operator" if reason in _SAYS_NOTHING else printable(reason, 400)
    is_unknown = bool(_UNKNOWN.search(reason))
    return BackendRefusal(
        f"{refused.backend} does not take {refused}: {why}", _hint(refused, reason, is_unknown=is_unknown)
    )


def build_refusal(refused: Refused, errors: Sequence[str], shape_inputs: Sequence[str] = ()) -> BackendRefusal:
    """The refusal of a network by the builder, which says why in its log alone.

    Args:
        refused: with the node, where the log tells it.
        errors: of its log.
        shape_inputs: names of inputs whose values decide on sizes within the network.
    """
    said = _first_reason(errors)
    dumped = _DUMPED.search(said)
    said = f"{said[: dumped.end('made')]} ..." if dumped else said
    hint = _shape_input_hint(shape_inputs) if _SHAPE_INPUTS.search(said) else _hint(refused, said)
    what = str(refused) if refused.node else "this model"
    return BackendRefusal(f"{refused.backend} cannot build {what}: {printable(said, 600)}", hint)


def refused_tensor(errors: Sequence[str]) -> str:
    """The tensor that the operation makes which the builder stumbles over, "" where its log does not tell."""
    dumped = _DUMPED.search(_first_reason(errors))
    return dumped["made"] if dumped else ""


def plugin_refusal(backend: str, path: str, errors: Sequence[str]) -> BackendRefusal:
    """The refusal of a library of plugins."""
    said = _first_reason(errors)
    return BackendRefusal(
        f"{backend} does not load the plugin library {printable(path, 200)}: {printable(said, 400)}",
        "give a library with getCreators or getPluginCreators, built for this version of TensorRT",
    )


def _shape_input_hint(names: Sequence[str]) -> str:
    if not names:
        return "an input that holds a shape cannot be given a range of values: make it a constant of the model"
    shown = " and ".join(printable(name, 200) for name in names)
    inputs, made = ("input", "it a constant") if len(names) == 1 else ("inputs", "them constants")
    return (
        f"the values of {inputs} {shown} decide on sizes within the model, and cannot be given a range: "
        f"make {made} of the model"
    )


def _first_reason(errors: Sequence[str]) -> str:
    return next((line for line in map(_reason, errors) if line), "it says no reason")


def _reason(said: str) -> str:
    """What a message of several lines says, on one: the first tells where, and often the last of them why."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not _NOISE.search(line)]
    return " ".join(dict.fromkeys(_ASSERTED.sub(r"\1", line) for line in lines))


def _hint(refused: Refused, reason: str, *, is_unknown: bool = False) -> str:
    known = next((hint for when, hint in _HINT_FOR_REASON if when.search(reason)), "")
    if known:
        return known
    helps = _PASS_FOR_OP.get(refused.operator) or _first_pass(reason)
    if helps == "fp16" and helps not in refused.passes:
        return "build it with --precision fp16, or for newer cards alone (setting compute_capability)"
    if helps and helps not in refused.passes:
        return f"the pass {helps} may help: build-engine --pass {helps}"
    if is_unknown:
        return "a library of plugins may have this operator: --plugins FILE; or build it for another backend"
    if refused.keep:
        options = keeping((*refused.kept, refused.keep))
        return f"it may be taken in float32: build-engine {options}; or build it for another backend"
    return "build it for another backend: alexnet-bench doctor lists them"


def _first_pass(reason: str) -> str:
    return next((name for when, name in _PASS_FOR_REASON if when.search(reason)), "")
