"""Reads a folder, a glob or a single image file as if it were a film."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from pipelines.capture.reader import Captured
from pipelines.capture.uri import SourceSpec, find_images
from streamvision.core.errors import SourceError
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

IMAGES_FPS = 10.0
"""Images have no time of their own; trackers need one."""


class ImageReader:
    """Images in natural order; an unreadable one is skipped and counted, and the others keep their times."""

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._paths: list[Path] = []
        self._next = 0
        self._losses = DropCounter()

    @property
    def expected_frames(self) -> int | None:
        """How many images there are."""
        return len(self._paths) or None

    @property
    def paced(self) -> bool:
        """True when played in real time."""
        return self._spec.realtime

    @property
    def losses(self) -> Mapping[str, int]:
        """``unreadable``: files that are no images in spite of their names."""
        return self._losses.by_cause()

    def open(self) -> None:
        """List the images."""
        self._paths = find_images(self._spec.uri)
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
            self._losses.add("unreadable")
        if self._losses.by_cause().get("unreadable", 0) == len(self._paths):
            raise SourceError(
                f"none of the {len(self._paths)} images of {self._spec.safe_uri} can be read; give others",
                permanent=True,
            )
        return None

    def close(self) -> None:
        """Forget the list."""
        self._next = len(self._paths)
