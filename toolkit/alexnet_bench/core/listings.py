"""What the listing commands return: models, and the diagnosis of this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A model that can be profiled by name.

    Attributes:
        name: to type.
        title: one line about it.
        input_shape: of one image, without the batch.
        params: elements of float weights, running statistics included.
        macs: multiply-adds of one image.
        mac_flop: 2·macs.
        flop: with bias and elementwise work, None where it is only known from the graph.
    """

    name: str
    title: str
    input_shape: tuple[int, ...]
    params: int
    macs: int
    mac_flop: int
    flop: int | None = None


@dataclass(frozen=True, slots=True)
class BackendDiagnosis:
    """Whether a backend works here, tried on a small model.

    Attributes:
        name: of the backend.
        version: of its runtime, "" when not installed.
        works: whether it ran.
        detail: what it ran on, or why it does not work.
        hint: what to type to make it work.
        builds: whether it built an engine of that model, where it cannot run one.
    """

    name: str
    version: str
    works: bool
    detail: str
    hint: str = ""
    builds: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """This machine and its backends."""

    version: str
    python: str
    machine: str
    cpu: str
    usable_cores: int
    workspace: str | None
    cache: str
    nvidia_driver: str | None
    backends: tuple[BackendDiagnosis, ...]
