"""Documents of every kind, as a table on a stream or as Markdown."""

from __future__ import annotations

from typing import IO

from alexnet_bench.core.contest import Contest
from alexnet_bench.core.document import Document
from alexnet_bench.core.inspection import Inspection, InspectionSet
from alexnet_bench.core.symbolic import SymbolicCounts
from alexnet_bench.core.verification import Verification
from alexnet_bench.report import contest, inspection, markdown, symbolic, verification
from alexnet_bench.report.table import print_profile


def show(document: Document, stream: IO[str], *, top: int | None = None) -> None:
    """Prints a document for people.

    Args:
        document: a profile, several, counts as formulas, a verification, a contest, or engines.
        stream: where to.
        top: rows to show, 0 for all, None for a number that fits.
    """
    if isinstance(document, SymbolicCounts):
        symbolic.print_symbolic(document, stream, top=top)
    elif isinstance(document, Verification):
        verification.print_verification(document, stream)
    elif isinstance(document, Contest):
        contest.print_contest(document, stream)
    elif isinstance(document, Inspection | InspectionSet):
        inspection.print_inspection(document, stream, top=top)
    else:
        print_profile(document, stream, top=top)


def to_markdown(document: Document, *, top: int | None = None) -> str:
    """The document as Markdown; arguments as for `show`."""
    if isinstance(document, SymbolicCounts):
        return symbolic.to_markdown(document, top=top)
    if isinstance(document, Verification):
        return verification.to_markdown(document)
    if isinstance(document, Contest):
        return contest.to_markdown(document)
    if isinstance(document, Inspection | InspectionSet):
        return inspection.to_markdown(document, top=top)
    return markdown.to_markdown(document, top=top)
