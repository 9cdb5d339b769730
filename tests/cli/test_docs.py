"""The pages that describe the command and its document are complete."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

import alexnet_bench
from alexnet_bench.cli.main import application
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.workflows import cautions, count_cautions, miscomputed, uncounted
from alexnet_bench.workflows.engines import plan_cautions
from alexnet_bench.workflows.trtexec import cautions as trtexec_cautions

_DOCS = Path(__file__).parents[2] / "docs"
_CAUTIONS = (count_cautions, cautions, miscomputed, plan_cautions, trtexec_cautions, uncounted)
_CODE = re.compile(r"Caution\(\s*\"([a-z-]+)\"")


def _said(path: Path) -> Iterator[str]:
    """The texts in a module, docstrings apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    notes = {id(item.value) for item in ast.walk(tree) if isinstance(item, ast.Expr)}
    for item in ast.walk(tree):
        if isinstance(item, ast.Constant) and isinstance(item.value, str) and id(item) not in notes:
            yield item.value


def test_no_message_names_a_page_that_an_installed_package_does_not_have() -> None:
    files = sorted(Path(alexnet_bench.__file__).parent.rglob("*.py"))
    assert [(path.name, text) for path in files for text in _said(path) if "docs/" in text] == []


def _make_cli() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli", _DOCS / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("columns", ["60", "200"])
def test_the_page_of_the_command_is_current(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    made = _make_cli().page()
    assert made == (_DOCS / "cli.md").read_text(encoding="utf-8"), "python docs/make_cli.py --update"


def test_every_command_and_option_is_described() -> None:
    text = (_DOCS / "cli.md").read_text(encoding="utf-8")
    group: Any = typer.main.get_command(application())
    assert len(group.commands) >= 7
    for name, command in group.commands.items():
        section = text.split(f"\n## alexnet-bench {name}\n")[1].split("\n## ")[0]
        assert command.help
        for parameter in command.params:
            assert getattr(parameter, "help", None), (name, parameter.name)
            assert all(option in section for option in parameter.opts if option.startswith("-")), parameter.opts


def test_short_descriptions_fit_in_80_columns() -> None:
    group: Any = typer.main.get_command(application())
    text = group.get_help(group.make_context("alexnet-bench", [], resilient_parsing=True, terminal_width=80))
    commands = text.split("Commands:")[1].split("Exit codes")[0]
    assert "profile" in commands
    assert "..." not in commands


def _structures(kind: Any, path: str = "Top level") -> Iterator[tuple[str, list[str]]]:
    """Every structure of the document, as its heading and its fields."""
    yield path, [field.name for field in dataclasses.fields(kind)]
    for name, hint in typing.get_type_hints(kind).items():
        inside = [part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)]
        many = "[]" if typing.get_origin(hint) is tuple else ""
        for part in inside:
            yield from _structures(part, f"{'' if path == 'Top level' else path + '.'}{name}{many}")


@pytest.mark.parametrize(("heading", "names"), list(_structures(Profile)), ids=lambda value: str(value)[:30])
def test_every_field_of_the_document_is_described(heading: str, names: list[str]) -> None:
    text = (_DOCS / "profile-json.md").read_text(encoding="utf-8")
    section = re.split(rf"(?m)^##+ {re.escape(heading)}$", text)[1]
    section = re.split(r"(?m)^##", section)[0]
    described = re.findall(r"(?m)^\| `(\w+)` \| \S", section)
    if heading == "warnings[]":
        described = described[:3]
    assert sorted(described) == sorted(names)


def test_the_set_is_described() -> None:
    text = (_DOCS / "profile-json.md").read_text(encoding="utf-8")
    assert all(f"`{field.name}`" in text for field in dataclasses.fields(ProfileSet))


def test_every_code_of_a_warning_is_described() -> None:
    sources = (Path(str(module.__file__)).read_text(encoding="utf-8") for module in _CAUTIONS)
    codes = {code for source in sources for code in _CODE.findall(source)}
    text = (_DOCS / "profile-json.md").read_text(encoding="utf-8")
    described = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", text.split("| code | when |")[1]))
    assert codes
    assert codes == described


@pytest.mark.parametrize("page", sorted(_DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_tests_that_a_page_names_are_there(page: Path) -> None:
    names = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
    files = {path.stem for path in _DOCS.parent.glob("tests/**/test_*.py")}
    assert names <= files
    assert names or page.stem != "tensorrt"
