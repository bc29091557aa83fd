"""What was found on the recorded frames, as lines of JSON beside the file: it may be drawn over it, and searched."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pipelines.outputs.line_file import cannot_write
from streamvision.core.detections import Detections, box_fractions
from streamvision.core.frame import Result

_EMPTY_EVERY_S = 1.0
"""So often it is said that there is nothing: where no line is, nobody looked."""
_FLUSH_EVERY_S = 1.0


@dataclass(frozen=True)
class FoundObjects:
    """What was found on one frame."""

    captured_at_s: float
    """When the frame arrived, on ``time.monotonic()``."""
    detections: Detections
    """The objects, in pixels."""
    size_px: tuple[int, int]
    """Width and height of the picture."""
    names: tuple[str, ...]
    """Class names by class id."""

    @classmethod
    def of(cls, result: Result, names: tuple[str, ...]) -> FoundObjects:
        """Return the boxes of a result, without what is large in it."""
        frame, found = result.frame, result.detections
        boxes = Detections(found.box_xyxy_px, found.score, found.class_id, found.track_id)
        return cls(frame.captured_at_s, boxes, (frame.picture.width_px, frame.picture.height_px), names)

    def to_json(self) -> list[dict[str, object]]:
        """Return the objects as plain values, boxes in fractions of the picture."""
        found = self.detections
        boxes = box_fractions(found.box_xyxy_px, picture_px=self.size_px)
        identities = [None] * len(found) if found.track_id is None else found.track_id.tolist()
        rows = zip(identities, found.class_id.tolist(), found.score.tolist(), boxes, strict=True)
        return [
            {"track_id": identity, "class_id": kind, "score": round(score, 4), "box": box}
            for identity, kind, score, box in rows
        ]


class BoxesFile:
    """The file beside one segment; it is made with its first line.

    Args:
        path: where to.
        stream: of which stream.
        start_unix_s: when the segment's first picture arrived.

    Raises:
        OutputError: from all methods, when it cannot be written.
    """

    def __init__(self, path: Path, *, stream: str, start_unix_s: float) -> None:
        self._path = path
        self._stream = stream
        self._start_unix_s = start_unix_s
        self._file: TextIO | None = None
        self._names: Sequence[str] = ()
        self._last_s = float("-inf")
        self._flushed_s = 0.0

    def write(self, time_s: float, found: FoundObjects) -> None:
        """Write what was found on the frame of that time, counted from the segment's first picture.

        Of frames without objects one a second is enough.
        """
        if not len(found.detections) and 0 <= time_s - self._last_s < _EMPTY_EVERY_S:
            return
        line = json.dumps({"t_s": round(time_s, 3), "objects": found.to_json()}, separators=(",", ":"))
        try:
            file = self._opened(found.names)
            if found.names != self._names:  # another model has taken over, and knows further classes
                self._names = found.names
                file.write(json.dumps({"names": found.names}, separators=(",", ":"), ensure_ascii=False) + "\n")
            file.write(line + "\n")
            if time_s - self._flushed_s >= _FLUSH_EVERY_S:
                file.flush()
                self._flushed_s = time_s
        except OSError as error:
            raise cannot_write(self._path, error) from None
        self._last_s = time_s

    def close(self) -> None:
        """Write what is left; calling it twice is harmless."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                raise cannot_write(self._path, error) from None

    def _opened(self, names: Sequence[str]) -> TextIO:
        if self._file is None:
            self._file = open(self._path, "w", encoding="utf-8", opener=_private)  # noqa: SIM115
            self._names = names
            head = {"schema": 1, "stream": self._stream, "start_unix_s": self._start_unix_s, "names": list(names)}
            self._file.write(json.dumps(head, separators=(",", ":"), ensure_ascii=False) + "\n")
            with suppress(OSError):
                self._file.flush()
        return self._file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
