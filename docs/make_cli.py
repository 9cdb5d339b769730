"""Writes docs/cli.md from what each command says of itself: `python docs/make_cli.py --update`.

Without --update it only checks that the file is current, and exits with 1 when it is not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer.main

from alexnet_bench.cli.main import application

PAGE = Path(__file__).with_name("cli.md")
_WIDTH = 100
_NAME = "alexnet-bench"
_HEAD = """# Command line

Made from `--help` by `python docs/make_cli.py --update`; do not edit it by hand.

`MODEL` is a name that `alexnet-bench models` lists (`alexnet-2012`), a model inside the installed onnx package
(`onnx:resnet50`), or the path of an `.onnx` file. A name comes before a file; write `./alexnet-2012` for a file of that
name. `profile` also takes an engine and `trtexec:` with a folder of files that trtexec wrote. `profile`, `verify` and
`inspect` take an engine by its file, its folder, or the start of its key, four digits at least. In a `--shape` beside
`--batch`, a leading 1 stands for every batch: `--shape input_ids=1x128 --batch 1,8`.

An option that has no use beside the others is refused, with the reason.

Where an output is given as `-`, it goes to standard output, and the table to standard error. An output file is put in
place in one step, once it is complete. Where its name is a symbolic link, the link stays, and the file that it leads to
is replaced. These are refused: to replace a file that the same command reads, the weights of a model and a recipe among
them; with `--json`, `--markdown` and the like, to write a file that is called like a model, an engine or a passport;
with `-o`, to replace a file that this tool did not write. When the reader of a pipe leaves, or a standard stream is
closed, only what would have gone there is lost: files are written, and the exit code is that of the work. Tables are as
wide as the terminal, or as `COLUMNS` says, and plain where standard output is no terminal or `NO_COLOR` is set.
"""
_FOOT = """## Exit codes

| code | meaning |
|---|---|
| 0 | done, or passed |
| 1 | the verdict of `verify` is `failed`, or an engine computes in another type than was asked for |
| 2 | wrong use, bad input, a backend that is missing or refuses the model, an engine that may not be used here; \
`doctor` where no backend works |
| 3 | the verdict of `verify` is `inconclusive` |
| 4 | not used: kept for gates in CI, which are not there yet |
| 5 | internal error, or a backend that crashed |
| 129, 130, 143 | the terminal was closed, interrupted (Ctrl-C), terminated |

An error is one message, `error: ...`, and where there is something to do about it, `hint: ...`. `--debug` shows the
traceback as well.
"""


def page() -> str:
    """The whole page."""
    group = typer.main.get_command(application())
    top = group.make_context(_NAME, [], resilient_parsing=True, terminal_width=_WIDTH, max_content_width=_WIDTH)
    parts = [_HEAD, _block(_NAME, group.get_help(top))]
    for name in group.list_commands(top):  # type: ignore[attr-defined]
        command = group.get_command(top, name)  # type: ignore[attr-defined]
        context = command.make_context(
            name, [], parent=top, resilient_parsing=True, terminal_width=_WIDTH, max_content_width=_WIDTH
        )
        parts.append(_block(f"{_NAME} {name}", command.get_help(context)))
    return "\n".join([*parts, _FOOT])


def _block(title: str, help_text: str) -> str:
    lines = "\n".join(line.rstrip() for line in help_text.strip().splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


def main() -> int:
    """Updates or checks the page; the exit code says whether it is current."""
    made = page()
    if "--update" in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
    if PAGE.read_text(encoding="utf-8") == made:
        return 0
    sys.stderr.write(f"{PAGE} is not current: python docs/make_cli.py --update\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
