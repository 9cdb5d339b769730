"""Options of a verification that would do nothing beside what is compared: refused, in place of dropped."""

from __future__ import annotations

from collections.abc import Mapping

from alexnet_bench.core.unused import check_none
from alexnet_bench.engine.judging import check_backend
from alexnet_bench.workflows.verification.open_sizes import Opened
from alexnet_bench.workflows.verification.options import VerifyOptions

_OF_MADE_UP = {
    "count": "--count",
    "batch": "--batch",
    "shapes": "--shape",
    "seed": "--seed",
    "pixel_range": "--pixels",
}
_OF_A_RUN = {
    "backend": "--backend",
    "inputs": "--inputs",
    "save_inputs": "--save-inputs",
    "threads": "--threads",
    "timeout_s": "--timeout",
}
"""What each of these options is called on the command line, by its field."""


def check_asked(reference: Opened, engine: Opened, options: VerifyOptions) -> None:
    """Refuses what neither side nor the inputs have any use for.

    Raises:
        UsageError: there is such an option, or the backend is another than the engine was built for.
    """
    if reference.stored is not None and engine.stored is not None:
        check_none("two sides of stored outputs are compared as they are", _given(options, _OF_A_RUN | _OF_MADE_UP))
    if engine.stored is not None:
        check_none("nothing runs outputs that are stored", _given(options, {"backend": "--backend"}))
    if options.inputs is not None:
        check_none("inputs that are read have their own values and sizes", _given(options, _OF_MADE_UP))
    if engine.built is not None:
        check_backend(engine.built.passport, options.backend)


def _given(options: VerifyOptions, names: Mapping[str, str]) -> list[str]:
    """Those of some options that were given, as they are typed."""
    return [option for field, option in names.items() if getattr(options, field) not in (None, {})]
