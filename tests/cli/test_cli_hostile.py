"""Hostile models and other mistakes through the real command: one message and an exit code, soon, and no traceback."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import set_external_data

from alexnet_bench.cli.main import run
from alexnet_bench.core.process_memory import peak_bytes
from tests.cli.hostile import (
    COUNTED,
    REFUSED,
    assert_one_message,
    billion,
    constant,
    deep_calls,
    model,
    node,
    odd_input,
    relu,
    save,
    value,
)

if TYPE_CHECKING:
    from tests.cli.conftest import Say

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("name", COUNTED)
def test_what_can_be_read_is_counted(name: str, say: Say) -> None:
    save(COUNTED[name]())
    code, out, err = say("profile", "m.onnx", "--static", "--json", "-", "--quiet")
    assert (code, err) == (0, "")
    assert json.loads(out)["schema"] == "alexnet-bench.profile"


@pytest.mark.parametrize("name", [name for name in COUNTED if name.startswith("names")])
def test_no_name_moves_the_cursor_or_breaks_a_table(name: str, say: Say) -> None:
    save(COUNTED[name]())
    code, table, _ = say("profile", "m.onnx", "--static", "--markdown", "m.md")
    assert code == 0
    markdown = Path("m.md").read_text()
    assert all(char.isprintable() or char == "\n" for char in table + markdown)
    assert len(table) + len(markdown) < 20_000
    if "markup" in name:
        assert "[red]a[/]" in table


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name: str, say: Say) -> None:
    build, said = REFUSED[name]
    save(build())
    for arguments in (["--static"], []):
        code, out, err = say("profile", "m.onnx", *arguments)
        assert (code, out) == (2, "")
        assert_one_message(err, said)


def _zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("model.onnx", relu().SerializeToString())
    return archive.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1025\n", r"(?s)Git LFS.*git lfs pull"),
        (gzip.compress(relu().SerializeToString()), "(?s)gzip.*gunzip"),
        (_zipped(), "zip archive"),
        (b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "(?s)web page.*download"),
        ((54).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}}' + bytes(40), "safetensors"),
        (b"\x1c\0\0\0TFL3" + bytes(100), "TensorFlow Lite"),
        (b"ir_version: 8\ngraph {\n}\n", "as text"),
        (b"\x80\x02}q\0." * 20, "pickle"),
        (b"# A model\n\nThis is what it does, in plain words.\n", "(?s)a text file.*the .onnx file"),
        ("aé".encode() * 300, "a text file"),
        (bytes(10_000), "field number 0"),
        (b"\xff" * 10_000, "10 bytes"),
        (b"y" * 5_000_000, "a text file"),
    ],
    ids=lambda item: str(item)[:30] if isinstance(item, str) else "",
)
def test_other_files_are_told_apart(content: bytes, said: str, say: Say) -> None:
    save(content)
    code, out, err = say("profile", "m.onnx", "--static")
    assert (code, out) == (2, "")
    assert_one_message(err, said)


@pytest.mark.parametrize(
    ("place", "said"), [("name", "not UTF-8"), ("attribute", ""), ("size", "does not fit"), ("doc", "")]
)
def test_text_that_is_no_text(place: str, said: str, say: Say) -> None:
    """Lone surrogates and other bytes that are not UTF-8, which protobuf hands over as they are."""
    made = model([node("LeakyRelu", ["QQQ1"], ["y"], QQQ2=0.5)], [value("QQQ1", ("QQQ3", 4))])
    made.doc_string = made.producer_name = made.graph.name = "QQQ4"
    mark = f"QQQ{('name', 'attribute', 'size', 'doc').index(place) + 1}".encode()
    save(made.SerializeToString().replace(mark, b"\xed\xa0\x80\xff"))
    code, _, err = say("profile", "m.onnx", "--static", "--quiet")
    assert code == (2 if said else 0)
    assert not said or re.search(said, err)


def _external(location: str, **fields: Any) -> onnx.ModelProto:
    made = model([node("Add", ["x", "w"], ["y"])], constants=[constant("w", np.ones((3, 1, 1)))])
    weight = made.graph.initializer[0]
    set_external_data(weight, location, **fields)
    weight.ClearField("raw_data")
    return made


@pytest.mark.parametrize(
    ("location", "fields", "said"),
    [
        ("../../../../../../etc/passwd", {}, "outside the model's folder"),
        ("/etc/passwd", {}, "outside the model's folder"),
        ("/dev/zero", {}, "outside the model's folder"),
        ("link", {}, "outside the model's folder"),
        ("folder/passwd", {}, "outside the model's folder"),
        ("", {}, "outside the model's folder"),
        ("\x1b[2J\0", {}, "outside the model's folder"),
        ("pipe", {}, "is missing"),
        ("nothing", {}, "is missing"),
        ("data", {"offset": 2**62, "length": 12}, "cut short"),
        ("data", {"offset": 0, "length": 2**62}, "cut short"),
        ("data", {"offset": 1, "length": 12}, "cut short"),
        ("data", {"offset": -4, "length": 12}, "refuses the model"),
        ("data", {"offset": 0, "length": 8}, "refuses the model"),
    ],
)
def test_external_data_is_not_trusted(location: str, fields: dict[str, int], said: str, say: Say) -> None:
    Path("link").symlink_to("/etc/passwd")
    Path("folder").symlink_to("/etc")
    Path("data").write_bytes(bytes(12))
    os.mkfifo("pipe")
    save(_external(location, **fields))
    code, _, err = say("profile", "m.onnx", "--quiet")
    assert code == 2
    assert_one_message(err, said)
    counted, _, err = say("profile", "m.onnx", "--static", "--quiet")
    assert counted == (2 if "outside" in said else 0), err


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: relu((10**18,)), r"needs .* for weights and activations, and this machine has"),
        (lambda: relu((0, 2**62, 2**62)), "absurd sizes"),
        (billion, "call each other without end, or mean more nodes"),
        (deep_calls, "call each other without end, or mean more nodes"),
        (lambda: odd_input("sequence"), "is no tensor"),
        (lambda: odd_input("map"), "is no tensor"),
        (lambda: model([node("Odd", ["x"], ["y"])]), "refuses the model"),
    ],
    ids=["memory", "zero", "billion", "deep", "sequence", "map", "unknown operator"],
)
def test_what_cannot_run_is_refused_before_it_runs(build: Callable[[], onnx.ModelProto], said: str, say: Say) -> None:
    save(build())
    code, out, err = say("profile", "m.onnx", "--json", "-", "--quiet")
    assert (code, out) == (2, "")
    assert_one_message(err, said)


def test_a_batch_beyond_memory_is_refused_with_the_estimate(say: Say) -> None:
    code, _, err = say("profile", "lenet-5", "--batch", "1,999999999", "--quiet")
    assert code == 2
    assert_one_message(err, r"batch 999,999,999 needs [\d.]+ TiB for weights and activations, and this machine has")


def test_all_of_them_in_one_gigabyte(environment: dict[str, str]) -> None:
    """In a process of its own, because the peak is that of everything that a process ever did."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.test_cli_hostile"],
        env=environment | {"PYTHONPATH": f"{environment['PYTHONPATH']}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 1 << 30


def _count_all() -> None:
    for build in COUNTED.values():
        save(build())
        assert run(["profile", "m.onnx", "--static", "--quiet", "--json", "/dev/null"]) == 0
    sys.stdout.write(f"{peak_bytes()}\n")  # not that of rusage, which begins at the peak of whoever started the process


if __name__ == "__main__":
    _count_all()
