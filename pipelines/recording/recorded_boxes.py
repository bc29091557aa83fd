"""What stands beside a recorded file: the objects of its frames, one line of JSON a frame.

A line that is torn, or that nobody of ours wrote, is passed over; the others are read.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.recording.segment_store import boxes_path
from streamvision.core.detections import class_name
from streamvision.core.reading import UnreadableError, finite, parse_json

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 1 << 20
"""Longest line; ten thousand objects take as much."""
MAX_OBJECTS = 10_000
"""Most objects of a frame."""
MAX_NAMES, MAX_NAME_CHARACTERS = 100_000, 200
"""Most classes, and the longest name of one."""
MAX_BYTES = 1 << 30
"""Longest file; an hour of 30 frames a second with a hundred objects each has as much."""
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class BoxObject:
    """An object of a recorded frame."""

    track_id: int | None
    """Its identity; ``None`` where it has none."""
    class_id: int
    """Its class."""
    class_name: str
    """What that is called."""
    score: float
    """How sure the network was, 0 to 1."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom, in fractions of the picture."""


@dataclass(frozen=True, slots=True)
class BoxFrame:
    """The objects of a recorded frame."""

    t_s: float
    """When the frame arrived, in seconds since the first picture of its file."""
    objects: tuple[BoxObject, ...]
    """The objects; empty where there was none."""


def recorded_boxes(segment: Path) -> Iterator[BoxFrame]:
    """Yield the frames whose objects stand beside a recorded file; nothing where none do."""
    try:
        with os.fdopen(os.open(boxes_path(segment), _OPEN_FLAGS), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
                log.warning("%s is no ordinary file of at most %d bytes, so it is not read", file.name, MAX_BYTES)
                return
            names = _names(_document(file.readline(MAX_LINE_BYTES)))
            while line := file.readline(MAX_LINE_BYTES):
                document = _document(line)
                if (frame := _frame(document, names)) is not None:
                    yield frame
                elif "names" in document:  # from here on there are further classes
                    names = _names(document)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("the boxes beside %s cannot be read: %s", segment, error.strerror)


def _document(line: bytes) -> dict[str, Any]:
    try:
        document = parse_json(line)
    except UnreadableError:
        return {}
    return document if isinstance(document, dict) else {}


def _names(head: dict[str, Any]) -> tuple[str, ...]:
    names = head.get("names")
    return tuple(str(name)[:MAX_NAME_CHARACTERS] for name in names[:MAX_NAMES]) if isinstance(names, list) else ()


def _frame(line: dict[str, Any], names: tuple[str, ...]) -> BoxFrame | None:
    t_s, objects = finite(line.get("t_s")), line.get("objects")
    if t_s is None or not isinstance(objects, list):
        return None
    found = (_object(one, names) for one in objects[:MAX_OBJECTS])
    return BoxFrame(t_s, tuple(one for one in found if one is not None))


def _object(value: Any, names: tuple[str, ...]) -> BoxObject | None:
    if not isinstance(value, dict):
        return None
    class_id, track_id = _whole(value.get("class_id")), _whole(value.get("track_id"))
    score, box = finite(value.get("score")), value.get("box")
    if class_id is None or score is None or not isinstance(box, list) or len(box) != 4:
        return None
    edges = [finite(edge) for edge in box]
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) if edge is not None else 0.0 for edge in edges)
    if None in edges or left >= right or top >= bottom:
        return None
    return BoxObject(
        track_id, class_id, class_name(class_id, names), min(max(score, 0.0), 1.0), (left, top, right, bottom)
    )


def _whole(value: Any) -> int | None:
    """Return a whole number that an array of 32 bits holds, and no truth value."""
    return value if type(value) is int and 0 <= value < 1 << 31 else None
