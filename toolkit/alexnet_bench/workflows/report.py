"""Profiles read from files, rendered again, and written; needs no runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alexnet_bench.core import atomic, document
from alexnet_bench.core.contest import Contest
from alexnet_bench.core.document import Document
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.inspection import Inspection, InspectionSet
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.symbolic import SymbolicCounts
from alexnet_bench.core.text import printable
from alexnet_bench.core.verification import Verification

_KINDS: Mapping[type[Document], str] = {
    Verification: "a verification",
    Contest: "a contest",
    Inspection: "the inspection of an engine",
    InspectionSet: "the inspection of engines",
    Passport: "the passport of an engine",
}


def read_document(path: str | Path) -> Document:
    """Whatever `--json` of a command wrote, the passport beside an engine included.

    Raises:
        UsageError: not such a document, or of a version that this release does not know.
        EngineError: a passport that is damaged, or of another version.
    """
    return document.read(Path(path))


def has_layers(found: Document) -> bool:
    """Whether layers, or nodes, are shown, as many as are asked for."""
    return not isinstance(found, Verification | Contest | Passport)


def read_profile(path: str | Path) -> Profile | ProfileSet:
    """A profile, or a set of them, from the JSON that `profile --json` wrote.

    Raises:
        UsageError: not a profile, or of a version that this release does not know.
        EngineError: a damaged passport.
    """
    found = read_document(path)
    if isinstance(found, SymbolicCounts):
        raise UsageError(
            f"{printable(str(path), 200)} holds counts as formulas, and no profile",
            "profile the model without --symbolic",
        )
    if not isinstance(found, Profile | ProfileSet):
        holds = _KINDS[type(found)]
        raise UsageError(f"{printable(str(path), 200)} holds {holds}, and no profile", "alexnet-bench report shows it")
    return found


def write_profile(profile: Document, path: str | Path) -> None:
    """Writes a profile as JSON, in one step.

    Raises:
        OutputError: the file cannot be written.
    """
    atomic.write_bytes(Path(path), document.encode(profile))
