"""What a model found on one clip, picture by picture, as it is kept so that no clip is decoded twice for it."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.capture.trip.seams import COLUMNS, MOST_REMEMBERED, ROWS, Glance
from streamvision.core.detections import Detections
from streamvision.core.files import write_whole

TAIL_S = 10.0
"""How much of the end of a clip is kept for the comparison with the beginning of the next one."""
FORMAT = 2
"""Grows with each change of what the file holds; files of another format are made again."""


@dataclass(frozen=True, eq=False)
class ClipDetections:
    """All pictures of a clip that could be decoded, and the objects on those that the model was shown.

    Raises:
        ValueError: when the arrays do not belong together.
    """

    file_frame: NDArray[np.int32]
    """(F,) number of each picture in the file, growing."""
    media_s: NDArray[np.float64]
    """(F,) its time from the beginning of the file, in seconds; not 0 at first where the beginning is damaged."""
    pts_s: NDArray[np.float64]
    """(F,) its time as the file has it."""
    shown: NDArray[np.bool_]
    """(F,) whether the model was shown it."""
    row_end: NDArray[np.int64]
    """(F,) where its objects end among the rows; they begin where those of the picture before end."""
    box_xyxy_px: NDArray[np.float32]
    """(M, 4) the objects, in pixels of the picture."""
    score: NDArray[np.float32]
    """(M,) confidence, 0..1."""
    class_id: NDArray[np.int32]
    """(M,) index into the names of the model."""
    picture_px: tuple[int, int]
    """Width and height of the pictures; zeros where there is none."""
    first_levels: NDArray[np.uint8]
    """(1 or 0, ROWS, COLUMNS) brightness of some pixels of the first picture, for the seam with the clip before."""
    last_levels: NDArray[np.uint8]
    """(K, ROWS, COLUMNS) the same of the last K pictures, for the seam with the next clip."""
    lost_s: float
    """How much of the clip could not be decoded."""
    note: str
    """What is wrong with the clip, one sentence; empty where nothing is."""

    def __post_init__(self) -> None:
        frames = {len(one) for one in (self.file_frame, self.media_s, self.pts_s, self.shown, self.row_end)}
        rows = {len(one) for one in (self.box_xyxy_px, self.score, self.class_id)}
        if len(frames) != 1 or rows != {int(self.row_end[-1]) if len(self.row_end) else 0}:
            raise ValueError("each picture needs a time and an end of its objects, each object a box, score and class")

    def __len__(self) -> int:
        return len(self.file_frame)

    @property
    def interval_s(self) -> float:
        """The mean time from picture to picture; 0 where there is one at most."""
        return float(self.media_s[-1] - self.media_s[0]) / (len(self) - 1) if len(self) > 1 else 0.0

    @property
    def duration_s(self) -> float:
        """How long it plays, from its beginning to the end of its last picture."""
        return float(self.media_s[-1]) + self.interval_s if len(self) else 0.0

    def first_glance(self) -> Glance:
        """Return the first picture, as :mod:`pipelines.capture.trip.seams` compares it."""
        return Glance(float(self.media_s[0]), self.first_levels[0].astype(np.int16))

    def last_glances(self) -> list[Glance]:
        """Return the last pictures, as far as they are kept, in their order."""
        times_s = self.media_s[len(self) - len(self.last_levels) :].tolist()
        return [Glance(at, levels.astype(np.int16)) for at, levels in zip(times_s, self.last_levels, strict=True)]

    def objects(self) -> Iterator[Detections]:
        """Yield the objects of each picture, in order."""
        begin = 0
        for end in self.row_end.tolist():
            rows = slice(begin, end)
            yield Detections(self.box_xyxy_px[rows], self.score[rows], self.class_id[rows])
            begin = end

    def objects_of(self, file_frame: int) -> Detections:
        """Return the objects of a picture, by its number in the file; the clip's are not kept in memory by them."""
        at = int(np.searchsorted(self.file_frame, file_frame))
        rows = slice(int(self.row_end[at - 1]) if at else 0, int(self.row_end[at]))
        return Detections(self.box_xyxy_px[rows].copy(), self.score[rows].copy(), self.class_id[rows].copy())

    def save(self, path: Path) -> None:
        """Write a compressed file, in one step.

        Raises:
            OutputError: when it cannot be written.
        """
        content = io.BytesIO()
        np.savez_compressed(content, format=FORMAT, **vars(self))
        write_whole(path, content.getvalue(), mode=0o600, sync=False)

    @classmethod
    def load(cls, path: Path) -> ClipDetections | None:
        """Return what :meth:`save` wrote; ``None`` where there is none, or it is damaged or of another format."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                if int(stored["format"]) != FORMAT:
                    return None
                columns: dict[str, Any] = {name: stored[name] for name in cls.__dataclass_fields__}
                width_px, height_px = columns["picture_px"].tolist()
                scalars = {"lost_s": float(columns["lost_s"]), "note": str(columns["note"])}
                return cls(**columns | {"picture_px": (width_px, height_px)} | scalars)
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
            return None


class ClipDetectionsBuilder:
    """Collects what is found on a clip, picture by picture."""

    def __init__(self) -> None:
        self._frames: list[tuple[int, float, float, bool, int]] = []
        self._found: list[Detections] = []
        self._rows = 0
        self._first: Glance | None = None
        self._last: deque[Glance] = deque(maxlen=MOST_REMEMBERED)
        self.picture_px = (0, 0)
        """Width and height of the pictures."""

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, file_frame: int, pts_s: float, seen: Glance, found: Detections | None) -> None:
        """Take the next picture; ``found`` is ``None`` where the model was not shown it."""
        self._first = self._first or seen
        self._last.append(seen)
        while seen.media_s - self._last[0].media_s > TAIL_S:
            self._last.popleft()
        if found is not None and len(found):
            self._found.append(found)
            self._rows += len(found)
        self._frames.append((file_frame, seen.media_s, pts_s, found is not None, self._rows))

    def finish(self, *, lost_s: float, note: str) -> ClipDetections:
        """Return all of it."""
        columns = zip(*self._frames, strict=True) if self._frames else ((),) * 5
        numbers, media_s, pts_s, shown, ends = columns
        return ClipDetections(
            file_frame=np.array(numbers, np.int32),
            media_s=np.array(media_s, np.float64),
            pts_s=np.array(pts_s, np.float64),
            shown=np.array(shown, np.bool_),
            row_end=np.array(ends, np.int64),
            box_xyxy_px=_joined([one.box_xyxy_px for one in self._found], (0, 4), np.float32),
            score=_joined([one.score for one in self._found], (0,), np.float32),
            class_id=_joined([one.class_id for one in self._found], (0,), np.int32),
            picture_px=self.picture_px,
            first_levels=_levels([self._first] if self._first is not None else []),
            last_levels=_levels(self._last),
            lost_s=lost_s,
            note=note,
        )


def _levels(seen: Iterable[Glance]) -> NDArray[np.uint8]:
    levels = [one.levels for one in seen]
    return np.array(levels, np.uint8).reshape(-1, ROWS, COLUMNS)


def _joined(parts: list[Any], empty: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty(empty, dtype)
