"""A profile in the shapes of the files that trtexec writes, so that the tools that read those go on working.

What is not known is left out, but for what those tools cannot do without: the starts and ends of `--exportTimes`, which
are those of runs one after the other. docs/tensorrt.md lists every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from alexnet_bench.core.profile import InputInfo, Latency, LayerProfile, Profile

_TYPES: Mapping[str, str] = {
    "float64": "Double",
    "float32": "Float",
    "tf32": "Float",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float8e4m3fn": "FP8",
    "bool": "Bool",
}
"""TensorRT's names of types; all others are numpy's, capitalised: Int8, UInt8."""
_WEIGHTS = {4.0: "Float", 2.0: "Half", 1.0: "Int8"}
"""Types of weights by the bytes of an element."""
_BETWEEN = "\x1f"


def times_file(latency: Latency) -> bytes:
    """`--exportTimes`: every sample of the latency run.

    The parts of a sample are the medians of the parts, and the rest is computing; a CPU has no transfers.
    """
    h2d, d2h, now, rows = latency.parts.h2d_s or 0.0, latency.parts.d2h_s or 0.0, 0.0, []
    for sample in (sample for process in latency.samples_s for sample in process):
        copied = min(1.0, sample / (h2d + d2h)) if h2d + d2h else 1.0
        parts = (h2d * copied, max(0.0, sample - (h2d + d2h) * copied), d2h * copied)
        rows.append(_query(now, parts, sample))
        now += sample
    return _lines(rows)


def profile_file(layers: Iterable[LayerProfile]) -> bytes:
    """`--exportProfile`: the layers that were timed."""
    timed = [(layer, layer.time_s) for layer in layers if layer.time_s is not None]
    count = max((len(layer.samples_s) for layer, _ in timed), default=0) or 1
    sums = [sum(layer.samples_s) if layer.samples_s else time_s * count for layer, time_s in timed]
    total = sum(sums)
    rows: list[dict[str, object]] = [{"count": count}]
    for (layer, time_s), sum_s in zip(timed, sums, strict=True):
        rows.append(
            {
                "name": layer.name,
                "timeMs": _ms(sum_s),
                "averageMs": _ms(sum_s / (len(layer.samples_s) or count)),
                "medianMs": _ms(time_s),
                "percentage": round(100 * sum_s / total, 6) if total else 0,
            }
        )
    return _lines(rows)


def layer_info_file(profile: Profile) -> bytes:
    """`--export-layer-info`: what each layer is, reads, makes and stands for.

    Tensors have the user's names. What a layer reads is as the layer before made it, or as the model is given it. The
    inputs stand there by name, as of TensorRT up to 10, and with types and sizes, as of 11; and what ran.
    """
    made = {item.name: _tensor(item.name, item.shape, item.dtype) for item in profile.model.inputs}
    content: dict[str, object] = {
        "Layers": [_layer(layer, made) for layer in profile.layers],
        "Bindings": [item.name for item in profile.model.inputs],
        "I/O Tensors": [_input(item) for item in profile.model.inputs],
    }
    if profile.engine is not None:
        content["Runtime"] = {"Backend": profile.engine.backend, "Version": profile.engine.backend_version}
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _input(item: InputInfo) -> dict[str, object]:
    sizes: dict[str, object] = {} if item.shape is None else {"Dimensions": item.shape}
    return {"Name": item.name, "IOMode": "Input", "DataType": _type(item.dtype), **sizes}


def _query(start_s: float, parts: tuple[float, float, float], latency_s: float) -> dict[str, object]:
    row: dict[str, object] = {"startEnqMs": _ms(start_s), "endEnqMs": _ms(start_s)}
    now = start_s
    for name, part_s in zip(("H2d", "Compute", "D2h"), parts, strict=True):
        row |= {f"start{name}Ms": _ms(now), f"end{name}Ms": _ms(now + part_s)}
        now += part_s
    h2d, compute, d2h = map(_ms, parts)
    return row | {"h2dMs": h2d, "computeMs": compute, "d2hMs": d2h, "latencyMs": _ms(latency_s)}


def _layer(layer: LayerProfile, made: dict[str, dict[str, object]]) -> dict[str, object]:
    """One layer; what it makes is added to what was made before it."""
    nodes = (*layer.onnx_nodes, *(shared.name for shared in layer.shared_nodes))
    read = [made.get(name) or _tensor(name, None, "") for name in layer.inputs]
    written = _outputs(layer)
    made.update(written)
    told: dict[str, object] = {
        "Name": layer.name,
        "LayerType": layer.op or "Unknown",
        "Inputs": read,
        "Outputs": list(written.values()),
    }
    kind = _WEIGHTS.get(layer.weight_bytes / layer.params) if layer.params and layer.weight_bytes else None
    if kind is not None:
        told["Weights"] = {"Type": kind, "Count": layer.params}
    told |= {"TacticName": "", "StreamId": 0}
    if nodes or layer.bound == "overhead":
        told["Metadata"] = _BETWEEN.join(f"[ONNX Layer: {name}]" for name in nodes)
    return told


def _outputs(layer: LayerProfile) -> dict[str, dict[str, object]]:
    """What a layer makes, by name; a layer whose tensors are not known by name numbers them."""
    count, dtypes = len(layer.output_shapes), layer.output_dtypes or (layer.compute_dtype,)
    names = layer.outputs if len(layer.outputs) == count else [f"{layer.name}:{index}" for index in range(count)]
    of_each = dtypes if len(dtypes) == count else dtypes[:1] * count
    return {
        name: _tensor(name, shape, dtype)
        for name, shape, dtype in zip(names, layer.output_shapes, of_each, strict=True)
    }


def _tensor(name: str, shape: Sequence[int] | None, dtype: str) -> dict[str, object]:
    return {"Name": name, "Location": "Device", "Dimensions": shape or (), "Format/Datatype": _type(dtype)}


def _type(dtype: str) -> str:
    if not dtype:
        return "None"
    return _TYPES.get(dtype) or dtype.capitalize().replace("Uint", "UInt")


def _ms(seconds: float) -> float:
    """Milliseconds, to a picosecond: enough to give back every sample as it was."""
    return round(seconds * 1e3, 9)


def _lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """One row on each line, as trtexec writes them."""
    return b"[\n  " + b"\n, ".join(map(msgspec.json.encode, rows)) + b"\n]\n"
