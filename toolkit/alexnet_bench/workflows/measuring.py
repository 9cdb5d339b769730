"""Cases run and timed, and their profiles put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Ceilings, Environment, Profile, ProfileSet
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import cache_dir
from alexnet_bench.measure import environment
from alexnet_bench.measure.ceilings import measured_ceilings
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from alexnet_bench.measure.layer_run import measure_layers
from alexnet_bench.workflows import cautions
from alexnet_bench.workflows.assemble import Measured
from alexnet_bench.workflows.options import Options, Progress


@dataclass(frozen=True)
class Prepared:
    """A case that is ready to run.

    Attributes:
        latency: what to run.
        graph: that its layers are told in terms of.
    """

    latency: LatencyCase
    graph: Graph


def measure(
    cases: Sequence[Prepared],
    *,
    options: Options,
    named_model: Callable[[], bytes | None],
    weights_sha256: Callable[[], str | None],
    progress: Progress,
) -> list[Measured]:
    """Latency, then layer times, then the ceilings of the backend.

    Args:
        cases: of one backend and one number of threads.
        options: how long, in how many processes.
        named_model: gives a copy of the model in which every node has a name, where its file lacks that.
        weights_sha256: asked for at the end, since the weights are in the system's cache by then.
        progress: told what is done next.

    Raises:
        BackendRefusal: the runtime does not take a model.
        BackendCrash: a worker died, hung, or left no trace.
    """
    latencies = measure_latency(
        [case.latency for case in cases], seconds=options.timed_s, processes=options.timed_processes, progress=progress
    )
    progress("layer times")
    named = named_model()
    times = [measure_layers(case.latency, case.graph, seconds=options.timed_s / 3, named_model=named) for case in cases]
    request = cases[0].latency.request
    progress("ceilings of this machine")
    seed = options.input_seed if options.inputs is None else None
    given = "" if options.inputs is None else printable(str(options.inputs), 200)
    ceilings, sha256 = _ceilings(request.backend, request.threads), weights_sha256()
    return [
        Measured(request.backend, latency, layers, ceilings, request.threads, seed, sha256, given)
        for latency, layers in zip(latencies, times, strict=True)
    ]


def profiled(
    runs: Sequence[Measured], assemble: Callable[[Sequence[Measured]], tuple[Profile, ...]], progress: Progress
) -> ProfileSet:
    """The profiles of some runs; ceilings that layers are faster than are measured again."""
    profiles = assemble(runs)
    if any(cautions.refute_ceilings(profile.layers) for profile in profiles):
        progress("layers are faster than the ceilings of this machine, which are measured again")
        ceilings = _ceilings(runs[0].backend, runs[0].threads, refresh=True)
        profiles = assemble([replace(run, ceilings=ceilings) for run in runs])
    return ProfileSet(profiles)


def here(run: Measured) -> Environment:
    """The machine of a run, with the settings that were in force."""
    loaded = run.latency.loaded
    return environment.describe(
        backend=run.backend,
        backend_version=loaded.backend_version,
        threads=run.threads,
        device=loaded.device,
        settings=loaded.settings,
    )


def _ceilings(backend: str, threads: int, *, refresh: bool = False) -> Ceilings:
    version = availability(get_backend(backend)).version
    return measured_ceilings(backend, version, threads, cache=cache_dir() / "ceilings", refresh=refresh)
