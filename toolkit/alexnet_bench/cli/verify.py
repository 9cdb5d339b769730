"""`alexnet-bench verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from alexnet_bench.cli import options
from alexnet_bench.cli.command import Command
from alexnet_bench.cli.outputs import Outputs
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.places import check_different
from alexnet_bench.core.text import printable

_EXIT_CODES = {"passed": 0, "failed": 1, "inconclusive": 3}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("verify", cls=Command)(verify)


def verify(
    engine: Annotated[
        str,
        typer.Argument(
            metavar="ENGINE",
            help="An engine with its passport (file, folder, start of its key), an .onnx file, a name, or stored "
            "outputs.",
        ),
    ],
    *,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The reference, run in fp32; default: what ENGINE was built from, if found; of a model, itself.",
        ),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runtime of ENGINE; default: the first that works here.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="NAME", help="fp32, tf32, fp16, bf16 or int8; default: what ENGINE says.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Largest error; default: fp32 1e-4, tf32 and fp16 1e-2, bf16 5e-2, int8 1e-1.",
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Real inputs, at least 16: a folder of .npz or .npy, or a Polygraphy .json."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", help="Inputs to generate, at least 16.  [default: 16]")
    ] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Batch size.")] = None,
    shape: options.Shape = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the first input.  [default: 0]")] = None,
    pixels: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Range of generated images; default: the network's, or 0:1.")
    ] = None,
    threads: options.Threads = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="S", help="End a runtime that loads, or runs once, for longer; default: 600."),
    ] = None,
    top1: Annotated[
        bool, typer.Option("--top1", help="Give top-1 agreement too; it means something for trained weights.")
    ] = False,
    no_search: Annotated[
        bool, typer.Option("--no-search", help="After a failure, do not look for the first bad node.")
    ] = False,
    save_inputs: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the inputs as a Polygraphy .json file.")
    ] = None,
    save_outputs: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the outputs of both as a Polygraphy .json file.")
    ] = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare the outputs of an engine with those of its reference."""
    outputs = Outputs(json=json, markdown=markdown)
    outputs.check([side.partition("#")[0] for side in (engine, against or "")], inputs)
    from alexnet_bench.workflows.verification.options import VerifyOptions
    from alexnet_bench.workflows.verification.verify import verify as compare

    chosen = VerifyOptions(
        backend=backend,
        precision=precision,
        tolerance=tolerance,
        inputs=inputs,
        count=count,
        batch=batch,
        shapes=options.shapes(shape or []),
        seed=seed,
        pixel_range=None if pixels is None else _range(pixels),
        threads=threads,
        timeout_s=timeout,
        top1=top1,
        search=not no_search,
        save_inputs=save_inputs,
        save_outputs=save_outputs,
    )
    check_different(outputs.files | chosen.saved)
    found = compare(engine, against=against, options=chosen, progress=options.progress(quiet=quiet))
    outputs.write(found, top=None, quiet=quiet)
    if _EXIT_CODES[found.verdict]:
        raise typer.Exit(_EXIT_CODES[found.verdict])


def _range(text: str) -> tuple[float, float]:
    """Two numbers from "-128:127".

    Raises:
        UsageError: something else.
    """
    low, _, high = text.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        found = (0.0, 0.0)
    if not found[0] < found[1] or not all(abs(value) < 1e30 for value in found):
        raise UsageError(f"{printable(text)!r} is not a range", "write --pixels LOW:HIGH, for example --pixels 0:255")
    return found
