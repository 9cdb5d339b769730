"""Whether the layers of an engine compute in the types that were asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from alexnet_bench.core.errors import PrecisionError
from alexnet_bench.core.passport import EngineLayerInfo
from alexnet_bench.core.text import keeping, plural, printable, typed

COMPUTED_IN: Mapping[str, str] = {"fp32": "float32", "tf32": "tf32", "fp16": "float16", "bf16": "bfloat16"}
"""The type of arithmetic that a precision asks for, by the names that backends report."""
_BYTES = ("int8", "uint8")
_WIDE = "float64"
_MOST_NAMED = 12
_MOST_KEPT = 4
_FROM_OPSET = re.compile(r" before opset (\d+)$")
"""How a reason ends that a newer opset takes away."""


@dataclass(frozen=True)
class Asked:
    """The types that layers with multiply-adds are to compute in.

    Attributes:
        precision: that was asked for; "" asks for nothing.
        is_quantised: the user's model multiplies bytes, which no other precision takes away.
        kept_fp32: the user's nodes that were to stay in float32.
        unable: those whose type no pass could change, each with the reason.
        products: those with multiply-adds, the largest first; one that was not kept is not excused by what it is fused
            with.
        wide: those of them that multiply float64 in the user's model; where float32 is asked for, they may stay so.
        can_keep: whether nodes can be told to stay in float32 here.
        given: what `--keep-fp32` was given already, nodes or operators.
        lacks: the pass without which no type changes here, as the backend follows those of the graph; "" for none.
    """

    precision: str
    is_quantised: bool = False
    kept_fp32: Collection[str] = ()
    unable: Mapping[str, str] = field(default_factory=dict)
    products: Sequence[str] = ()
    wide: Collection[str] = ()
    can_keep: bool = False
    given: Sequence[str] = ()
    lacks: str = ""

    def allows(self, layer: EngineLayerInfo) -> bool:
        """Whether a layer may compute in its type."""
        dtype, nodes = layer.compute_dtype, set(_nodes(layer))
        if dtype == COMPUTED_IN[self.precision] or (self.is_quantised and dtype in _BYTES):
            return True
        if dtype == _WIDE and self.precision == "fp32":
            return not nodes.isdisjoint(self.wide)
        is_narrow = not nodes.isdisjoint(set(self.products).difference(self.kept_fp32))
        return dtype == "float32" and not is_narrow and not nodes.isdisjoint(self.kept_fp32)

    def products_of(self, layer: EngineLayerInfo) -> list[str]:
        """The products that it computes, the largest first."""
        worked = set(_worked(layer))
        return [name for name in self.products if name in worked]

    def reason(self, layer: EngineLayerInfo) -> str:
        """Why no pass could change its type, "" where that is not known, or does not explain the type that it has."""
        found = next((self.unable[name] for name in _nodes(layer) if name in self.unable), "")
        return found if layer.compute_dtype in ("float32", "tf32", _WIDE) or layer.compute_dtype in found else ""


def check_types(asked: Asked, layers: Sequence[EngineLayerInfo]) -> None:
    """Compares the types that layers compute in with the one that was asked for.

    Only layers with multiply-adds count: what moves data, pools or activates follows its neighbours.

    Args:
        asked: what they are to compute in.
        layers: with multiply-adds, as they were read back.

    Raises:
        PrecisionError: a layer computes in something else; the message names all of them, or the first dozen.
    """
    if not asked.precision:
        return
    working = [layer for layer in layers if layer.compute_dtype]
    wrong = [layer for layer in working if not asked.allows(layer)]
    if not wrong:
        return
    reasons = [asked.reason(layer) for layer in wrong]
    each: dict[tuple[str, str], str] = {}  # a recurrent node, or what is inside an If, is several layers
    for layer, reason in zip(wrong, reasons, strict=True):
        products = asked.products_of(layer) or [layer.name]
        each.setdefault((products[0], layer.compute_dtype), _named(asked, layer, reason))
    named = _listed(list(each.values()))
    can_stay = _has(asked, working) or (any(reasons) and len(wrong) < len(working))
    raise PrecisionError(
        f"{asked.precision} was asked for, and {len(wrong)} of {plural(len(working), 'layer')} with multiply-adds "
        f"{'computes' if len(wrong) == 1 else 'compute'} in another type: {named}",
        _hint(asked, wrong, reasons, keep=_keep(asked, wrong) if asked.can_keep and can_stay else ""),
    )


def untold(asked: Asked, layers: Sequence[EngineLayerInfo]) -> tuple[str, ...]:
    """A line on layers of which the runtime does not say what they compute in, where a type was asked for.

    Args:
        asked: what they are to compute in.
        layers: with multiply-adds, as they were read back.
    """
    silent = [printable(layer.name) for layer in layers if not layer.compute_dtype]
    if not asked.precision or not silent:
        return ()
    return (f"the runtime does not say what these compute in, and it was not compared: {_listed(silent)}",)


def all_kept(asked: Asked, layers: Sequence[EngineLayerInfo]) -> tuple[str, ...]:
    """A line where nothing that multiplies computes in the narrow type that was asked for, as all of it was kept.

    Args:
        asked: what they were to compute in.
        layers: with multiply-adds, as they were read back, and allowed to compute in what they do.
    """
    if asked.precision not in ("fp16", "bf16") or _types(layers) - {""} != {"float32"}:
        return ()
    return (
        f"{asked.precision} was asked for, and nothing that multiplies computes in it: all of that is kept in float32",
    )


def not_kept(
    layers: Sequence[EngineLayerInfo], kept_fp32: Collection[str], products: Collection[str]
) -> dict[str, str]:
    """The user's nodes whose product is computed in another type than float32 in which it was to stay, each with it.

    Args:
        layers: as they were read back.
        kept_fp32: the user's nodes that were to stay in float32.
        products: the user's nodes with multiply-adds; the types of others follow what they are fused with.
    """
    stay = set(products).intersection(kept_fp32)
    narrow = [layer for layer in layers if layer.compute_dtype not in ("", "float32", "tf32", _WIDE)]
    return {name: layer.compute_dtype for layer in narrow for name in _worked(layer) if name in stay}


def check_kept(asked: Collection[str], wrong: Mapping[str, str]) -> tuple[str, ...]:
    """What to say of nodes that did not stay in float32.

    Args:
        asked: the user's nodes that the recipe names; others a pass wanted to keep, as it looked at numbers.
        wrong: as `not_kept` gives them.

    Raises:
        PrecisionError: a node that was asked for is among them.
    """
    refused = {name: dtype for name, dtype in wrong.items() if name in asked}
    if not wrong:
        return ()
    shown = refused or wrong
    named = _listed([f"{printable(name)} ({dtype})" for name, dtype in shown.items()])
    said = f"{plural(len(shown), 'node')} that should stay in float32 {'does' if len(shown) == 1 else 'do'} not"
    if refused:
        raise PrecisionError(
            f"{said}: {named}",
            "the backend narrows it all the same: leave --keep-fp32 or keep_fp32 out, or build for another backend",
        )
    return (f"{said}, as the backend narrows them all the same: {named}",)


def narrowed(layers: Sequence[EngineLayerInfo], wide: Collection[str]) -> tuple[str, ...]:
    """A line on layers that compute in less than float64, in which the user's model multiplies there."""
    less = [
        layer
        for layer in layers
        if layer.compute_dtype not in ("", _WIDE) and any(name in wide for name in _nodes(layer))
    ]
    if not less:
        return ()
    types = " and ".join(sorted({layer.compute_dtype for layer in less}))
    named = _listed([printable(layer.name) for layer in less])
    verb = "multiplies" if len(less) == 1 else "multiply"
    return (f"{plural(len(less), 'layer')} {verb} float64 in the model, and {types} here: {named}",)


def _listed(names: Sequence[str]) -> str:
    """The names, or the first dozen and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _hint(asked: Asked, wrong: Sequence[EngineLayerInfo], reasons: Sequence[str], *, keep: str) -> str:
    """What to do: where some layers have the type that was asked for, the backend has kernels of it."""
    other = "" if keep else "give the --precision that this backend has kernels for, or another --backend"
    return "; or ".join(filter(None, (_remedy(asked, wrong, reasons) or other, keep)))


def _remedy(asked: Asked, wrong: Sequence[EngineLayerInfo], reasons: Sequence[str]) -> str:
    """What changes the type of all of them, "" where that is not known."""
    has = _types(wrong)
    own = next((name for name, dtype in COMPUTED_IN.items() if has == {dtype}), "")
    opsets = [int(found[1]) for reason in reasons if (found := _FROM_OPSET.search(reason))]
    if opsets:
        return f"convert the model to a newer opset (alexnet-bench export MODEL.onnx --opset {max(opsets)} -o NEW.onnx)"
    if any(reasons):
        return "the reason stands behind each"
    if asked.lacks and has <= {"float32", "tf32"}:
        return f'the recipe has no pass that changes types: give it passes = ["{asked.lacks}"] behind those that it has'
    if asked.precision in ("fp32", "tf32") and own in ("fp16", "bf16"):
        return f"if the model itself is in {COMPUTED_IN[own]}: --precision {own}"
    if asked.precision == "fp32" and own == "tf32":
        return "leave tf32 out of the recipe's settings, or ask for it: --precision tf32"
    return ""


def _has(asked: Asked, layers: Sequence[EngineLayerInfo]) -> bool:
    """Whether any of them computes in the type that was asked for; an engine without any is none of that type."""
    return COMPUTED_IN[asked.precision] in _types(layers)


def _types(layers: Sequence[EngineLayerInfo]) -> set[str]:
    return {layer.compute_dtype for layer in layers}


def _named(asked: Asked, layer: EngineLayerInfo, reason: str) -> str:
    """A layer by its largest product, else by its own name, which begins with whatever it does first."""
    why = f"{layer.compute_dtype}: {printable(reason, 120)}" if reason else layer.compute_dtype
    products = asked.products_of(layer)
    if not products:
        return f"{printable(layer.name)} ({why})"
    others = len(_nodes(layer)) - 1
    fused = f" with {plural(others, 'other node')}" if others else ""
    return f"{printable(products[0])}{fused} ({why})"


def _keep(asked: Asked, wrong: Sequence[EngineLayerInfo]) -> str:
    """How to keep them in float32, "" unless all are; all nodes by name, as each of them has to be kept."""
    found = dict.fromkeys(name for layer in wrong for name in asked.products_of(layer))
    names = [name for name in found if name not in asked.kept_fp32]
    if any(layer.compute_dtype != "float32" for layer in wrong):
        return ""
    if not names or len(names) > _MOST_KEPT or not all(map(typed, names)):
        return "keep the nodes in float32: build-engine --keep-fp32 NAME, for each"
    which = "it" if len(names) == 1 else "them"
    return f"keep {which} in float32: build-engine {keeping((*asked.given, *names))}"


def _worked(layer: EngineLayerInfo) -> tuple[str, ...]:
    """Those that it does some work of; a node without a share is only moved or added to there."""
    return (*layer.onnx_nodes, *(shared.name for shared in layer.shared_nodes if shared.share))


def _nodes(layer: EngineLayerInfo) -> tuple[str, ...]:
    """The user's nodes that a layer stands for, whole or in part."""
    return (*layer.onnx_nodes, *(shared.name for shared in layer.shared_nodes))
