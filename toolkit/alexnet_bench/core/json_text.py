"""JSON of what may hold paths: JSON is UTF-8, and a path is any bytes."""

from __future__ import annotations

import os
from typing import Literal

import msgspec


def encode_json(value: object, odd: Literal["backslashreplace", "surrogateescape"] = "backslashreplace") -> bytes:
    r"""A value as JSON. Bytes of a path that the locale cannot read, which Python keeps as lone surrogates, are UTF-8.

    Args:
        value: what msgspec can write.
        odd: how to write those that are not UTF-8 either; as escapes like \xff, or not at all.

    Raises:
        UnicodeEncodeError: a path is not UTF-8, and `odd` does not help; its `object` is the path.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # looked for only then: a document holds a hundred thousand numbers
        return msgspec.json.encode(_in_utf8(msgspec.to_builtins(value), odd))


def _in_utf8(value: object, odd: str) -> object:
    if isinstance(value, str):
        return os.fsencode(value).decode(errors=odd) if any("\udc80" <= char <= "\udcff" for char in value) else value
    if isinstance(value, dict):
        return {name: _in_utf8(item, odd) for name, item in value.items()}
    return [_in_utf8(item, odd) for item in value] if isinstance(value, list | tuple) else value
