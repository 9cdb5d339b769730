"""`alexnet-bench profile`: a model counted, run, timed by layer, and set against its roofs and budgets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.attribution.roofline import ABOVE_ROOF
from alexnet_bench.backends.protocol import Backend, LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.backends.worker import write_arrays
from alexnet_bench.core.devices import Budget, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import memory_bytes, usable_cores
from alexnet_bench.core.profile import Ceilings, Profile, ProfileSet
from alexnet_bench.core.units import binary_bytes
from alexnet_bench.core.workspace import cache_dir, find_workspace
from alexnet_bench.graph import external
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, named_copy, open_model, weights_sha256
from alexnet_bench.measure import environment
from alexnet_bench.measure.ceilings import measured_ceilings
from alexnet_bench.measure.inputs import generate
from alexnet_bench.measure.latency import PROCESSES, LatencyCase, measure_latency
from alexnet_bench.measure.layer_run import measure_layers
from alexnet_bench.workflows.assemble import Counted, Measured, measured_profile, static_profile
from alexnet_bench.workflows.ceilings import check_threads
from alexnet_bench.workflows.resolve import ResolvedModel, resolve

DEFAULT_MODEL = "alexnet-2012"
DEFAULT_BUDGETS = ("gtx-580:2",)
DEFAULT_SECONDS = 3.0
_MAX_SECONDS = 3600

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to profile.

    Attributes:
        backend: name in the registry, None for the first that works here.
        shapes: sizes by input name.
        threads: None takes the physical cores that this process may use.
        seconds: timed seconds for each case; warming up and layer times come on top.
        budgets: devices to compare with, as NAME:COUNT; the first also gives each layer's predicted time.
        seed: of generated inputs.
        static: count only.
        processes: fresh processes that the timed seconds are spread over.
    """

    backend: str | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    threads: int | None = None
    seconds: float = DEFAULT_SECONDS
    budgets: tuple[str, ...] = DEFAULT_BUDGETS
    seed: int = 0
    static: bool = False
    processes: int = PROCESSES


def _silent(_: str) -> None:
    """Progress for callers that show none."""


def profile(
    model: str | Path = DEFAULT_MODEL,
    *,
    batch: int | None = None,
    options: Options | None = None,
    progress: Progress = _silent,
) -> Profile:
    """Profiles one model at one batch size.

    Args:
        model: a name that `alexnet-bench models` lists, or the path of an ONNX file.
        batch: size of a lone symbolic first dimension; None takes 1.
        options: backend, threads, time, budgets.
        progress: told what is done next; never called while something is timed.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model, the options or the machine.
    """
    return profile_set(model, batches=(batch,), options=options, progress=progress).profiles[0]


def profile_set(
    model: str | Path = DEFAULT_MODEL,
    *,
    batches: Sequence[int | None],
    options: Options | None = None,
    progress: Progress = _silent,
) -> ProfileSet:
    """As `profile`, for several batch sizes; their timed runs are interleaved.

    Raises:
        AlexnetBenchError: as `profile`.
    """
    chosen = options or Options()
    _check(chosen, batches)
    budgets = tuple(parse_budget(text, find_workspace(Path.cwd())) for text in chosen.budgets)
    if chosen.backend is not None:
        get_backend(chosen.backend)  # a name that is not known is wrong even where nothing is run
    backend = None if chosen.static else choose_backend(chosen.backend)
    progress(f"reading {model}")
    resolved = resolve(model)
    file = open_model(resolved.path)
    cases = [_count_case(file, resolved, chosen, batch) for batch in batches]
    if backend is None:
        here = environment.describe(backend=None, backend_version=None, threads=None)
        return ProfileSet(tuple(static_profile(case, budgets, here) for case in cases))
    with tempfile.TemporaryDirectory(prefix="alexnet-bench-") as scratch:
        runs = _run(backend, file, resolved, cases, chosen, Path(scratch), progress)
    profiles = _assemble(cases, runs, budgets)
    if any(map(_above_compute_roof, profiles)):
        progress("layers are faster than the ceilings of this machine, which are measured again")
        ceilings = _ceilings(backend.name, runs[0].threads, refresh=True)
        profiles = _assemble(cases, [replace(run, ceilings=ceilings) for run in runs], budgets)
    return ProfileSet(profiles)


def _assemble(cases: Sequence[Counted], runs: Sequence[Measured], budgets: Sequence[Budget]) -> tuple[Profile, ...]:
    profiles = []
    for case, run in zip(cases, runs, strict=True):
        version = run.latency.loaded.backend_version
        here = environment.describe(backend=run.backend, backend_version=version, threads=run.threads)
        profiles.append(measured_profile(case, run, budgets, here))
    return tuple(profiles)


def _above_compute_roof(profile: Profile) -> bool:
    """Whether the arithmetic ceiling must be wrong: measured on a busy machine, and kept."""
    return any(layer.bound == "compute" and (layer.fraction_of_ceiling or 0.0) > ABOVE_ROOF for layer in profile.layers)


def _check(options: Options, batches: Sequence[int | None]) -> None:
    if not batches or any(batch is not None and batch < 1 for batch in batches):
        raise UsageError("a batch is a whole number from 1", "for example --batch 1,8,32")
    if not 0 < options.seconds <= _MAX_SECONDS:
        raise UsageError(
            f"{options.seconds:g} s is no time to measure for", f"give --seconds above 0, up to {_MAX_SECONDS}"
        )
    check_threads(options.threads)
    if options.seed < 0:
        raise UsageError(f"the seed {options.seed} is negative", "give --seed from 0")
    if options.processes < 1:
        raise UsageError("at least one process has to measure", "give processes from 1")


def _check_memory(case: Counted) -> None:
    """Refuses what the machine cannot hold, before the system ends the process for it.

    Raises:
        UsageError: weights and activations are larger than the machine's memory.
    """
    needed, there = case.costs.weight_bytes + case.costs.activation_peak_bytes, memory_bytes()
    if needed > there:
        raise UsageError(
            f"batch {case.batch:,} needs {binary_bytes(needed)} for weights and activations, "
            f"and this machine has {binary_bytes(there)}",
            "give a smaller --batch or --shape, or count without running: --static",
        )


def _count_case(file: ModelFile, resolved: ResolvedModel, options: Options, batch: int | None) -> Counted:
    graph = build_graph(file, name=resolved.name, batch=batch, given_shapes=options.shapes)
    sizes = graph.tensor(graph.inputs[0]).sizes if graph.inputs else None
    return Counted(
        graph, count(graph), batch or (sizes[0] if sizes and sizes[0] > 0 else 1), resolved.whole_on_one_card
    )


def _run(
    backend: Backend,
    file: ModelFile,
    resolved: ResolvedModel,
    cases: Sequence[Counted],
    options: Options,
    scratch: Path,
    progress: Progress,
) -> list[Measured]:
    version = availability(backend).version
    if options.backend is None:
        progress(f"backend {backend.name} {version}, the first that works here")
    external.check_present(file.path, file.proto)
    for case in cases:
        _check_memory(case)
    threads = options.threads or usable_cores()
    to_run = [
        LatencyCase(
            LoadRequest(backend.name, str(resolved.path.resolve()), threads),
            _write_inputs(case, resolved, options.seed, scratch / str(index)),
        )
        for index, case in enumerate(cases)
    ]
    latencies = measure_latency(to_run, seconds=options.seconds, processes=options.processes, progress=progress)
    progress("layer times")
    named = named_copy(file)
    times = [
        measure_layers(case, counted.graph, seconds=options.seconds / 3, named_model=named)
        for case, counted in zip(to_run, cases, strict=True)
    ]
    progress("ceilings of this machine")
    ceilings = _ceilings(backend.name, threads)
    weights = weights_sha256(file)
    return [
        Measured(backend.name, latency, layer_times, ceilings, threads, options.seed, weights)
        for latency, layer_times in zip(latencies, times, strict=True)
    ]


def _ceilings(backend: str, threads: int, *, refresh: bool = False) -> Ceilings:
    version = availability(get_backend(backend)).version
    return measured_ceilings(backend, version, threads, cache=cache_dir() / "ceilings", refresh=refresh)


def _write_inputs(case: Counted, resolved: ResolvedModel, seed: int, folder: Path) -> Path:
    folder.mkdir()
    write_arrays(folder, generate(case.graph, seed=seed, pixel_range=resolved.pixel_range))
    return folder
