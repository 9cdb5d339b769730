"""The entry point: parse, call, and turn whatever goes wrong into one message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from alexnet_bench import __version__
from alexnet_bench.cli import ceilings, devices, doctor, export, models, profile, report
from alexnet_bench.core.errors import AlexnetBenchError

INTERNAL_ERROR = 5
INTERRUPTED = 130

app = typer.Typer(
    name="alexnet-bench",
    help="Where every microsecond of an ONNX model goes: FLOPs, bytes, time and roofline per node of your own graph.",
    epilog="Exit codes: 0 done, 1 regressed or verification failed, 2 wrong use or bad input, 3 inconclusive, "
    "4 not comparable, 5 internal error or backend crash.",
    no_args_is_help=True,
    rich_markup_mode=None,  # importing rich's help takes longer than everything else together
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alexnet-bench {__version__}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; may stand anywhere on the line."),
) -> None:
    """Options before the command."""


for command in (profile, models, export, report, devices, ceilings, doctor):
    command.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    sys.exit(run([item for item in given if item != "--debug"], debug=debug))


def run(arguments: Sequence[str], *, debug: bool = False) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code = app(args=list(arguments), prog_name="alexnet-bench", standalone_mode=False)
        sys.stdout.flush()
    except AlexnetBenchError as error:
        if debug:
            raise
        return _fail(error.message, error.hint, error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", "", INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has gone; Python would complain again when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        code = _usage_error(error)
        if code is not None:
            return code
        if debug:
            raise
        return _fail(
            f"internal error: {type(error).__name__}: {error}", "this is a bug; run again with --debug and report it",
            INTERNAL_ERROR,
        )  # fmt: skip
    return code if isinstance(code, int) else 0


def _usage_error(error: Exception) -> int | None:
    """The exit code of an error in the command line itself, after showing it; None for other errors."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        return code
    if type(error).__name__ == "Abort":
        return _fail("interrupted", "", INTERRUPTED)
    return None


def _fail(message: str, hint: str, code: int) -> int:
    typer.echo(f"error: {message}", err=True)
    if hint:
        typer.echo(f"hint:  {hint}", err=True)
    return code
