from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alexnet_bench.core import document
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import SCHEMA_VERSION, Profile, ProfileSet

_FOLDER = Path(__file__).parents[2] / "data" / "profiles"
_OLD = _FOLDER / "version-1" / "alexnet-2012.json"
_PROFILES = sorted(_FOLDER.glob("*.json"))
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_SCALARS: dict[type, st.SearchStrategy[Any]] = {
    str: _TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
}


_FROM: dict[type, Callable[[int], st.SearchStrategy[Any]]] = {
    int: lambda low: st.integers(low, 2**63 - 1),
    float: lambda low: st.floats(low, allow_nan=False, allow_infinity=False),
}
"""Numbers of a type with a smallest value."""


def _values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of type
    """Values of a field's type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
        hints = typing.get_type_hints(kind, include_extras=True)
        fixed = {"schema", "schema_version"}
        return st.builds(kind, **{name: _values(hint) for name, hint in hints.items() if name not in fixed})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _FROM[arguments[0]](arguments[1].ge)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (UnionType, typing.Union):
        return st.one_of(*map(_values, arguments))
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=2)
    assert origin is tuple, kind
    if arguments[-1] is Ellipsis:
        return st.lists(_values(arguments[0]), max_size=2).map(tuple)
    return st.tuples(*map(_values, arguments))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(_values(Profile))
def test_any_profile_survives_the_round_trip(profile: Profile) -> None:
    assert document.decode(document.encode(profile)) == profile


@pytest.mark.parametrize("path", _PROFILES, ids=lambda path: path.stem)
def test_real_profiles_survive_byte_for_byte(path: Path) -> None:
    assert document.encode(document.read(path)) == path.read_bytes()


def test_memory_that_an_older_document_does_not_have_is_null() -> None:
    content = json.loads((_FOLDER / "lenet-5.json").read_bytes())
    later = [name for name in content["memory"] if name.startswith("device_") and name != "device_peak_bytes"]
    assert len(later) == 3
    for name in later:
        del content["memory"][name]
    found = document.decode(json.dumps(content).encode())
    assert isinstance(found, Profile)
    assert found == _read(_FOLDER / "lenet-5.json")


def test_a_set_survives_the_round_trip() -> None:
    profiles = tuple(_read(path) for path in _PROFILES)
    both = ProfileSet(profiles)
    content = document.encode(both)
    assert document.decode(content) == both
    assert list(json.loads(content))[:2] == ["schema", "schema_version"]
    assert [part["schema"] for part in json.loads(content)["profiles"]] == ["alexnet-bench.profile"] * len(profiles)


def test_the_schema_comes_first_and_samples_stand_on_one_line() -> None:
    content = document.encode(_read(_FOLDER / "lenet-5.json"))
    assert content.startswith(b'{\n  "schema": "alexnet-bench.profile",\n  "schema_version": 2,\n')
    assert content.endswith(b"}\n")
    samples = [line for line in content.splitlines() if b'"samples_s": [0' in line]
    assert samples
    assert all(line.endswith((b"]", b"],")) for line in samples)


def test_text_that_looks_like_a_list_stays_as_it_is() -> None:
    profile = _read(_FOLDER / "lenet-5.json")
    odd = dataclasses.replace(profile, model=dataclasses.replace(profile.model, name='[\n 1,\n 2 ] "x"'))
    assert document.decode(document.encode(odd)) == odd


def test_fields_of_a_later_minor_release_are_ignored() -> None:
    path = _FOLDER / "lenet-5.json"
    fields = json.loads(path.read_bytes())
    fields["new"] = {"anything": [1]}
    fields["model"]["new"] = 1
    fields["layers"][0]["new"] = None
    assert document.decode(json.dumps(fields).encode()) == document.read(path)


def test_the_mark_of_utf_8_is_read_over() -> None:
    content = (_FOLDER / "alexnet-2012.json").read_bytes()
    assert document.decode(b"\xef\xbb\xbf" + content) == document.decode(content)


def test_fields_with_a_default_may_be_missing() -> None:
    fields = json.loads((_FOLDER / "lenet-5.json").read_bytes())
    del fields["warnings"], fields["engine"]["passes"]
    assert _decoded(fields).warnings == ()


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"schema": "other.tool"}, "is not a profile", "profile MODEL --json"),
        (
            {"schema_version": 3},
            "has schema version 3, this release reads 1 to 2",
            "read it with a newer alexnet-bench (this one is ",
        ),
        ({"schema_version": 0}, "has schema version 0, this release reads 1 to 2", "profile the model again"),
        ({"schema_version": -1}, "has schema version -1, this release reads 1 to 2", "profile the model again"),
        ({"schema_version": "1"}, "is not a valid profile", "profile MODEL --json"),
        ({"totals": None}, r"is not a valid profile.*totals", "profile MODEL --json"),
        ({"layers": 5}, r"is not a valid profile.*layers", "profile MODEL --json"),
    ],
)
def test_other_documents_are_refused(change: dict[str, object], message: str, hint: str) -> None:
    fields = json.loads((_FOLDER / "lenet-5.json").read_bytes()) | change
    with pytest.raises(UsageError, match=message) as caught:
        _decoded(fields)
    assert hint in caught.value.hint


@pytest.fixture
def old() -> Profile:
    """A document that the release before wrote."""
    return _read(_OLD)


def test_a_document_of_version_1_is_read_as_one_of_this_version(old: Profile) -> None:
    written = json.loads(_OLD.read_bytes())
    assert written["schema_version"] == 1
    assert old.schema_version == SCHEMA_VERSION == 2
    assert document.decode(document.encode(old)) == old
    again = json.loads(document.encode(old))
    kept = {name: value for name, value in written.items() if name not in ("schema_version", "layers", "memory")}
    latency = {name: again["latency"][name] for name in written["latency"]}
    assert kept.items() <= {**again, "ceilings": written["ceilings"], "latency": latency}.items()


def test_what_version_1_did_not_have_is_null(old: Profile) -> None:
    assert old.memory.arena_peak_bytes
    assert old.memory.arena_loaded_bytes is None
    assert old.latency is not None
    assert old.latency.profiled_kernels is None
    assert {(layer.arena_bytes, layer.arena_requested_bytes) for layer in old.layers} == {(None, None)}
    assert old.ceilings is not None
    assert old.ceilings.unavailable == {}


def test_the_zero_that_version_1_wrote_for_unknown_is_null(old: Profile) -> None:
    assert all((layer.live_bytes is None) == (not layer.onnx_nodes) for layer in old.layers)
    assert any(layer.live_bytes is None for layer in old.layers)


def test_a_set_of_version_1_is_read_and_each_part_has_its_version() -> None:
    part = json.loads(_OLD.read_bytes())
    both = {"schema": "alexnet-bench.profile-set", "schema_version": 1, "profiles": [part, part]}
    found = document.decode(json.dumps(both).encode())
    assert isinstance(found, ProfileSet)
    assert (found.schema_version, *(profile.schema_version for profile in found.profiles)) == (2, 2, 2)
    both["profiles"] = [part, part | {"schema_version": 3}]
    with pytest.raises(UsageError, match="schema version 3"):
        document.decode(json.dumps(both).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"[]",
        b"null",
        b"{}",
        b'{"schema": "alexnet-bench.profile", "schema_version": 2, "model": "\xff"}',
        b'{"schema": "alexnet-bench.profile", "schema_version": 2, "model": {"name": "\xff\xfe"}}',
        b"[" * 200_000,
        b'{"schema": ' + b"[" * 200_000,
        b'{"schema": "alexnet-bench.profile", "schema_version": 2, "x": ' + b"[" * 200_000,
        b"\x00" * 100,
        b"\x08\x0a\x12\x07pytorch",
    ],
    ids=lambda content: str(content[:20]),
)
def test_what_is_no_document_is_one_clear_error(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"^the document") as caught:
        document.decode(content)
    assert caught.value.hint
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


def test_a_document_cut_anywhere_is_refused() -> None:
    content = (_FOLDER / "lenet-5.json").read_bytes()
    for end in range(1, len(content) - 2, 997):
        with pytest.raises(UsageError):
            document.decode(content[:end])


@pytest.mark.parametrize("name", ["missing.json", ".", "a\0b", "n" * 300, "bad\nname\x1b.json"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        document.read(tmp_path / name)
    assert caught.value.message.isprintable()
    assert caught.value.hint


def _read(path: Path) -> Profile:
    found = document.read(path)
    assert isinstance(found, Profile)
    return found


def _decoded(fields: dict[str, object]) -> Profile:
    found = document.decode(json.dumps(fields).encode())
    assert isinstance(found, Profile)
    return found
