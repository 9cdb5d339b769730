"""The memory of a profile: what was counted, beside what the runtime and the system say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from alexnet_bench.attribution.join import Attribution
from alexnet_bench.core.engine_layers import ArenaUse, LayerTimes
from alexnet_bench.core.profile import LayerProfile, Memory
from alexnet_bench.measure.latency import LatencyRun


def measured(static_peak_bytes: int | None, times: LayerTimes, latency: LatencyRun) -> Memory:
    """The peaks: of the activations as counted, of the runtime's arena, of the process, of the device.

    Args:
        static_peak_bytes: the first of these, None without a model.
        times: with what the arena held.
        latency: with what the processes and the device held.
    """
    use = latency.loaded.device_use
    return Memory(
        static_peak_bytes=static_peak_bytes,
        arena_peak_bytes=times.arena_peak_bytes,
        arena_loaded_bytes=times.arena.loaded_bytes if times.arena else None,
        load_peak_bytes=latency.load_peak_bytes,
        run_peak_bytes=latency.run_peak_bytes,
        device_peak_bytes=use.used_bytes if use else None,
        device_weight_bytes=use.weights_bytes if use else None,
        device_activation_bytes=use.activation_bytes if use else None,
        device_context_bytes=use.context_bytes if use else None,
    )


def with_memory(
    layers: Sequence[LayerProfile], attribution: Attribution, arena: ArenaUse | None
) -> tuple[LayerProfile, ...]:
    """The layers with what the allocator held after each; what no node asked for was not counted, so is not known."""
    found = []
    for layer, owned in zip(layers, attribution.owned, strict=True):
        name = owned.layer.name
        counted = bool(owned.nodes or owned.shared)
        found.append(
            msgspec.structs.replace(
                layer,
                live_bytes=layer.live_bytes if counted else None,
                arena_bytes=arena.in_use_bytes.get(name) if arena else None,
                arena_requested_bytes=arena.requested_bytes.get(name) if arena else None,
            )
        )
    return tuple(found)
