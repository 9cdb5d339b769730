"""`alexnet-bench profile`."""

from __future__ import annotations

from typing import Annotated

import typer

from alexnet_bench.cli import contest, options, trtexec
from alexnet_bench.cli.command import Command
from alexnet_bench.cli.outputs import Outputs
from alexnet_bench.core import blas
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.places import READ_FROM


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("profile", cls=Command)(profile)


def profile(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name from `alexnet-bench models`, an .onnx file, an engine (file, folder, start of its key), or "
            "trtexec:DIR.",
        ),
    ] = "alexnet-2012",
    *,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|all|fastest", help="Runtime; default: the first that works here. all compares them."
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE|all",
            help="Build an engine in fp32, tf32, fp16 or bf16, and profile it. all compares them, on all backends "
            "unless one is named.",
        ),
    ] = None,
    optimize: Annotated[
        bool | None,
        typer.Option("--optimize/--no-optimize", help="Build an engine with passes that make it faster, or without."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Build an engine by a recipe or its .toml file.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Setting of the run, or the engine (`alexnet-bench recipes BACKEND` lists them); may be repeated.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="X", help="Largest error with --backend all or fastest; default: that of the precision."),
    ] = None,
    batch: Annotated[str, typer.Option(metavar="N,N,...", help="Batch sizes, for example 1,8,32.")] = "",
    shape: options.Shape = None,
    threads: options.Threads = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Timed seconds for each batch size.  [default: 3]")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:COUNT", help="Devices to compare with; may be repeated.  [default: gtx-580:2]"),
    ] = None,
    static: Annotated[bool, typer.Option("--static", help="Count, do not run; needs no runtime.")] = False,
    symbolic: Annotated[
        bool, typer.Option("--symbolic", help="Count as formulas of the dynamic dimensions; implies --static.")
    ] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of generated inputs.  [default: 0]")] = None,
    inputs: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Run on these: a folder of NAME.npy, an .npz or a Polygraphy .json."),
    ] = None,
    timeout: options.Timeout = None,
    cuda_python: Annotated[
        bool | None,
        typer.Option("--cuda-python/--pycuda", help="Package for device memory; default: what is installed."),
    ] = None,
    top: options.Top = None,
    onnx: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="What an engine without a passport, or of trtexec:DIR, was built from."
        ),
    ] = None,
    host_code: options.HostCode = False,
    export_times: trtexec.ExportTimes = None,
    export_profile: trtexec.ExportProfile = None,
    export_layer_info: trtexec.ExportLayerInfo = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    quiet: options.Quiet = False,
) -> None:
    """Profile a model layer by layer: time, FLOPs, bytes, roofline."""
    outputs = Outputs(json=json, markdown=markdown)
    read = (model, recipe, onnx)
    outputs.check(read, inputs)
    sizes = options.batches(batch)
    shapes = options.shapes(shape or [])
    settings = options.settings(setting or [])
    exports = trtexec.Exports(export_times, export_profile, export_layer_info)
    is_one_run = not (symbolic or static or contest.is_meant(backend, precision))
    exports.check(outputs, read, inputs, batches=len(sizes), is_one_run=is_one_run)
    if static or symbolic:
        blas.load_without_threads()
    from alexnet_bench.workflows.options import DEFAULT_BUDGETS, FASTEST, Options, check_only_counts

    chosen = Options(
        backend=backend,
        shapes=shapes,
        threads=threads,
        seconds=seconds,
        budgets=tuple(budget or DEFAULT_BUDGETS),
        seed=seed,
        inputs=inputs,
        static=static,
        recipe=recipe,
        precision=precision,
        optimize=optimize,
        settings=settings or None,
        timeout_s=timeout,
        device_api=None if cuda_python is None else "cuda-python" if cuda_python else "pycuda",
        model=onnx,
        host_code=host_code,
    )
    if symbolic:
        from alexnet_bench.cli.symbolic import count_symbolically

        if model.startswith(READ_FROM):
            raise UsageError(f"--symbolic counts a model, and {READ_FROM}DIR is a run", "give the model in its place")
        check_only_counts(chosen, "--symbolic")
        options.check_unused(
            "formulas are compared with nothing", {"--budget": budget, "--tolerance": tolerance, "--model": onnx}
        )
        count_symbolically(model, batches=sizes, shapes=shapes, outputs=outputs, top=top, quiet=quiet)
        return
    from alexnet_bench.workflows.profile import profile_set

    if contest.is_asked_for(chosen, tolerance) and not model.startswith(READ_FROM):
        options.check_unused("a contest is held with a model", {"--model": onnx})
        if backend != FASTEST:
            options.check_unused("a contest shows no layers and no predicted times", {"--budget": budget, "--top": top})
        contest.run(model, sizes, chosen, tolerance=tolerance, outputs=outputs, top=top, quiet=quiet)
        return
    profiles = profile_set(model, batches=sizes, options=chosen, progress=options.progress(quiet=quiet))
    outputs.write(profiles if len(sizes) > 1 else profiles.profiles[0], top=top, quiet=quiet)
    exports.write(profiles.profiles[0])
