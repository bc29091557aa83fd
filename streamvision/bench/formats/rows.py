"""The lines of the table: which file, executed how; and why some are not even tried."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from exporters.base import ExportOptions, ExportPrecision, TargetEntry
from exporters.pictures import check_calibration
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.install import pip_install
from streamvision.core.nvidia.machine import read_machine
from streamvision.inference.backends.registry import BACKENDS, BackendPlugin

RowPrecision = Literal["fp32", "fp16", "int8-dynamic", "int8", "bf16"]
"""Precisions of exports, and ``bf16``: the fp32 file, computed in bf16 by a runtime that does that."""
_CHECKPOINTS = (".pt", ".pth")


@dataclass(frozen=True)
class Row:
    """One line: a file, and how it is executed."""

    format: str
    """The export format; ``source`` for what the others are made of, ``file`` for one that was there."""
    precision: RowPrecision | None
    """What was asked for; ``None`` where the file decides."""
    file: Path | None = None
    """The file where it exists; ``None`` where it is to be made."""
    entry: TargetEntry | None = None
    """What makes the file."""
    backend: str = "auto"
    """The runtime that executes it."""
    device: str = "auto"
    """Where."""
    hindrance: str | None = None
    """Why it is not tried, in one sentence."""

    @property
    def name(self) -> str:
        """What tables call it."""
        if self.file is not None:
            return f"{self.file.name} ({self.format})" if self.format == "source" else self.file.name
        return f"{self.format} {self.precision}"

    @property
    def is_checkpoint(self) -> bool:
        """Whether torch executes it, as trained weights."""
        return self.file is not None and self.file.suffix.lower() in _CHECKPOINTS

    @property
    def made_in(self) -> ExportPrecision | None:
        """The precision of the file that is made for it; ``None`` where none is."""
        if self.entry is None or self.precision is None:
            return None
        return "fp32" if self.precision == "bf16" else self.precision


def rows_of_source(
    source: Path,
    entries: Sequence[TargetEntry],
    precisions: Sequence[RowPrecision],
    *,
    all_formats: bool,
    size_px: tuple[int, int] | None = None,
    calibration: Path | None = None,
    device: str = "auto",
) -> list[Row]:
    """Return the source's own line, and one for each format and precision that it can be exported to.

    Args:
        source: the trained weights.
        entries: the formats.
        precisions: those that are wanted; empty for all that each format has.
        all_formats: whether nobody has named the formats, so that those that do not execute here are not made.
        size_px: (width, height) of the input.
        calibration: pictures for int8.
        device: where all are executed that are not made for one device.

    Raises:
        ConfigError: when no format has any of the precisions.
    """
    rows = [Row("source", None, file=source, device=device)]
    for entry in entries:
        plugin = next((one for one in BACKENDS if one.name == entry.backend), None)
        own: list[RowPrecision] = [*entry.precisions]
        if plugin is not None and plugin.casts_to_bf16 and device in ("auto", "cpu"):
            own.append("bf16")
        executed = entry.device if entry.device != "auto" else device
        absent = _absence(entry, plugin)
        for precision in own:
            if precisions and precision not in precisions:
                continue
            row = Row(entry.name, precision, entry=entry, backend=entry.backend, device=executed)
            hindrance = _refusal(row, source, size_px, calibration) or (absent if all_formats else None)
            rows.append(Row(entry.name, precision, None, entry, entry.backend, executed, hindrance))
    if len(rows) == 1:
        named = ", ".join(entry.name for entry in entries)
        raise ConfigError(f"none of {named} is made in {', '.join(precisions)}; give other --precisions or --formats")
    return rows


def rows_of_files(files: Sequence[Path], *, device: str = "auto") -> list[Row]:
    """Return a line for each file that exists, executed by the runtime of its ending."""
    return [Row("file", None, file=file, device=device) for file in files]


def _refusal(row: Row, source: Path, size_px: tuple[int, int] | None, calibration: Path | None) -> str | None:
    """Return why the file cannot be made, as far as that is known before any converter is started."""
    assert row.entry is not None and row.made_in is not None
    try:
        row.entry.check_source(source)
        row.entry.check(ExportOptions(precision=row.made_in, size_px=size_px, calibration=calibration))
        check_calibration(row.made_in, calibration)
    except StreamVisionError as error:
        return str(error)
    return None


def _absence(entry: TargetEntry, plugin: BackendPlugin | None) -> str | None:
    """Return why what is made would not execute on this machine; ``None`` where it would, as far as is known."""
    instead = f"name it by --formats {entry.name} to make and prove it all the same"
    if entry.device.startswith(("tensorrt", "cuda")) and read_machine() is None:
        return f"{entry.name} executes on NVIDIA GPUs, and this machine has none; {instead}"
    if plugin is None:
        return None
    if plugin.systems and sys.platform not in plugin.systems:
        return (
            f"{entry.name} executes on Apple devices only; {instead}"
            if plugin.systems == ("darwin",)
            else (f"{entry.name} executes on {', '.join(plugin.systems)} only; {instead}")
        )
    if find_spec(plugin.package) is None:
        return f"{entry.name} is executed by {plugin.name}, which is not installed: {pip_install(plugin.extra or '')}"
    return None
