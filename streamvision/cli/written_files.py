"""Says at the end of a run where its files are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.outputs.existing import date_text
from streamvision.core.errors import OutputError
from streamvision.core.status import StreamStatus

SAVED_IN = Path("runs") / "run"
"""Folder of the recordings of ``--save``."""


def unique_recording(time_unix_s: float) -> Path:
    """Return a file for the recording of a run that begins now, and make its folder.

    Raises:
        OutputError: when that is not possible.
    """
    try:
        SAVED_IN.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"--save cannot make the folder {SAVED_IN}: {error.strerror}; give --record F.mp4") from error
    return SAVED_IN / f"{date_text(time_unix_s)}.mp4"


def written_files(statuses: Iterable[StreamStatus]) -> list[Path]:
    """Return the files and folders that a run has written, each once, with their whole paths."""
    targets = dict.fromkeys(output.target for status in statuses for output in status.outputs if output.target)
    paths = [Path(target).absolute() for target in targets]
    return [path for path in paths if path.is_file() or path.is_dir()]


def described(files: Iterable[Path]) -> Iterator[str]:
    """Yield a line about each file or folder."""
    for path in files:
        if path.is_dir():
            yield f"  {path}: {sum(1 for found in path.rglob('[!.]*') if found.is_file()):,} files"
        else:
            yield f"  {path}: {_size_text(path.stat().st_size)}"


def _size_text(size_bytes: int) -> str:
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= one:
            return f"{size_bytes / one:.1f} {unit}"
    return f"{size_bytes} bytes"
