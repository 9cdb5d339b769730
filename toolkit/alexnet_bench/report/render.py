"""Documents of every kind, as a table on a stream or as Markdown.

A profile is by far the most frequent one, and is not made to wait for what shows the others.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from alexnet_bench.core.profile import Profile, ProfileSet

if TYPE_CHECKING:
    from alexnet_bench.core.document import Document


def show(document: Document, stream: IO[str], *, top: int | None = None) -> None:
    """Prints a document for people.

    Args:
        document: a profile, several, counts as formulas, a verification, a contest, engines, or a passport.
        stream: where to.
        top: rows to show, 0 for all, None for a number that fits.
    """
    if isinstance(document, Profile | ProfileSet):
        from alexnet_bench.report.table import print_profile

        return print_profile(document, stream, top=top)
    from alexnet_bench.core.inspection import Inspection, InspectionSet
    from alexnet_bench.core.passport import Passport
    from alexnet_bench.core.symbolic import SymbolicCounts
    from alexnet_bench.core.verification import Verification
    from alexnet_bench.report import contest, engines, inspection, symbolic, verification

    if isinstance(document, SymbolicCounts):
        return symbolic.print_symbolic(document, stream, top=top)
    if isinstance(document, Verification):
        return verification.print_verification(document, stream)
    if isinstance(document, Inspection | InspectionSet):
        return inspection.print_inspection(document, stream, top=top)
    if isinstance(document, Passport):
        return engines.print_passport(document, stream)
    return contest.print_contest(document, stream)


def to_markdown(document: Document, *, top: int | None = None) -> str:
    """The document as Markdown; arguments as for `show`."""
    if isinstance(document, Profile | ProfileSet):
        from alexnet_bench.report import markdown

        return markdown.to_markdown(document, top=top)
    from alexnet_bench.core.inspection import Inspection, InspectionSet
    from alexnet_bench.core.passport import Passport
    from alexnet_bench.core.symbolic import SymbolicCounts
    from alexnet_bench.core.verification import Verification
    from alexnet_bench.report import contest, engines, inspection, symbolic, verification

    if isinstance(document, SymbolicCounts):
        return symbolic.to_markdown(document, top=top)
    if isinstance(document, Verification):
        return verification.to_markdown(document)
    if isinstance(document, Inspection | InspectionSet):
        return inspection.to_markdown(document, top=top)
    if isinstance(document, Passport):
        return engines.to_markdown(document)
    return contest.to_markdown(document)
