"""The entry point: parse, call, and turn whatever goes wrong into one message and an exit code."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Any

import typer

from alexnet_bench import __version__
from alexnet_bench.cli import streams
from alexnet_bench.cli.command import Group
from alexnet_bench.core.errors import AlexnetBenchError, disk_full, folder_gone
from alexnet_bench.core.text import escape_controls

INTERNAL_ERROR = 5
INTERRUPTED = 130
_SIGNALLED = 128
"""Added to the number of a signal, as shells do."""

_OBJECTS_PER_COLLECTION = 500_000
"""A command makes its objects once, keeps them and ends: Python's 700 cost a tenth of the time of reading a graph."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alexnet-bench {__version__}")
        raise typer.Exit


def common(
    *,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; may stand anywhere on the line."),
) -> None:
    """Options before the command."""


_COMMANDS = {
    "profile": "profile",
    "models": "models",
    "verify": "verify",
    "export": "export",
    "build-engine": "build_engine",
    "recipes": "recipes",
    "inspect": "inspect",
    "report": "report",
    "devices": "devices",
    "ceilings": "ceilings",
    "cache": "cache",
    "doctor": "doctor",
}
"""Modules by command, in the order of the help."""


def application(command: str = "") -> typer.Typer:
    """The command line.

    Args:
        command: the only one that is needed, if it is one: to import all, and look at all their options, takes time.
    """
    app = typer.Typer(
        name="alexnet-bench",
        cls=Group,
        help="Where every microsecond of an ONNX model goes: FLOPs, bytes, time and roofline per node of your own "
        "graph.",
        epilog="Exit codes: 0 done, 1 verification failed or another type than asked for, 2 wrong use, bad input or "
        "nothing that works here, 3 verification inconclusive, 5 internal error or backend crash.",
        no_args_is_help=True,
        rich_markup_mode=None,  # importing rich's help takes longer than everything else together
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(common)
    for module in [_COMMANDS[command]] if command in _COMMANDS else _COMMANDS.values():
        import_module(f"{__package__}.{module}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    streams.prepare()
    given = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _terminate)
    debug = "--debug" in given
    code = run([item for item in given if item != "--debug"], debug=debug)
    gc.freeze()  # Python looks for cycles once more as it ends, for nothing
    sys.exit(code)


def run(arguments: Sequence[str], *, debug: bool = False) -> int:
    """Runs one command line and returns its exit code.

    Args:
        arguments: without the name of the program.
        debug: show the traceback of an error before its message.
    """
    try:
        app = application(next(iter(arguments), ""))
        code = app(args=list(arguments), prog_name="alexnet-bench", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as error:
        return _ended(error)
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - whatever it is, a user gets one message and an exit code
        if debug:
            traceback.print_exc()
        code = _failed(error)
        if advice := _advice(arguments):
            typer.echo(advice, err=True)
        return code
    if code == INTERRUPTED:  # what the parser makes of Ctrl-C, without a word
        return _interrupted()
    return code if isinstance(code, int) else 0


def _advice(arguments: Sequence[str]) -> str:
    """What a word in an unusual place on the command line is perhaps meant for; "" where there is none."""
    if file := _file_for_json(arguments):
        words = (item.removesuffix(f"={file}") for item in arguments if item != file)
        return (
            f"Here --json prints, and takes no FILE: alexnet-bench {escape_controls(f'{shlex.join(words)} > {file}')}"
        )
    if arguments and arguments[0].endswith(".onnx"):
        return f"To profile a model: alexnet-bench profile {escape_controls(arguments[0])}"
    dashed = next((item for item in arguments if item.startswith("-") and item.endswith(".onnx")), None)
    return f"To name a file that begins with a dash: ./{escape_controls(dashed)}" if dashed else ""


def _file_for_json(arguments: Sequence[str]) -> str:
    """What stands behind --json as a file would, where that is a flag; "" for nothing."""
    if not arguments or arguments[0] not in _COMMANDS:
        return ""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    given = [item.partition("=")[2] or after for item, after in pairs if item.partition("=")[0] == "--json"]
    file = next((item for item in given if item.endswith(".json") or os.sep in item), "")
    return file if file and _is_flag(arguments[0], "json") else ""


def _is_flag(command: str, name: str) -> bool:
    """Whether an option of a command takes no value."""
    group = typer.main.get_command(application(command))
    commands: dict[str, Any] = getattr(group, "commands", {})
    return any(item.name == name and getattr(item, "is_flag", False) for item in commands[command].params)


def _interrupted() -> int:
    return _fail("interrupted", "", INTERRUPTED)


def _failed(error: Exception) -> int:
    """Shows an error and returns its exit code."""
    known = error if isinstance(error, AlexnetBenchError) else disk_full(error) or folder_gone(error)
    if known is not None:
        return _fail(known.message, known.hint, known.exit_code)
    say, code = getattr(error, "format_message", None), getattr(error, "exit_code", None)
    if callable(say) and isinstance(code, int):  # an error in the command line itself; the parser words it
        return _misused(error, say(), code)
    if type(error).__name__ == "Abort":  # what the parser makes of the end of standard input
        return _interrupted()
    if isinstance(error, MemoryError):
        return _fail("there is not enough memory", "give a smaller --batch or --shape", 2)
    hint = "this is a bug; run again with --debug and report it"
    return _fail(f"internal error: {type(error).__name__}: {error}", hint, INTERNAL_ERROR)


def _misused(error: Exception, message: str, code: int) -> int:
    """Shows what is wrong with the command line; where nothing was given, the help."""
    show = getattr(error, "show", None)
    if type(error).__name__ == "NoArgsIsHelpError" and callable(show):
        show()
        return code
    command = getattr(getattr(error, "ctx", None), "command_path", "alexnet-bench")
    return _fail(message[:1].lower() + message[1:].rstrip("."), f"{command} --help", code)


def _ended(error: SystemExit) -> int:
    """The exit code after the process was told to end.

    The parser makes an exit with 1, which here means a failed check, of any pipe that breaks; standard streams do not.
    """
    if isinstance(error.__context__, BrokenPipeError):
        return _failed(error.__context__)
    return error.code if isinstance(error.code, int) else 0


def _terminate(number: int, _: FrameType | None) -> None:
    """Leaves as after Ctrl-C: workers end and scratch folders go."""
    raise SystemExit(_SIGNALLED + number)


def _fail(message: str, hint: str, code: int) -> int:
    typer.echo(f"error: {escape_controls(message, keep=_LINE_BREAK)}", err=True)
    if hint:
        typer.echo(f"hint:  {escape_controls(hint, keep=_LINE_BREAK)}", err=True)
    return code


_LINE_BREAK = "\n"
"""Errors that name several things stand on several lines; names themselves come escaped."""
