"""Options of a backend, as a caller gives them: known names, known values, a default for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable


@dataclass(frozen=True)
class Setting:
    """One option.

    Attributes:
        choices: the values that it may have; the first is the default.
        meaning: one line for people.
        form: in words what else it may be, beside the choices; "" for nothing.
    """

    choices: tuple[str, ...]
    meaning: str
    form: str = ""


def chosen(
    backend: str, known: Mapping[str, Setting], given: Mapping[str, str], *, beside: Sequence[str] = ()
) -> dict[str, str]:
    """The value of every setting of a backend.

    Args:
        backend: its name, for the message.
        known: its settings by name.
        given: what the caller asks for.
        beside: names that may be given too, and are looked at elsewhere.

    Raises:
        UsageError: a name or a value is not known; the hint lists those that are.
    """
    for name, value in given.items():
        if name not in known:
            names = ", ".join((*known, *beside)) or "it has none"
            raise UsageError(f"{backend} has no setting {printable(name)!r}", f"there are: {names}")
        if value not in known[name].choices:
            choices = ", ".join(known[name].choices)
            raise UsageError(f"{name} of {backend} cannot be {printable(value)!r}", f"it can be: {choices}")
    return {name: given.get(name, setting.choices[0]) for name, setting in known.items()}


def check_precision(backend: str, precision: str, known: Sequence[str]) -> str:
    """The type to compute in; float32 unless another one is asked for.

    Raises:
        UsageError: the backend cannot be told to compute in it.
    """
    wanted = precision or "float32"
    if wanted not in known:
        only = f"it computes in: {', '.join(known)}"
        raise UsageError(
            f"{backend} cannot be told to compute in {printable(wanted)}",
            f"{only}; other types have to be in the model itself",
        )
    return wanted
