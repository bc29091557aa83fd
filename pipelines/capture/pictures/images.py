"""A folder, a glob or a single image file, read as if it were a film."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from pipelines.capture.file_list import (
    FileList,
    folder_name,
    is_pattern,
    list_files,
    names_of,
    printable,
)
from pipelines.capture.pictures.picture_file import UnreadablePictureError, read_pictures
from pipelines.capture.pictures.picture_header import read_header
from pipelines.capture.source import Captured, Policy, SourceKind, SourceSpec, local_path, local_source
from pipelines.capture.wall_clock import recording_clock
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.frame import FilePlace
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

IMAGES_FPS = 10.0
"""Images have no time of their own; trackers need one."""
HEADERS_READ = 500
"""So many files are asked at the beginning whether they are animated, so that a report does not promise too few."""


def picture_source(files: FileList, path: Path, text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    """Return the source of the pictures in a list of files; ``None`` where it has none, or videos are to be read."""
    if files.of_videos or not files.pictures:
        return None
    if mixture := files.mixture():
        log.warning("%s has %s", printable(text), mixture)
    name = files.pictures[0].stem if len(files.pictures) == 1 else folder_name(files.pictures)
    return local_source("images", path, text, name, policy, realtime, files=files.pictures)


def _parse(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    path = local_path(text)
    if path is None and not is_pattern(text):
        return None
    return picture_source(list_files([text]), path or Path(text).expanduser(), text, policy, realtime)


IMAGES = SourceKind(
    name="images",
    summary="folder or glob of pictures",
    accepts="a folder or glob of images",
    example="photos/",
    factory="pipelines.capture.pictures.images:ImageReader",
    parse=_parse,
    files=lambda spec: list(spec.files),
)


class ImageReader:
    """Images in natural order; an unreadable one is skipped and counted, and the others keep their times."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        """Prepare; ``drops`` counts ``unreadable``: files that are no images in spite of their names."""
        self.expected_frames: int | None = None
        self.paced = spec.realtime
        self._spec = spec
        self._files = list(zip(spec.files, names_of(spec.files), strict=True))
        self._drops = drops
        self._any = False
        self._stills = 0
        self._animated_s = 0.0
        self._captured = self._read_all()

    def open(self) -> None:
        """Count the images; nobody knows how many come where one is animated."""
        headers = (read_header(path) for path, _ in self._files[:HEADERS_READ])
        is_known = not any(header is not None and header.animated for header in headers)
        self.expected_frames = len(self._files) if is_known else None

    def read(self) -> Captured | None:
        """Return the next image that can be read."""
        if (captured := next(self._captured, None)) is not None:
            return captured
        if not self._any:
            raise SourceError(
                f"none of the {len(self._files)} images of {self._spec.safe_uri} can be read; give others",
                permanent=True,
            )
        return None

    def close(self) -> None:
        """Forget the list."""
        self._captured.close()

    def _read_all(self) -> Generator[Captured]:
        for path, name in self._files:
            try:
                yield from self._read_file(path, name)
            except UnreadablePictureError as error:
                log.warning("%s %s; skipped", path, error)
                self._drops.add("unreadable")
                self._stills += 1

    def _read_file(self, path: Path, name: str) -> Iterator[Captured]:
        file_s, clock = 0.0, recording_clock(str(path))
        for number, (image, duration_s) in enumerate(read_pictures(path)):
            self._any = True
            place, wall_time = FilePlace(name, number, file_s), clock.at(file_s) if clock else None
            pts_s = self._stills / IMAGES_FPS + self._animated_s
            if duration_s is None:
                self._stills += 1
            else:
                self._animated_s += duration_s
                file_s += duration_s
            yield Captured(BgrPicture(image), pts_s, time.monotonic(), place, wall_time)
