"""Commands whose plain values the parser need not convert."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args, get_type_hints

from typer.core import TyperCommand, TyperGroup


class _TakesAsTyped:
    """Takes text as it was typed, and what was not given as not given.

    Since 0.29 Typer gives every value to pydantic, given or not, and importing that takes about as long as all else
    that a command needs of Typer.
    """

    callback: Any

    def get_params(self, ctx: Any) -> list[Any]:
        """The arguments and options, `--help` among them."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of the class that this one is mixed into
        new = [parameter for parameter in parameters if "process_value" not in vars(parameter)]
        hints = get_type_hints(self.callback) if new else {}
        for parameter in new:
            hint = hints.get(parameter.name)
            is_text = hint is str or str in get_args(hint)
            parameter.process_value = partial(_processed, parameter, parameter.process_value, is_text)
        return parameters


class Command(_TakesAsTyped, TyperCommand):
    """One command."""


class Group(_TakesAsTyped, TyperGroup):
    """The command line before its command."""


def _processed(parameter: Any, process: Any, is_text: bool, context: Any, value: Any) -> Any:
    """The value of an argument or option, from that which stands on the command line or is its default."""
    is_left_out = value is None and not parameter.required
    if not is_left_out and not (is_text and isinstance(value, str)):
        return process(context, value)
    if is_left_out and (parameter.multiple or parameter.nargs == -1):
        value = ()
    return parameter.callback(context, parameter, value) if parameter.callback else value
