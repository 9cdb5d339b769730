"""Listings of models, devices, ceilings and backends, as tables or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.devices import Device
from alexnet_bench.core.listings import Diagnosis, ModelListing
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import binary_bytes, quantity

_DTYPES = ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8")


def to_json(listing: object) -> bytes:
    """Any listing as indented JSON in UTF-8."""
    return msgspec.json.format(msgspec.json.encode(listing), indent=2) + b"\n"


def print_models(models: Sequence[ModelListing], stream: IO[str]) -> None:
    """One line for each model; FLOP are 2·MAC, as published figures count them."""
    table = _table("name", "input", ">parameters", ">MAC", ">GFLOP", "")
    for model in models:
        shape = "x".join(map(str, model.input_shape))
        table.add_row(
            model.name,
            shape,
            f"{model.params:,}",
            f"{model.macs:,}",
            f"{model.mac_flop / 1e9:.4f}",
            printable(model.title),
        )
    _console(stream).print(table)


def print_devices(devices: Sequence[Device], stream: IO[str]) -> None:
    """One line for each device: dense peaks by type in 10^12/s, memory and bandwidth."""
    table = _table("name", *(f">{dtype}" for dtype in _DTYPES), ">memory", ">GB/s", "")
    for device in devices:
        peaks = [device.peak_flop_per_s(dtype) for dtype in _DTYPES]
        table.add_row(
            device.name,
            *(
                "" if peak is None else f"{peak / 1e12:,.3g}" if peak < 1e13 else f"{peak / 1e12:,.0f}"
                for peak in peaks
            ),
            binary_bytes(device.memory.bytes),
            f"{device.memory.bytes_per_s / 1e9:,.0f}",
            device.title,
        )
    console = _console(stream)
    console.print(table)
    console.print(
        Text("dense peaks in 10^12 per second; `alexnet-bench devices NAME` shows the source of every value", "dim")
    )


def print_device(device: Device, stream: IO[str]) -> None:
    """One device with the source of every value."""
    console = _console(stream)
    console.print(Text(f"{device.name}: {device.title} ({device.year})", style="bold"))
    table = _table("what", ">value", "source", "checked")
    table.add_row(
        "memory",
        f"{binary_bytes(device.memory.bytes)}, {quantity(device.memory.bytes_per_s, 'B/s')}",
        device.memory.source,
        device.memory.verified,
    )
    for peak in device.peaks:
        what = f"{peak.dtype}, {peak.unit}, sums in {peak.accumulate}"
        table.add_row(what, quantity(peak.flop_per_s, "FLOP/s"), peak.source, peak.verified)
    console.print(table)
    if device.note:
        console.print(Text(device.note))


def print_ceilings(ceilings: Ceilings, stream: IO[str]) -> None:
    """Best and median of each ceiling."""
    table = _table("ceiling", ">best", ">median")
    for dtype, best in ceilings.flop_per_s.items():
        median = ceilings.median_flop_per_s.get(dtype)
        table.add_row(f"arithmetic, {dtype}", quantity(best, "FLOP/s"), quantity(median, "FLOP/s"))
    table.add_row("memory", quantity(ceilings.bytes_per_s, "B/s"), quantity(ceilings.median_bytes_per_s, "B/s"))
    console = _console(stream)
    console.print(table)
    console.print(Text(ceilings.source))


def print_diagnosis(diagnosis: Diagnosis, stream: IO[str]) -> None:
    """The machine, then what each backend did."""
    console = _console(stream)
    grid = Table.grid(padding=(0, 2))
    for label, value in (
        ("alexnet-bench", f"{diagnosis.version}, Python {diagnosis.python}"),
        ("machine", diagnosis.machine),
        ("processor", f"{diagnosis.cpu}, {diagnosis.usable_cores} usable cores"),
        ("NVIDIA driver", diagnosis.nvidia_driver or "none"),
        ("workspace", diagnosis.workspace or "none (no alexnet-bench.toml from here upwards)"),
        ("cache", diagnosis.cache),
    ):
        grid.add_row(Text(label, style="dim"), Text(value))
    console.print(grid)
    for backend in diagnosis.backends:
        mark = Text("works  ", "green") if backend.works else Text("missing", "red")
        console.print(Text.assemble(mark, f"  {backend.name} {backend.version}: {printable(backend.detail, 400)}"))
        if backend.hint:
            console.print(Text(f"         {backend.hint}"))


def _console(stream: IO[str]) -> Console:
    return Console(file=stream, width=None if stream.isatty() else 140, highlight=False)


def _table(*headings: str) -> Table:
    """A plain table; headings that begin with ">" are right-aligned."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in headings:
        right = heading.startswith(">")
        table.add_column(heading.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    return table
