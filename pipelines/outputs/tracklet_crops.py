"""A folder with the clearest view of each identity of a stream, as JPEG files, bounded in number."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path

from pipelines.outputs.existing import date_text
from pipelines.outputs.line_file import cannot_write
from streamvision.core.crops import small_jpeg
from streamvision.core.tracklet import Tracklet

CROP_PX = 320
"""Longer side of a crop, at most."""


class CropFolder:
    """Of one stream; several may share the folder, since names begin with the stream's id.

    Args:
        folder: where to; it is made with the first crop.
        stream_id: the stream.
        kept: most crops of this stream, those of earlier runs among them; the oldest make room.
        overwrite: remove those of earlier runs.

    Raises:
        OutputError: when the folder cannot be read.
    """

    def __init__(self, folder: Path, *, stream_id: str, kept: int, overwrite: bool = False) -> None:
        self._folder = folder
        self._kept = kept
        own = re.compile(rf"{re.escape(stream_id)}-\d{{8}}T\d{{6}}\.\d{{3}}Z-\d+\.jpg")
        try:
            found = sorted(path.name for path in folder.iterdir() if own.fullmatch(path.name)) if kept else []
            self._names = deque(found)
            self._present = set(found)
            if overwrite:
                self._shrink(0)
        except FileNotFoundError:
            self._names, self._present = deque(), set()
        except OSError as error:
            raise cannot_write(folder, error) from error

    def write(self, tracklet: Tracklet) -> str:
        """Write the newest view of an identity, in place of an earlier one, and return the file's name.

        Raises:
            OutputError: when it cannot be written.
        """
        assert tracklet.crop is not None
        name = crop_name(tracklet)
        path = self._folder / name
        try:
            self._folder.mkdir(exist_ok=True)
            scratch = path.with_suffix(".part")
            scratch.write_bytes(small_jpeg(tracklet.crop, longest_px=CROP_PX))
            scratch.replace(path)
            if name not in self._present:
                self._present.add(name)
                self._names.append(name)
            self._shrink(self._kept)
        except OSError as error:
            raise cannot_write(path, error) from error
        return name

    def _shrink(self, kept: int) -> None:
        while len(self._names) > kept:
            name = self._names.popleft()
            self._present.discard(name)
            (self._folder / name).unlink(missing_ok=True)


def crop_name(tracklet: Tracklet) -> str:
    """Return the name of the file with an identity's crop: stream, when it was first seen here, identity."""
    return f"{tracklet.stream}-{date_text(tracklet.first.captured_unix_s)}-{tracklet.track_id}.jpg"
