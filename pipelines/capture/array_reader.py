"""Pictures that the program has in memory, read as if they were a film; only Python can give them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from pipelines.capture.pictures.images import IMAGES_FPS
from pipelines.capture.source import Captured, Policy, SourceKind, SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.given_picture import picture_of
from streamvision.core.telemetry import DropCounter

_held: dict[str, Sequence[Any]] = {}
_numbers = count(1)


def hold(pictures: Sequence[Any]) -> str:
    """Keep pictures and return the text that is their source, until :func:`release` is called with it."""
    source = f"arrays:{next(_numbers)}"
    _held[source] = pictures
    return source


def release(source: str) -> None:
    """Forget the pictures of a source; calling it twice is harmless."""
    _held.pop(source, None)


def _parse(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    if text not in _held:
        return None
    live = policy == "live"
    return SourceSpec(kind="arrays", uri=text, text=text, name="pictures", live=live, realtime=live or realtime)


ARRAYS = SourceKind(
    name="arrays",
    summary="pictures in memory",
    accepts="numpy arrays and Pillow images, in Python",
    example="",
    factory="pipelines.capture.array_reader:ArrayReader",
    parse=_parse,
)


class ArrayReader:
    """Gives one picture after the other, ten a second of their own time, as files of pictures are."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        self.paced = spec.realtime
        self._pictures = _held.get(spec.uri, ())
        self.expected_frames: int | None = len(self._pictures)
        self._index = 0

    def open(self) -> None:
        """Begin; there is nothing to wait for."""

    def read(self) -> Captured | None:
        """Return the next picture.

        Raises:
            ConfigError: when it is none.
        """
        if self._index >= len(self._pictures):
            return None
        picture = picture_of(self._pictures[self._index])
        self._index += 1
        return Captured(picture, (self._index - 1) / IMAGES_FPS, time.monotonic())

    def close(self) -> None:
        """Forget the pictures."""
        self._pictures = ()
