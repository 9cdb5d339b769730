"""`alexnet-bench build-engine`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alexnet_bench.cli import options
from alexnet_bench.cli.command import Command
from alexnet_bench.cli.outputs import Outputs
from alexnet_bench.core.errors import UsageError


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("build-engine", cls=Command)(build_engine)


def build_engine(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name from `alexnet-bench models`, or an .onnx file.")
    ] = "alexnet-2012",
    *,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Recipe, or its .toml file; default: that of backend and precision.",
        ),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runtime; default: the recipe's, else the first that works here.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="TYPE", help="fp32, tf32, fp16 or bf16.  [default: fp32]")
    ] = None,
    optimize: Annotated[
        bool | None,
        typer.Option("--optimize/--no-optimize", help="Make the graph faster first; default: as the recipe says."),
    ] = None,
    added: Annotated[
        list[str] | None,
        typer.Option(
            "--pass",
            metavar="NAME",
            help="Pass to apply beside the recipe's, as `alexnet-bench recipes` lists them; may be repeated.",
        ),
    ] = None,
    keep_fp32: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE|OP", help="What fp16 or bf16 leaves in float32; may be repeated."),
    ] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Fix the batch; default: as in the model.")] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SIZES", help="Fix the size of an input, as NAME=1x3x224x224; may be repeated."),
    ] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="NAME=SIZES", help="Least size of an input; again for the next profile."),
    ] = None,
    usual: Annotated[
        list[str] | None,
        typer.Option("--opt", metavar="NAME=SIZES", help="The size that the engine is made for, likewise."),
    ] = None,
    largest: Annotated[
        list[str] | None, typer.Option("--max", metavar="NAME=SIZES", help="Largest size, likewise.")
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Library of plugins for TensorRT, a .so file; may be repeated."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Setting (`alexnet-bench recipes BACKEND` lists them); may be repeated.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Compute capabilities to build for, as 86,89 (setting compute_capability); may be repeated.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Copy the engine there, its passport beside it."),
    ] = None,
    builds: Annotated[
        int, typer.Option(metavar="N", help="Build it N times, and show how the builds differ.", show_default=False)
    ] = 1,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build again where the cache has it.")] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Search the settings that it runs fastest with on this machine.")
    ] = False,
    tune_seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Time for that search.  [default: 30]", show_default=False)
    ] = None,
    timeout: options.Timeout = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the passport as JSON; - is standard output.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary and no progress.")] = False,
) -> None:
    """Build an engine by a recipe, with its passport."""
    outputs = Outputs(json=json)
    outputs.check([model, recipe, *(plugins or ())])
    if tune_seconds is not None and not tune:
        raise UsageError("--tune-seconds is the time for --tune, which is not there", "add --tune")
    shapes = options.shapes(shape or [])
    settings = options.settings([*(setting or []), *options.targets(target or [])])
    from alexnet_bench.workflows.engines.build import build_engine as build
    from alexnet_bench.workflows.engines.options import BuildOptions
    from alexnet_bench.workflows.resolve import check_input_names
    from alexnet_bench.workflows.tuning.check import DEFAULT_TUNE_SECONDS

    chosen = BuildOptions(
        recipe=recipe,
        backend=backend,
        precision=precision,
        optimize=optimize,
        passes=added or (),
        keep_fp32=keep_fp32 or (),
        batch=batch,
        shapes=shapes,
        profiles=options.profiles(
            least or [], usual or [], largest or [], lambda names: check_input_names(model, names)
        ),
        settings=settings,
        plugins=plugins or (),
        rebuild=rebuild,
        timeout_s=timeout,
        builds=builds,
        tune_s=(DEFAULT_TUNE_SECONDS if tune_seconds is None else tune_seconds) if tune else None,
    )
    passport = build(model, options=chosen, output=output, progress=options.progress(quiet=quiet))
    from alexnet_bench.core.passport import encode_passport

    outputs.emit(json=lambda: encode_passport(passport))
    if not quiet:
        from alexnet_bench.report.engines import print_passport

        print_passport(passport, sys.stderr if outputs.take_stdout else sys.stdout)
