"""A folder, a glob or a single image file, read as if it were a film."""

from __future__ import annotations

import glob
import logging
import re
import time
from pathlib import Path
from typing import Any

import cv2

from pipelines.capture.source import Captured, Policy, SourceKind, SourceSpec, local_path, local_source
from streamvision.core.config.app import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

IMAGES_FPS = 10.0
"""Images have no time of their own; trackers need one."""
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def find_images(pattern: str) -> list[Path]:
    """Return the image files of a folder, a glob or a single file, in natural order: ``2.jpg`` before ``10.jpg``."""
    if Path(pattern).is_dir():
        paths = list(Path(pattern).iterdir())
    else:
        matches = [pattern] if Path(pattern).exists() else glob.glob(pattern, recursive=True)  # noqa: PTH207
        paths = [Path(name) for name in matches]
    return sorted((path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES), key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _parse(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    path = local_path(text)
    if path is None:
        path = Path(text).expanduser()
        if "://" in text or not glob.has_magic(text) or not find_images(str(path)):
            return None
        name = path.parent.name or "images"
    elif path.is_dir():
        if not find_images(str(path)):
            raise ValueError("is a folder without images")
        name = path.resolve().name
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        name = path.stem
    else:
        return None
    return local_source("images", path, text, name, policy, realtime)


IMAGES = SourceKind(
    name="images",
    summary="folder or glob of pictures",
    accepts="a folder or glob of images",
    example="photos/",
    factory="pipelines.capture.images:ImageReader",
    parse=_parse,
    files=lambda spec: find_images(spec.uri),
)


class ImageReader:
    """Images in natural order; an unreadable one is skipped and counted, and the others keep their times."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        """Prepare; ``drops`` counts ``unreadable``: files that are no images in spite of their names."""
        self.expected_frames: int | None = None
        self.paced = spec.realtime
        self._spec = spec
        self._paths: list[Path] = []
        self._next = 0
        self._drops = drops
        self._unreadable = 0

    def open(self) -> None:
        """List the images."""
        self._paths = find_images(self._spec.uri)
        self.expected_frames = len(self._paths)
        if not self._paths:
            raise SourceError(f"{self._spec.safe_uri} holds no image; give a folder or glob of images", permanent=True)

    def read(self) -> Captured | None:
        """Return the next image that can be read."""
        while self._next < len(self._paths):
            index, self._next = self._next, self._next + 1
            image: Any = cv2.imread(str(self._paths[index]), cv2.IMREAD_COLOR)
            if image is not None:
                return Captured(BgrPicture(image), index / IMAGES_FPS, time.monotonic())
            log.warning("%s: not a readable image, skipped", self._paths[index])
            self._drops.add("unreadable")
            self._unreadable += 1
        if self._unreadable == len(self._paths):
            raise SourceError(
                f"none of the {len(self._paths)} images of {self._spec.safe_uri} can be read; give others",
                permanent=True,
            )
        return None

    def close(self) -> None:
        """Forget the list."""
        self._next = len(self._paths)
