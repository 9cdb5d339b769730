"""Listings of models, devices, ceilings and backends, as tables or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.devices import Device, Sourced
from alexnet_bench.core.json_text import encode_json
from alexnet_bench.core.listings import BackendDiagnosis, Diagnosis, ModelListing
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.core.units import binary_bytes, digits, quantity
from alexnet_bench.report.console import WIDTH_OF_LISTS, page, plain_table, safe

_DTYPES = ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8")
_ROOM_FOR_TITLES = 130
"""Columns from which the titles of models and devices stand beside the numbers."""


def to_json(listing: object) -> bytes:
    """Any listing as indented JSON in UTF-8."""
    return msgspec.json.format(encode_json(listing), indent=2) + b"\n"


def print_models(models: Sequence[ModelListing], stream: IO[str]) -> None:
    """One line for each model; FLOP are 2·MAC, as published figures count them."""
    with page(stream, fallback=WIDTH_OF_LISTS) as console:
        wide = console.width >= _ROOM_FOR_TITLES
        table = plain_table("name", "input", ">parameters", ">MAC", ">GFLOP", *([""] if wide else []))
        for model in models:
            cells = (
                "x".join(map(str, model.input_shape)),
                f"{model.params:,}",
                f"{model.macs:,}",
                f"{model.mac_flop / 1e9:.4f}",
            )
            title = [safe(model.title)] if wide else []
            table.add_row(safe(model.name), *cells, *title)
        console.print(table)
        console.print(Text("GFLOP are 2·MAC per image; models named onnx: lie inside the onnx package", "dim"))


def print_devices(devices: Sequence[Device], stream: IO[str]) -> None:
    """One line for each device: dense peaks by type in 10^12/s, memory and bandwidth."""
    with page(stream, fallback=WIDTH_OF_LISTS) as console:
        wide = console.width >= _ROOM_FOR_TITLES
        headings = ("name", *(f">{dtype}" for dtype in _DTYPES), ">memory", ">GB/s", *([""] if wide else []))
        table = plain_table(*headings, gap=2 if wide else 1)
        for device in devices:
            peaks = (_tera(device.peak_flop_per_s(dtype)) for dtype in _DTYPES)
            memory = (binary_bytes(device.memory.bytes), f"{device.memory.bytes_per_s / 1e9:,.0f}")
            table.add_row(device.name, *peaks, *memory, *([safe(device.title)] if wide else []))
        console.print(table)
        console.print(Text("dense peaks in 10^12 per second; `alexnet-bench devices NAME` shows their sources", "dim"))


def print_device(device: Device, stream: IO[str]) -> None:
    """One device; every value has the number of its source, which follow below."""
    with page(stream, fallback=WIDTH_OF_LISTS) as console:
        console.print(safe(f"{device.name}: {device.title} ({device.year})", "bold"))
        sources: dict[tuple[str, str], int] = {}
        table = plain_table("what", ">value", "how", "source")
        memory = device.memory
        for what, value in (("memory", binary_bytes(memory.bytes)), ("bandwidth", quantity(memory.bytes_per_s, "B/s"))):
            table.add_row(what, value, "", _reference(sources, memory))
        for peak in device.peaks:
            how = f"{peak.unit}, sums in {peak.accumulate}"
            table.add_row(peak.dtype, quantity(peak.flop_per_s, "FLOP/s"), how, _reference(sources, peak))
        console.print(table)
        console.print()
        _print_sources(console, sources)
        if device.note:
            console.print()
            console.print(safe(device.note))


def print_ceilings(ceilings: Ceilings, stream: IO[str]) -> None:
    """Best and median of each ceiling, and why a type has none."""
    table = plain_table("ceiling", ">best", ">median")
    for dtype, best in ceilings.flop_per_s.items():
        median = ceilings.median_flop_per_s.get(dtype)
        table.add_row(f"arithmetic, {dtype}", quantity(best, "FLOP/s"), quantity(median, "FLOP/s"))
    table.add_row("memory", quantity(ceilings.bytes_per_s, "B/s"), quantity(ceilings.median_bytes_per_s, "B/s"))
    with page(stream) as console:
        console.print(table)
        for dtype, why in ceilings.unavailable.items():
            console.print(safe(f"no ceiling for {dtype}: {why}"))
        console.print(safe(ceilings.source, "dim"))


def print_diagnosis(diagnosis: Diagnosis, stream: IO[str]) -> None:
    """The machine, then what each backend did."""
    grid = Table.grid(padding=(0, 2))
    for label, value in (
        ("alexnet-bench", f"{diagnosis.version}, Python {diagnosis.python}"),
        ("machine", diagnosis.machine),
        ("processor", f"{diagnosis.cpu}, {diagnosis.usable_cores} usable cores"),
        ("NVIDIA driver", diagnosis.nvidia_driver or "none"),
        ("workspace", diagnosis.workspace or "none (no alexnet-bench.toml from here upwards)"),
        ("cache", diagnosis.cache),
    ):
        grid.add_row(Text(label, style="dim"), safe(value))
    with page(stream) as console:
        console.print(grid)
        console.print()
        for backend in diagnosis.backends:
            _print_backend(console, backend)


def _print_backend(console: Console, backend: BackendDiagnosis) -> None:
    state, style = ("works", "green") if backend.works else ("missing" if not backend.version else "fails", "red")
    if backend.builds:
        state, style = "builds", "yellow"
    name = f"{backend.name} {backend.version}".strip()
    console.print(Text.assemble((state, style), "  ", safe(name, "bold"), "  ", safe(backend.detail)))
    if backend.hint:
        console.print(Padding(safe(backend.hint), (0, 0, 0, 9)))


def _print_sources(console: Console, sources: dict[tuple[str, str], int]) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for (source, checked), number in sources.items():
        grid.add_row(f"[{number}]", safe(source))
        grid.add_row("", safe(f"checked: {checked}", "dim"))
    console.print(grid)


def _reference(sources: dict[tuple[str, str], int], value: Sourced) -> str:
    """The number of a value's source; equal sources share one."""
    return f"[{sources.setdefault((value.source, value.verified), len(sources) + 1)}]"


def _tera(rate: float | None) -> str:
    """A rate in 10^12 per second, as short as a column of such rates allows; "" for None."""
    if rate is None:
        return ""
    value = rate / 1e12
    return f"{value:,.0f}" if value >= 10 else digits(value)
