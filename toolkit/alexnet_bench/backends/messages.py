"""Messages to a worker, as JSON."""

from __future__ import annotations

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.json_text import encode_json
from alexnet_bench.core.text import printable


def encode(message: object) -> bytes:
    """A message as JSON, with paths in UTF-8: a worker reads them so, and so do runtimes, whatever the locale.

    Raises:
        UsageError: a path is not UTF-8, and no runtime could open it.
    """
    try:
        return encode_json(message, "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the path {printable(str(error.object), 1000)} is not UTF-8, and runtimes open no other",
            "rename the file or its folder; a model is counted under any name: profile --static",
        ) from None
