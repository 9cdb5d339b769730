from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from alexnet_bench.core.devices import Device, Sourced, get_device, load_devices, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.workspace import shipped_data

REPOSITORY = Path(__file__).parents[3]
DOCUMENT = (REPOSITORY / "docs" / "devices.md").read_text()

SHIPPED = load_devices(None)
DEVICES = pytest.mark.parametrize("device", SHIPPED.values(), ids=SHIPPED.keys())

MAC_FLOP_2012 = 2 * 724_406_816
MAC_FLOP_OWT = 2 * 714_188_480

VALID = """
name = "card"
title = "A card"
year = 2020
[memory]
bytes = 1024
bytes_per_s = 2e9
source = "its box"
[[peak]]
dtype = "fp32"
unit = "CUDA cores"
accumulate = "fp32"
flop_per_s = 4e12
source = "its box"
"""


def _workspace(root: Path, **files: str) -> Path:
    folder = root / "profiles" / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in files.items():
        (folder / f"{stem.replace('_', '-')}.toml").write_text(text)
    return root


def _values(device: Device) -> list[Sourced]:
    parts: list[Sourced | None] = [device.chip, device.memory, device.power, device.host, *device.peaks]
    return [part for part in parts if part is not None]


def _evaluate(derivation: str) -> float:
    """The product that a derivation spells: "384 bit / 8 x 4.008 GT/s" is 384 / 8 * 4.008e9."""
    product = 1.0
    for term in derivation.split(" x "):
        match = re.fullmatch(r"([0-9.]+) (cores|tensor cores|FLOP|OP|bit|GHz|GT/s)(?: / ([0-9]+))?", term)
        assert match, f"{term!r} in {derivation!r} cannot be read"
        number, unit, divisor = match.groups()
        product *= float(number) * (1e9 if unit.startswith("G") else 1) / int(divisor or 1)
    return product


def test_the_promised_devices_are_shipped() -> None:
    promised = "gtx-580 titan-x-maxwell p100 v100 t4 a100 h100 h200 l4 rtx-4090 rtx-5090 jetson-orin"
    assert set(SHIPPED) == set(promised.split())
    assert set(SHIPPED) == {path.stem for path in shipped_data("devices").iterdir()}
    assert list(SHIPPED) == sorted(SHIPPED)


@DEVICES
def test_every_value_names_its_document_and_how_it_was_checked(device: Device) -> None:
    assert device.chip is not None
    assert device.power is not None
    for value in _values(device):
        assert "NVIDIA" in value.source
        assert "https://" in value.source
        assert value.verified


@DEVICES
def test_rates_are_what_their_derivations_give(device: Device) -> None:
    assert _evaluate(device.memory.derivation) == pytest.approx(device.memory.bytes_per_s, rel=0.01)
    for peak in device.peaks:
        assert _evaluate(peak.derivation) == pytest.approx(peak.flop_per_s, rel=0.01), peak


@DEVICES
def test_derivations_use_the_clock_of_the_chip(device: Device) -> None:
    assert device.chip is not None
    stated = {
        device.chip.clock_hz,
        *(float(ghz) * 1e9 for ghz in re.findall(r"([0-9.]+) GHz", device.chip.clock_basis)),
    }
    for peak in device.peaks:
        assert any(math.isclose(_evaluate(peak.derivation.rsplit(" x ", 1)[1]), clock) for clock in stated), peak


@DEVICES
def test_no_peak_is_stored_twice_and_the_accumulator_fits(device: Device) -> None:
    keys = [(peak.dtype, peak.unit, peak.accumulate) for peak in device.peaks]
    assert len(keys) == len(set(keys))
    for peak in device.peaks:
        assert (peak.accumulate == "int32") == (peak.dtype == "int8")
        assert (peak.accumulate == "fp64") == (peak.dtype == "fp64")


@pytest.mark.parametrize(
    ("name", "dtype", "sparse"),
    [
        ("a100", "tf32", 312e12),
        ("a100", "int8", 1248e12),
        ("h100", "fp16", 1979e12),
        ("h100", "fp8", 3958e12),
        ("h200", "int8", 3958e12),
        ("l4", "fp16", 242e12),
        ("rtx-4090", "int8", 1321.2e12),
        ("rtx-5090", "bf16", 419e12),
        ("jetson-orin", "int8", 170e12),
    ],
)
def test_peaks_are_dense_half_of_what_is_printed_with_sparsity(name: str, dtype: str, sparse: float) -> None:
    assert SHIPPED[name].peak_flop_per_s(dtype) == pytest.approx(sparse / 2, rel=0.002)


def test_two_gtx_580_give_the_forward_passes_of_the_known_budgets() -> None:
    budget = parse_budget("gtx-580:2")
    assert budget.count == 2
    peak = budget.device.peak_flop_per_s("fp32")
    assert peak == 1.581056e12
    assert budget.count * peak / MAC_FLOP_2012 == pytest.approx(2182.5, rel=0.001)
    assert budget.count * peak / MAC_FLOP_OWT == pytest.approx(2213.8, rel=0.001)


def test_the_gtx_580_of_the_paper() -> None:
    device = SHIPPED["gtx-580"]
    assert device.ridge_flop_per_byte("fp32") == pytest.approx(8.2, abs=0.05)
    assert device.memory.bytes == 3 * 2**30
    assert device.memory.bytes_per_s == 192.4e9
    assert device.power is not None
    assert device.power.tdp_w == 244


def test_the_peak_of_a_type_is_the_fastest_unless_the_accumulator_is_given() -> None:
    device = SHIPPED["rtx-4090"]
    assert device.peak_flop_per_s("fp16") == 330.3e12
    assert device.peak_flop_per_s("fp16", accumulate="fp32") == 165.2e12
    fastest = SHIPPED["v100"].peak("fp16")
    assert fastest is not None
    assert fastest.unit == "tensor cores"


def test_a_type_without_a_published_peak_has_none() -> None:
    device = SHIPPED["gtx-580"]
    assert device.peak_flop_per_s("int8") is None
    assert device.peak_flop_per_s("fp32", accumulate="fp16") is None
    assert device.ridge_flop_per_byte("bf16") is None


def test_a_workspace_adds_and_overrides_devices(tmp_path: Path) -> None:
    own = VALID.replace('"card"', '"gtx-580"').replace("A card", "My overclocked card")
    devices = load_devices(_workspace(tmp_path, card=VALID, gtx_580=own))
    assert set(devices) == {*SHIPPED, "card"}
    assert devices["gtx-580"].title == "My overclocked card"
    assert devices["a100"] == SHIPPED["a100"]
    assert SHIPPED["gtx-580"].title != "My overclocked card"


def test_a_workspace_without_devices_is_fine(tmp_path: Path) -> None:
    assert load_devices(tmp_path) == SHIPPED


@pytest.mark.parametrize("spelling", ["gtx-580", "GTX 580", "gtx_580", " GTX-580 "])
def test_case_spaces_and_underscores_do_not_matter(spelling: str) -> None:
    assert get_device(spelling, None).name == "gtx-580"


def test_aliases_find_their_device() -> None:
    assert get_device("h100-sxm5", None).name == "h100"
    assert get_device("gtx-titan-x", None).name == "titan-x-maxwell"


def test_an_unknown_device_lists_the_known_and_the_closest() -> None:
    with pytest.raises(UsageError) as caught:
        get_device("gtx-590", None)
    assert "'gtx-590'" in caught.value.message
    assert "did you mean gtx-580" in caught.value.hint
    assert all(name in caught.value.hint for name in SHIPPED)


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    with pytest.raises(UsageError) as caught:
        get_device("zzz", None)
    assert caught.value.hint.startswith("known devices: a100, ")


@pytest.mark.parametrize(("text", "count"), [("gtx-580", 1), ("gtx-580:1", 1), (" gtx-580 : 16 ", 16), ("p100:08", 8)])
def test_a_budget_is_a_name_and_a_count(text: str, count: int) -> None:
    assert parse_budget(text).count == count


def test_a_budget_may_name_a_device_of_the_workspace(tmp_path: Path) -> None:
    assert parse_budget("card:3", _workspace(tmp_path, card=VALID)).device.title == "A card"


@pytest.mark.parametrize("text", ["", "  ", ":", ":2", " : 2"])
def test_a_budget_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no device") as caught:
        parse_budget(text)
    assert "gtx-580:2" in caught.value.hint


@pytest.mark.parametrize("count", ["0", "x", "", "-1", "1.5", "2:3", "²", "1_0", "+2", "1000001", "9" * 5000])
def test_a_budget_with_a_bad_count_is_refused(count: str) -> None:
    with pytest.raises(UsageError, match="whole number of devices") as caught:
        parse_budget(f"gtx-580:{count}")
    assert "gtx-580:2" in caught.value.hint


def test_a_budget_of_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown device 'gtx-58'"):
        parse_budget("gtx-58:2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = ", "Invalid value"),
        (VALID.replace('title = "A card"', ""), "missing required field `title`"),
        (VALID.replace("year = 2020", 'year = "2020"'), "at `$.year`"),
        (VALID.replace("flop_per_s = 4e12", "flop_per_s = -1"), "at `$.peak[0].flop_per_s`"),
        (VALID.replace("flop_per_s = 4e12", "flop_per_s = nan"), "at `$.peak[0].flop_per_s`"),
        (VALID.replace("flop_per_s = 4e12", "flop_per_s = inf"), "at `$.peak[0].flop_per_s`"),
        (VALID.replace("bytes_per_s = 2e9", "bytes_per_s = 0"), "at `$.memory.bytes_per_s`"),
        (VALID.replace('"fp32"', '"float32"', 1), "at `$.peak[0].dtype`"),
        (VALID.replace('source = "its box"', 'source = ""'), "at `$.memory.source`"),
        (VALID.replace('source = "its box"', ""), "missing required field `source`"),
        (VALID.replace("year = 2020", "year = 2020\nsparse = 1"), "unknown field `sparse`"),
        (VALID.replace("flop_per_s = 4e12", "flop_per_s = 4e12\ntops = 8"), "unknown field `tops`"),
        (VALID.replace("[[peak]]", "[peak]"), "at `$.peak`"),
        (VALID[: VALID.index("[[peak]]")], "missing required field `peak`"),
        (VALID.replace('"card"', '"other"'), "must be that of the file"),
        (VALID.replace('"card"', '"a:b"'), "at `$.name`"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_devices(_workspace(tmp_path, card=text))
    assert str(tmp_path / "profiles" / "devices" / "card.toml") in caught.value.message
    assert reason in caught.value.message
    assert "alexnet-bench devices h100 --json" in caught.value.hint


def test_a_file_that_is_not_text_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = _workspace(tmp_path) / "profiles" / "devices" / "card.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"card\.toml is not valid"):
        load_devices(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match=r"card\.toml cannot be read"):
        load_devices(tmp_path)


def test_a_name_for_two_devices_is_refused(tmp_path: Path) -> None:
    taken = VALID.replace("year = 2020", 'year = 2020\naliases = ["a100"]')
    with pytest.raises(UsageError, match="'a100' names two devices: a100 and card"):
        load_devices(_workspace(tmp_path, card=taken))


def test_devices_do_not_load_numpy_or_onnx() -> None:
    code = (
        "import sys, alexnet_bench.core.devices as devices; devices.load_devices(None); "
        "print(sorted({'numpy', 'onnx', 'torch', 'onnxruntime'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY / "toolkit")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


def _tera(device: Device, dtype: str) -> str:
    """A cell of the document's table: the rate in 1e12/s, and with fp32 accumulation where that is slower."""
    best, exact = device.peak_flop_per_s(dtype), device.peak_flop_per_s(dtype, accumulate="fp32")
    if best is None:
        return ""
    slower = f" ({exact / 1e12:.7g})" if exact is not None and exact < best and device.name.startswith("rtx") else ""
    return f"{best / 1e12:.7g}{slower}"


@DEVICES
def test_the_document_shows_the_stored_values(device: Device) -> None:
    assert device.power is not None
    cells = [f"`{device.name}`", device.title]
    cells += [_tera(device, dtype) for dtype in ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8")]
    cells += [f"{device.memory.bytes / 2**30:g}", f"{device.memory.bytes_per_s / 1e9:g}", f"{device.power.tdp_w:g}"]
    assert f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |") in DOCUMENT


def test_the_file_that_the_document_shows_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert example
    device = load_devices(_workspace(tmp_path, a100_40gb=example.group(1)))["a100-40gb"]
    assert device.memory.bytes_per_s == 1555e9
    assert device.peak_flop_per_s("fp16") == 312e12


def test_a_device_survives_a_round_trip() -> None:
    device = SHIPPED["a100"]
    assert msgspec.json.decode(msgspec.json.encode(device), type=Device) == device
