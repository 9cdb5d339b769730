"""`alexnet-bench`, and `python -m alexnet_bench`: imports little itself, so that Ctrl-C is heard from the start."""

from __future__ import annotations

import os
import signal
from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """Runs the command line and exits with its code."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not in the background, where it is ignored
    if hears:
        signal.signal(signal.SIGINT, _leave)
    from alexnet_bench.cli.main import main as run

    if hears:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _leave(_: int, __: FrameType | None) -> None:
    """Ends at once: nothing is begun yet that would have to be put away, and an import is no place to raise in."""
    try:
        os.write(2, b"error: interrupted\n")
    finally:
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
