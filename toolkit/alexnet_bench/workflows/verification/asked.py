"""Options of a verification that would do nothing beside what is compared: refused, in place of dropped."""

from __future__ import annotations

from collections.abc import Mapping

from alexnet_bench.core.errors import UsageError
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
        _check_none("two sides of stored outputs are compared as they are", options, _OF_A_RUN | _OF_MADE_UP)
    if engine.stored is not None:
        _check_none("nothing runs outputs that are stored", options, {"backend": "--backend"})
    if options.inputs is not None:
        _check_none("inputs that are read have their own values and sizes", options, _OF_MADE_UP)
    if engine.built is not None:
        check_backend(engine.built.passport, options.backend)


def _check_none(why: str, options: VerifyOptions, names: Mapping[str, str]) -> None:
    typed = [option for field, option in names.items() if getattr(options, field) not in (None, {})]
    if typed:
        raise UsageError(
            f"{why}: {', '.join(typed)} would do nothing", f"leave {'that' if len(typed) == 1 else 'those'} out"
        )
