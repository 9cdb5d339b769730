"""What the listing commands return: models, recipes, and the diagnosis of this machine."""

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


@dataclass(frozen=True, slots=True)
class RecipeListing:
    """A recipe that can be named.

    Attributes:
        name: to type.
        title: one line about it.
        backend: that it is for, "" for any.
        precision: that it asks for, "" for the model's own types.
        passes: over the graph, in order.
        path: of its file.
        invalid: why it cannot be used; "" for one that can.
    """

    name: str
    title: str
    backend: str
    precision: str
    passes: tuple[str, ...]
    path: str
    invalid: str = ""


@dataclass(frozen=True, slots=True)
class PassListing:
    """A pass over the graph: its name, and what it does in one line."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class SettingListing:
    """A setting of a backend.

    Attributes:
        backend: that has it.
        name: to type, in `--set NAME=VALUE` and under `[settings]` of a recipe.
        meaning: one line about it.
        default: None where the runtime has a choice of its own.
        values: that it may have.
        form: in words what else it may be; "" for nothing.
    """

    backend: str
    name: str
    meaning: str
    default: str | None
    values: tuple[str, ...]
    form: str


@dataclass(frozen=True, slots=True)
class RecipesListing:
    """What an engine can be built by."""

    recipes: tuple[RecipeListing, ...]
    passes: tuple[PassListing, ...]
    settings: tuple[SettingListing, ...]
