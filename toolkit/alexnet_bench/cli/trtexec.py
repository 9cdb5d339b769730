"""Options of `profile` that write what trtexec writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet_bench.cli.outputs import Outputs, check_files
from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError

if TYPE_CHECKING:
    from alexnet_bench.core.profile import Profile

ExportTimes = Annotated[
    str | None, typer.Option("--export-times", metavar="FILE", help="Write times of whole runs as trtexec does.")
]
ExportProfile = Annotated[
    str | None, typer.Option("--export-profile", metavar="FILE", help="Write times of layers as trtexec does.")
]
ExportLayerInfo = Annotated[
    str | None, typer.Option("--export-layer-info", metavar="FILE", help="Write what the layers are as trtexec does.")
]


@dataclass(frozen=True)
class Exports:
    """Where files in the shapes of trtexec go; None writes none."""

    times: str | None
    profile: str | None
    layer_info: str | None

    def check(
        self, others: Outputs, read: Iterable[str | None], inputs: str | None, *, batches: int, is_one_run: bool
    ) -> None:
        """Raises an error now rather than after minutes of measuring.

        Args:
            others: what else is written.
            read: what the command reads, as it was typed.
            inputs: a file or folder of arrays that it reads.
            batches: how many are profiled.
            is_one_run: whether one backend runs the model once.

        Raises:
            UsageError: a file could not hold what is asked for, two want the same place, or one is read.
            OutputError: a file cannot be written.
        """
        if self._files and (batches != 1 or not is_one_run):
            raise UsageError(
                "files of trtexec hold one run with one batch",
                "leave --static, --symbolic, --backend all and further batches out, or the --export options",
            )
        if self._files:
            check_files(others.files | self._files, read, inputs)

    @property
    def _files(self) -> dict[str, Path]:
        given = {
            "--export-times": self.times,
            "--export-profile": self.profile,
            "--export-layer-info": self.layer_info,
        }
        return {name: Path(file) for name, file in given.items() if file is not None}

    def write(self, profile: Profile) -> None:
        """Writes what was asked for.

        Raises:
            UsageError: the profile does not have it.
            OutputError: a file could not be written after all.
        """
        if not self._files:
            return
        from alexnet_bench.report import trtexec

        if self.times is not None:
            if profile.latency is None:
                raise UsageError("this profile has no latency to export", "leave --export-times out")
            atomic.write_bytes(Path(self.times), trtexec.times_file(profile.latency))
        if self.profile is not None:
            if all(layer.time_s is None for layer in profile.layers):
                raise UsageError("this profile has no times of layers to export", "leave --export-profile out")
            atomic.write_bytes(Path(self.profile), trtexec.profile_file(profile.layers))
        if self.layer_info is not None:
            atomic.write_bytes(Path(self.layer_info), trtexec.layer_info_file(profile))
