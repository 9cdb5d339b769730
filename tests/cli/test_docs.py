"""The pages that describe the command and its document are complete."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

import alexnet_bench
from alexnet_bench import workflows
from alexnet_bench.cli.main import application
from alexnet_bench.core.contest import Contest
from alexnet_bench.core.document import Document
from alexnet_bench.core.inspection import Inspection, InspectionSet
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.profile import Caution, Profile, ProfileSet
from alexnet_bench.core.symbolic import SymbolicCounts
from alexnet_bench.core.verification import Verification

_DOCS = Path(__file__).parents[2] / "docs"
_WORKFLOWS = Path(workflows.__file__).parent
_SYMBOLIC, _INSPECTION = _WORKFLOWS / "symbolic.py", _WORKFLOWS / "inspection"
_SECTIONS: dict[type, tuple[str, str]] = {
    Passport: ("engines.md", "The passport"),
    Inspection: ("engines.md", "The inspection as JSON"),
    InspectionSet: ("engines.md", "The inspection as JSON"),
    Contest: ("contest.md", "The JSON document"),
    Verification: ("verify.md", "The JSON document"),
    SymbolicCounts: ("symbolic.md", "The JSON document"),
}
"""Page and heading of each document but the profile, whose structures have headings of their own."""


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
    assert set(re.findall(r"(?m)^## alexnet-bench (\S+)$", text)) == group.commands.keys()
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


def _within(document: Any) -> set[type]:
    """A structure and all that it holds, in lists, mappings and unions too; not what another document holds."""
    found, todo = set[type](), [document]
    while todo:
        hint = todo.pop()
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            if hint not in found and (hint is document or hint not in _SECTIONS):
                found.add(hint)
                todo += typing.get_type_hints(hint).values()
        else:
            todo += [part for part in typing.get_args(hint) if part is not Ellipsis]
    return found


def _own_structures() -> list[tuple[type, type]]:
    """Documents, each with its structures; those of a profile have headings on the profile's page."""
    shared = _within(ProfileSet)
    return [
        (document, kind)
        for document in _SECTIONS
        for kind in sorted(_within(document) - shared, key=lambda kind: kind.__name__)
    ]


def _fields(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)} - {"schema", "schema_version"}


def _tables(page: str, heading: str) -> list[list[tuple[str, str]]]:
    """The tables of a section and of those within it, as the names of each row and what is said of them."""
    text = (_DOCS / page).read_text(encoding="utf-8")
    level, rest = re.split(rf"(?m)^(##+) {re.escape(heading)}$", text)[1:3]
    section = re.split(rf"(?m)^#{{2,{len(level)}}} ", rest)[0]
    blocks = re.findall(r"(?m)(?:^\|.*\n)+", section)
    return [[_row(line) for line in block.splitlines()[2:]] for block in blocks]


def _row(line: str) -> tuple[str, str]:
    names, _, said = line.strip("| ").partition(" | ")
    return names, said


def _words(text: str) -> set[str]:
    """The names in what is written as code."""
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


def test_every_document_has_its_page() -> None:
    kinds = set(typing.get_args(Document)) | {Passport}
    assert kinds == {Profile, ProfileSet, *_SECTIONS}


@pytest.mark.parametrize(("document", "kind"), _own_structures(), ids=lambda kind: kind.__name__)
def test_every_field_of_other_documents_is_described(document: type, kind: type) -> None:
    """In one row, or in one table: so that a field does not stand for another one of the same name."""
    tables = _tables(*_SECTIONS[document])
    rows = [_words(f"{names} {said}") for table in tables for names, said in table]
    wholes = [_words(" ".join(f"{names} {said}" for names, said in table)) for table in tables]
    closest = max([*rows, *wholes], key=lambda words: len(_fields(kind) & words))
    assert _fields(kind) - closest == set()


@pytest.mark.parametrize("document", _SECTIONS, ids=lambda kind: kind.__name__)
def test_no_field_is_described_that_is_not_there(document: type) -> None:
    section = _SECTIONS[document]
    sharing = [kind for kind, other in _SECTIONS.items() if other == section]
    fields = {name for kind in sharing for part in _within(kind) for name in _fields(part)}
    named = {name for table in _tables(*section) for names, _ in table for name in _words(names)}
    assert named - fields - {"schema", "schema_version"} == set()


def _codes(files: Iterable[Path]) -> set[str]:
    """Of the cautions that some files make; a code that is not written out would be missed, and is an error."""
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Caution":
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}"
                found.add(str(node.args[0].value))
    return found


def _told(page: str, heading: str, field: str) -> set[str]:
    """The codes in what is said of a field: words with a hyphen, or alone in their quotes."""
    (said,) = (said for table in _tables(page, heading) for names, said in table if field in _words(names))
    return set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", said))


def test_every_code_of_a_warning_is_described() -> None:
    files = set(_WORKFLOWS.rglob("*.py"))
    symbolic, inspection = _codes([_SYMBOLIC]), _codes(_INSPECTION.rglob("*.py"))
    profiles = _codes(files - {_SYMBOLIC, *_INSPECTION.rglob("*.py")})
    text = (_DOCS / "profile-json.md").read_text(encoding="utf-8")
    described = set(re.findall(r"(?m)^\| `([a-z0-9-]+)` \|", text.split("| code | when |")[1]))
    assert profiles == described
    assert symbolic == _told("symbolic.md", "The JSON document", "code")
    assert inspection - described == _told("engines.md", "The inspection as JSON", "warnings") - _fields(Caution)


@pytest.mark.parametrize("page", sorted(_DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_tests_that_a_page_names_are_there(page: Path) -> None:
    names = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
    files = {path.stem for path in _DOCS.parent.glob("tests/**/test_*.py")}
    assert names <= files
    assert names or page.stem != "tensorrt"
