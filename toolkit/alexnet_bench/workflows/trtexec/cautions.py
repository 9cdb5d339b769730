"""What to know before trusting a profile that was read from files of trtexec. Codes as in `cautions`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alexnet_bench.backends.tensorrt.plan_tensors import OF_TRTEXEC
from alexnet_bench.backends.tensorrt.trtexec_files import TrtexecFiles
from alexnet_bench.backends.tensorrt.trtexec_layers import TimedInfo
from alexnet_bench.core.profile import Caution
from alexnet_bench.core.text import plural, printable


def of_files(files: TrtexecFiles, infos: Sequence[TimedInfo], *, batch_is_known: bool) -> Iterator[Caution]:
    """What the numbers are, and which are missing."""
    yield Caution("trtexec", f"read from files of trtexec: {_what_numbers_are(files)}")
    missing = (
        (files.times, "--exportTimes: there is no latency"),
        (files.profile, "--exportProfile: layers have no times"),
        (files.layer_info, "--exportLayerInfo: there are no types and no metadata of layers"),
    )
    for found, what in missing:
        if found is None:
            option, _, lacks = what.partition(": ")
            yield Caution("not-in-files", f"no file of {option}: {lacks}", f"run trtexec with {option}=FILE")
    if files.times is not None and files.runtime.is_tensorrt and not any((*files.times.h2d_s, *files.times.d2h_s)):
        yield Caution("not-in-files", "all transfer times are 0, as without transfers (--noDataTransfers)")
    yield from _of_layers(files, infos)
    if not batch_is_known:
        yield Caution("not-in-files", "the batch is not told, and taken as 1", "give it by --batch")


def _what_numbers_are(files: TrtexecFiles) -> str:
    times, profile, parts = files.times, files.profile, []
    if files.runtime != OF_TRTEXEC:
        parts.append(f"written of a profile of {printable(files.runtime.backend)}")
        parts += ["latency is wall time"] if times is not None else []
    elif times is not None:
        parts.append("latency is H2D + compute + D2H of each query, not wall time, and queries may overlap")
    if profile is not None:
        runs = plural(profile.runs, "run") if profile.runs else "an unknown number of runs"
        parts.append(f"layer times are {'medians' if profile.is_median else 'means'} over {runs}, with a profiler")
    return "; ".join(parts) or "layers alone"


def _of_layers(files: TrtexecFiles, infos: Sequence[TimedInfo]) -> Iterator[Caution]:
    if files.profile is not None and (untimed := [info for info in infos if info.time_s is None]):
        yield Caution(
            "not-in-files",
            f"{plural(len(untimed), 'layer')} of the layer info, {printable(untimed[0].key)} first, not in the profile",
        )
