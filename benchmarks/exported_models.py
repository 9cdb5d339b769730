"""Networks of the transformers library, without weights: `python -m benchmarks.exported_models NAME FOLDER`.

Exports one by both of torch's exporters, into a file each, and prints as JSON what of it does not come from the files:
the multiply-adds that torch's own counter sees while the module runs, and the shapes of the inputs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

EXPORTERS = {"torch.export": True, "TorchScript": False}
"""By name, what `torch.onnx.export` is told as `dynamo`."""
_LAYERS, _WIDTH, _HEADS, _VOCABULARY = 2, 128, 4, 1000
_PAST, _NEW = 16, 3
"""Tokens in the cache, and tokens that come in."""


@dataclass(frozen=True)
class Network:
    """A module with what to call it with.

    Attributes:
        module: takes and gives tensors alone.
        inputs: by name, in the order of the call.
        dynamic: axes without a fixed size, by input and position.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    dynamic: dict[str, dict[int, str]]


class Select(nn.Module):
    """A model of the library, called by name, of whose outputs one is kept."""

    def __init__(self, model: nn.Module, arguments: tuple[str, ...], output: str = "logits") -> None:
        super().__init__()
        self.model = model
        self._arguments = arguments
        self._output = output

    def forward(self, *inputs: Tensor) -> Any:
        """One tensor."""
        named = dict(zip(self._arguments, inputs, strict=True))
        return getattr(self.model(**named, use_cache=False), self._output)


class SelectImage(Select):
    """The same for models without a cache, which do not take the word."""

    def forward(self, *inputs: Tensor) -> Any:
        """One tensor."""
        return getattr(self.model(*inputs), self._output)


class WithCache(nn.Module):
    """A decoder that is given keys and values of earlier tokens as plain tensors, and gives them back extended."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, *cached: Tensor) -> tuple[Tensor, ...]:
        """Logits, then a key and a value for each layer."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, pair in enumerate(zip(cached[::2], cached[1::2], strict=True)):
            cache.update(*pair, layer)
        output = self.model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True)
        layers = output.past_key_values.layers
        return (output.logits, *(tensor for layer in layers for tensor in (layer.keys, layer.values)))


def _image(model: nn.Module) -> Network:
    return Network(SelectImage(model, ("pixel_values",)), {"pixel_values": torch.zeros(1, 3, 224, 224)}, {})


def _decoder(model: nn.Module, key_heads: int) -> Network:
    cached = {f"cached_{index}": torch.zeros(1, key_heads, _PAST, _WIDTH // _HEADS) for index in range(2 * _LAYERS)}
    return Network(
        WithCache(model),
        {"ids": _ids(_NEW), "mask": torch.ones(1, _PAST + _NEW, dtype=torch.int64), **cached},
        {"ids": {1: "new"}, "mask": {1: "all"}, **{name: {2: "past"} for name in cached}},
    )


def _ids(count: int) -> Tensor:
    return torch.zeros(1, count, dtype=torch.int64)


def _resnet() -> Network:
    from transformers import ResNetConfig, ResNetForImageClassification

    return _image(ResNetForImageClassification(ResNetConfig()))


def _mobilenet() -> Network:
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    return _image(MobileNetV2ForImageClassification(MobileNetV2Config()))


def _efficientnet() -> Network:
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    b0 = EfficientNetConfig(width_coefficient=1.0, depth_coefficient=1.0, image_size=224, hidden_dim=1280)
    return _image(EfficientNetForImageClassification(b0))


def _convnext() -> Network:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return _image(ConvNextForImageClassification(ConvNextConfig()))


def _vit() -> Network:
    from transformers import ViTConfig, ViTForImageClassification

    return _image(ViTForImageClassification(ViTConfig(num_hidden_layers=_LAYERS)))


def _swin() -> Network:
    from transformers import SwinConfig, SwinForImageClassification

    model = SwinForImageClassification(SwinConfig(depths=[1, 1, 2, 1]))
    model.set_attn_implementation("eager")  # torch 2.13 fails to export the fused attention of Swin and T5
    return _image(model)


def _bert() -> Network:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        num_hidden_layers=_LAYERS,
        hidden_size=_WIDTH,
        num_attention_heads=_HEADS,
        intermediate_size=2 * _WIDTH,
        vocab_size=_VOCABULARY,
    )
    names = ("input_ids", "attention_mask")
    inputs = dict(zip(names, (_ids(_PAST), torch.ones(1, _PAST, dtype=torch.int64)), strict=True))
    return Network(Select(BertModel(config, add_pooling_layer=False), names, "last_hidden_state"), inputs, {})


def _gpt2() -> Network:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=_LAYERS, n_embd=_WIDTH, n_head=_HEADS, vocab_size=_VOCABULARY)
    return _decoder(GPT2LMHeadModel(config), _HEADS)


def _llama() -> Network:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        num_hidden_layers=_LAYERS,
        hidden_size=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_attention_heads=_HEADS,
        num_key_value_heads=_HEADS // 2,
        vocab_size=_VOCABULARY,
    )
    return _decoder(LlamaForCausalLM(config), _HEADS // 2)


def _t5() -> Network:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        num_layers=_LAYERS,
        d_model=_WIDTH,
        d_kv=_WIDTH // _HEADS,
        num_heads=_HEADS,
        d_ff=2 * _WIDTH,
        vocab_size=_VOCABULARY,
    )
    names = ("input_ids", "decoder_input_ids")
    inputs = dict(zip(names, (_ids(_PAST), _ids(_NEW)), strict=True))
    model = T5ForConditionalGeneration(config)
    model.set_attn_implementation("eager")  # as for Swin
    return Network(Select(model, names), inputs, {})


NETWORKS: dict[str, Callable[[], Network]] = {
    "resnet-50": _resnet,
    "mobilenet-v2": _mobilenet,
    "efficientnet-b0": _efficientnet,
    "convnext-tiny": _convnext,
    "vit-2-layers": _vit,
    "swin-5-layers": _swin,
    "bert-2-layers": _bert,
    "gpt2-2-layers-cache": _gpt2,
    "llama-2-layers-cache": _llama,
    "t5-2-layers": _t5,
}


def main() -> None:
    """Exports the network of the command line."""
    warnings.simplefilter("ignore")
    logging.disable()
    name, folder = sys.argv[1], Path(sys.argv[2])
    with contextlib.redirect_stdout(sys.stderr):
        network = NETWORKS[name]()
        network.module.eval()
        macs = _macs(network)
        files = {exporter: _export(network, folder / f"{name}-{exporter}.onnx", exporter) for exporter in EXPORTERS}
    shapes = {key: list(tensor.shape) for key, tensor in network.inputs.items() if key in network.dynamic}
    print(json.dumps({"macs": macs, "shapes": shapes, "files": files}))


def _macs(network: Network) -> int:
    """Multiply-adds by torch's own counter, which has no formula for the fused attention of processors."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network.module(*network.inputs.values())
    return int(counter.get_total_flops()) // 2


def _export(network: Network, path: Path, exporter: str) -> str:
    is_dynamo = EXPORTERS[exporter]
    axes: dict[str, Any] = {}
    if network.dynamic and is_dynamo:
        first, second, *others = network.dynamic.values()
        axes = {"dynamic_shapes": {"ids": first, "mask": second, "cached": tuple(others)}}
    elif network.dynamic:
        axes = {"dynamic_axes": network.dynamic}
    names = list(network.inputs)
    inputs = tuple(network.inputs.values())
    torch.onnx.export(network.module, inputs, path, dynamo=is_dynamo, verbose=False, input_names=names, **axes)
    return path.name


if __name__ == "__main__":
    main()
