"""How several builds of one engine differ: part of a passport, for `build-engine --builds`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildResult:
    """One of the builds.

    Attributes:
        size_bytes: of the engine's files.
        engine_sha256: of them.
        build_s: how long the build took, in seconds.
        layers: how many the engine has.
        differing_layers: of those of the first build, how many are otherwise here, or not there.
        samples_s: wall time of each run, by process; None where engines cannot be run.
        median_s: of all of them.
    """

    size_bytes: int
    engine_sha256: str
    build_s: float
    layers: int
    differing_layers: int
    samples_s: tuple[tuple[float, ...], ...] | None = None
    median_s: float | None = None


@dataclass(frozen=True, slots=True)
class DifferingLayer:
    """A layer that is not the same in all builds.

    Attributes:
        name: in the first build that has it.
        onnx_nodes: the user's nodes that it stands for, alone or in part.
        tactics: by build, the kernels with the type that they compute in; None where there is no such layer.
    """

    name: str
    onnx_nodes: tuple[str, ...]
    tactics: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Builds:
    """Builds of one engine from the same inputs.

    Attributes:
        builds: in their order; the first is the engine of the passport.
        differing: layers that are not the same in all of them.
        first_was_cached: the first one was built before.
        not_run: why no latency was measured, "" where it was.
    """

    builds: tuple[BuildResult, ...]
    differing: tuple[DifferingLayer, ...]
    first_was_cached: bool
    not_run: str = ""

    @property
    def are_identical(self) -> bool:
        """Whether all have the same bytes."""
        return len({build.engine_sha256 for build in self.builds}) == 1
