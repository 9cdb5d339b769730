from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from alexnet_bench.core.profile import Caution, Profile, ProfileSet
from alexnet_bench.report.markdown import escape, to_markdown

Read = Callable[[str], Profile]
_HOSTILE = {
    "html": "<script>alert(1)</script><details>",
    "pipes": "a|b||c\\|d",
    "backticks": "```\n`x`",
    "newlines": "first\n\n# second\r\n| third |",
    "ansi": "\x1b[31mred",
    "bidi": "safe\u202egnp.exe",
    "long": "n" * 10_000,
    "links": "[x](https://evil.example) <https://evil.example> www.evil.example ![i](y)",
    "mention": "@everyone #1",
    "emphasis": "**a** __b__ ~~c~~ $d$ &lt;",
}


@pytest.mark.parametrize("name", ["lenet-5-static", "alexnet-2012"])
def test_goldens(read: Read, golden: Callable[[str, str], None], name: str) -> None:
    golden(f"markdown-{name}.md", to_markdown(read(name)))


def test_what_is_attributed_is_said_of_the_nodes_counted(read: Read) -> None:
    profile = read("alexnet-2012")
    assert "attributed 100 % of MACs" in to_markdown(profile)
    partly = replace(profile, coverage=replace(profile.coverage, nodes_counted=6))
    assert "attributed 100 % of the MACs counted" in to_markdown(partly)


@pytest.mark.parametrize("kind", _HOSTILE)
def test_hostile_text_stays_text(read: Read, kind: str) -> None:
    text, profile = _HOSTILE[kind], read("alexnet-2012")
    calm = to_markdown(_everywhere(profile, "x"))
    markdown = to_markdown(_everywhere(profile, text))
    assert len(markdown.split("\n")) == len(calm.split("\n"))
    assert _cells(markdown) == _cells(calm)
    assert all(line.isprintable() or "\u2060" in line for line in markdown.split("\n"))
    without_ours = markdown.replace("<details><summary>Layers</summary>", "").replace("</details>", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*<(?!br>)", without_ours)
    assert not re.search(r"(?<!\\)`", markdown)
    assert not re.search(r"(?<!\\)://", markdown)
    assert "www." not in markdown
    assert not re.search(r"@\w", markdown)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("conv1 + relu1", "conv1 + relu1"),
        ("13.5 ms (95 %)", "13.5 ms (95 %)"),
        ("a_b*c", "a\\_b\\*c"),
        ("a|b", "a\\|b"),
        ("a\\b", "a\\\\b"),
        ("a\nb", "a\\\\nb"),
        ("[x](y)", "\\[x\\](y)"),
        ("http://x", "http\\://x"),
        ("WWW.x", "WWW\\.x"),
        ("@user", "@\u2060user"),
        ("#12", "\\#\u206012"),
        ("gh-12 a#b", "gh-\u206012 a\\#b"),
        ("high-12", "high-12"),
    ],
)
def test_escaping(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_the_number_of_layers(read: Read) -> None:
    profile = read("squeezenet")
    assert f"{len(profile.layers) - 5} more with" in to_markdown(profile, top=5)
    assert _rows(to_markdown(profile, top=5)) == 5
    assert _rows(to_markdown(profile, top=0)) == len(profile.layers)


def test_a_set_has_a_section_for_each(read: Read) -> None:
    markdown = to_markdown(ProfileSet((read("lenet-5"), read("alexnet-2012"))))
    assert re.findall(r"(?m)^### (\S+)", markdown) == ["lenet-5", "alexnet-2012"]
    assert markdown.endswith("\n")


def _everywhere(profile: Profile, text: str) -> Profile:
    assert profile.engine is not None
    return replace(
        profile,
        model=replace(profile.model, name=text),
        engine=replace(profile.engine, backend=text),
        layers=tuple(msgspec.structs.replace(layer, name=text, op=text) for layer in profile.layers),
        budget=tuple(replace(line, device=text, notes=(text,)) for line in profile.budget),
        environment=replace(profile.environment, comparable={"cpu": text}),
        warnings=(Caution(text, text, text),),
    )


def _cells(markdown: str) -> list[int]:
    """Cells of each line, as GitHub counts them: a backslash hides a bar."""
    return [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in markdown.split("\n")]


def _rows(markdown: str) -> int:
    return sum(bool(re.match(r"\| (n\d|Reorder)", line)) for line in markdown.split("\n"))
