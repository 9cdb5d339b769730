"""Published peaks of devices, read from TOML files, and the budget that some number of them gives.

Every peak is dense: figures "with sparsity" (2:4 structured zeros), which datasheets print at twice the rate, are never
stored. One FLOP is one addition or one multiplication, so a fused multiply-add is two; int8 operations count alike.
Sizes are bytes, rates are per second.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.workspace import shipped_data

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DType = Literal["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int8"]
Accumulate = Literal["fp64", "fp32", "fp16", "int32"]
Unit = Literal["CUDA cores", "tensor cores"]

_MAX_COUNT = 1_000_000

_FORMAT_HINT = (
    "a device needs name, title, year, [memory] and a [[peak]], each value with its source; "
    "alexnet-bench devices h100 --json shows the fields of one"
)

_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Rate = Annotated[float, msgspec.Meta(gt=0, lt=1e21)]
_Count = Annotated[int, msgspec.Meta(gt=0)]


class Sourced(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every published value carries.

    Attributes:
        source: the document that the value is printed in: publisher, title, year, table or page.
        verified: how the value was checked against that document, in words.
        derivation: the arithmetic that gives the value, as "512 cores x 2 FLOP x 1.544 GHz"; may be empty.
    """

    source: _Text
    verified: _Text = "not checked"
    derivation: str = ""


class Memory(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Device memory: its size in bytes and its peak rate in bytes per second (reads and writes together)."""

    bytes: _Count
    bytes_per_s: _Rate


class Power(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thermal design power of the board or module, in watts."""

    tdp_w: _Rate


class Host(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The bus to the host, as "PCIe 2.0 x16"."""

    bus: _Text


class Chip(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The chip and the clock that the peaks assume; under load a card may run below that clock.

    Attributes:
        architecture: the vendor's name for the generation.
        clock_hz: frequency of the CUDA cores.
        clock_basis: what the vendor calls this clock, as "boost".
        compute_capability: CUDA's "8.0", or empty for a device of another vendor.
    """

    architecture: _Text
    clock_hz: _Rate
    clock_basis: _Text
    compute_capability: str = ""


class Peak(Sourced, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dense peak rate.

    Attributes:
        dtype: the type of the operands.
        unit: the units that reach it.
        accumulate: the type that products are summed in.
        flop_per_s: operations per second, a fused multiply-add counted as two.
    """

    dtype: DType
    unit: Unit
    accumulate: Accumulate
    flop_per_s: _Rate


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One card or module, in one variant.

    Attributes:
        name: what is typed, equal to the name of its file.
        title: the vendor's name with the variant (memory size, form factor).
        year: of release.
        aliases: other names that find it.
        peaks: `[[peak]]` in the file.
        note: what a reader should know before trusting a number.
    """

    name: _Name
    title: _Text
    year: Annotated[int, msgspec.Meta(ge=1970, le=2100)]
    memory: Memory
    peaks: Annotated[tuple[Peak, ...], msgspec.Meta(min_length=1)] = msgspec.field(name="peak")
    aliases: tuple[_Name, ...] = ()
    note: str = ""
    chip: Chip | None = None
    power: Power | None = None
    host: Host | None = None

    def peak(self, dtype: str, accumulate: str | None = None) -> Peak | None:
        """Returns the fastest dense peak for operands of `dtype`, or None where none is published.

        The fastest one, because a ceiling must not lie below what a runtime can reach: a GeForce card multiplies fp16
        twice as fast when it also sums in fp16. Give `accumulate` to have the peak of one accumulator.
        """
        fitting = [peak for peak in self.peaks if peak.dtype == dtype and accumulate in (None, peak.accumulate)]
        return max(fitting, key=lambda peak: peak.flop_per_s, default=None)

    def peak_flop_per_s(self, dtype: str, accumulate: str | None = None) -> float | None:
        """As `peak`, but the rate alone, in FLOP/s (OP/s for int8)."""
        peak = self.peak(dtype, accumulate)
        return None if peak is None else peak.flop_per_s

    def ridge_flop_per_byte(self, dtype: str) -> float | None:
        """The arithmetic intensity where the memory roof meets the roof of `dtype`; None without a published peak.

        Source: Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52(4), 2009.
        """
        peak = self.peak_flop_per_s(dtype)
        return None if peak is None else peak / self.memory.bytes_per_s


class Budget(msgspec.Struct, frozen=True):
    """Some number of equal devices. Peaks of the device are per card."""

    device: Device
    count: int


def load_devices(workspace: Path | None) -> dict[str, Device]:
    """Returns the known devices by name, sorted.

    Args:
        workspace: its `profiles/devices/*.toml` replace shipped devices of the same name; None for shipped ones alone.

    Raises:
        UsageError: a file that is not TOML or does not describe a device; the message names it and the field.
    """
    devices = _read_folder(shipped_data("devices"))
    if workspace is not None:
        devices |= _read_folder(workspace / "profiles" / "devices")
    _check_aliases(devices.values())
    return dict(sorted(devices.items()))


def get_device(name: str, workspace: Path | None) -> Device:
    """Returns the device of this name or alias; case, spaces and underscores do not matter.

    Raises:
        UsageError: no such device, with the closest names and the list; or a broken file in the workspace.
    """
    devices = load_devices(workspace)
    known = {spelling: device for device in devices.values() for spelling in (device.name, *device.aliases)}
    wanted = "-".join(name.lower().replace("_", " ").split())
    if wanted in known:
        return known[wanted]
    close = difflib.get_close_matches(wanted, known, n=2)
    suggestion = f"did you mean {' or '.join(close)}? " if close else ""
    raise UsageError(f"unknown device {name!r}", f"{suggestion}known devices: {', '.join(devices)}")


def parse_budget(text: str, workspace: Path | None = None) -> Budget:
    """Reads "gtx-580:2" as two GTX 580; a name alone is one device.

    Raises:
        UsageError: an empty name, a count that is not a whole number from 1 up, or an unknown device.
    """
    name, colon, count_text = text.strip().partition(":")
    hint = "write NAME:COUNT, for example gtx-580:2"
    if not name.strip():
        raise UsageError(f"the budget {text!r} names no device", hint)
    count = _count(count_text.strip()) if colon else 1
    if count is None:
        raise UsageError(f"the budget {text!r} needs a whole number of devices from 1 to {_MAX_COUNT:,}", hint)
    return Budget(get_device(name, workspace), count)


def _count(text: str) -> int | None:
    """The count that `text` spells, or None. The length is checked first: int() refuses thousands of digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_COUNT))):
        return None
    count = int(text)
    return count if 1 <= count <= _MAX_COUNT else None


def _read_folder(folder: Path) -> dict[str, Device]:
    return {path.stem: _read_device(path) for path in sorted(folder.glob("*.toml"))}


def _read_device(path: Path) -> Device:
    try:
        device = msgspec.toml.decode(path.read_bytes(), type=Device)
    except OSError as error:
        raise UsageError(f"the device file {path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _broken(path, str(error)) from error
    if device.name != path.stem:
        raise _broken(path, f"its name is {device.name!r}, and must be that of the file")
    return device


def _broken(path: Path, reason: str) -> UsageError:
    return UsageError(f"the device file {path} is not valid: {reason}", _FORMAT_HINT)


def _check_aliases(devices: Iterable[Device]) -> None:
    """A name that means two devices would silently pick one of them."""
    owners: dict[str, str] = {}
    for device in devices:
        for spelling in (device.name, *device.aliases):
            owner = owners.setdefault(spelling, device.name)
            if owner != device.name:
                raise UsageError(f"{spelling!r} names two devices: {owner} and {device.name}", "remove an alias")
