"""Sequences and results in the form of MOTChallenge (https://motchallenge.net/instructions).

A sequence is a folder with ``seqinfo.ini``, ``gt/gt.txt`` (the truth) and ``det/det.txt`` (what a detector found); a
result is one text file. Lines are comma-separated: frame (from 1), identity, left, top, width, height, score, and from
MOT16 on, in the truth, class and visibility.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, SourceError

F64 = NDArray[np.float64]

FRAME, IDENTITY = 0, 1
BOX = slice(2, 6)
SCORE, CLASS = 6, 7
"""Columns of the tables."""
CLASS_COLUMNS = 9
"""The truth has exactly so many columns where it says classes; MOT15's has ten, with a place in the world."""
PEDESTRIAN = 1


@dataclass(frozen=True, eq=False)
class MotSequence:
    """One sequence: its truth, and the public detections that trackers are compared on."""

    name: str
    """Name, as ``seqinfo.ini`` gives it."""
    folder: Path
    """Where it lies."""
    number: NDArray[np.intp]
    """(frames,) number of each frame, from 1; there are gaps where frames were dropped."""
    fps: float
    """Frames per second."""
    size_px: tuple[int, int]
    """(width, height) of the picture."""
    truth: F64
    """(N, 9) or (N, 10) rows of ``gt.txt``."""
    found: F64
    """(M, 7) or wider rows of ``det.txt``."""

    @property
    def has_classes(self) -> bool:
        """Whether the truth says what each object is (MOT16 and later)."""
        return bool(self.truth.shape[1] == CLASS_COLUMNS)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.number)

    def without(self, dropped: NDArray[np.bool_]) -> MotSequence:
        """Return the sequence as it is when the (frames,) marked frames are lost before anybody sees them."""
        number = self.number[~dropped]
        truth, found = (table[np.isin(table[:, FRAME], number)] for table in (self.truth, self.found))
        return replace(self, number=number, truth=truth, found=found)

    def detections(self) -> list[Detections]:
        """Return what the detector found, frame by frame."""
        everything = Detections(
            corners(self.found).astype(np.float32),
            self.found[:, SCORE].astype(np.float32),
            np.zeros(len(self.found), np.int32),
        )
        return [everything[rows] for rows in rows_by_frame(self.found, self.number)]


def corners(table: F64) -> F64:
    """Return (N, 4) left, top, right, bottom of the boxes of a table, in pixels."""
    return np.concatenate([table[:, 2:4], table[:, 2:4] + table[:, 4:6]], axis=1)


def rows_by_frame(table: F64, number: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return for each of the (frames,) ascending numbers which rows of a table belong to it."""
    order = np.argsort(table[:, FRAME], kind="stable")
    frame = table[order, FRAME]
    first, last = (np.searchsorted(frame, number, side=side) for side in ("left", "right"))
    return [order[low:high] for low, high in zip(first, last, strict=True)]


def read_sequences(root: Path) -> list[MotSequence]:
    """Return every sequence below a folder, or the folder itself if it is one, ordered by name.

    Raises:
        ConfigError: when there is none.
        SourceError: when a file is missing or damaged.
    """
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder; give the folder that holds the MOTChallenge sequences")
    infos = [root / "seqinfo.ini"] if (root / "seqinfo.ini").is_file() else sorted(root.glob("*/seqinfo.ini"))
    if not infos:
        raise ConfigError(
            f"{root} has no sequence in the form of MOTChallenge: each is a folder with seqinfo.ini, gt/gt.txt and "
            "det/det.txt"
        )
    return [_read_sequence(info.parent) for info in infos]


def _read_sequence(folder: Path) -> MotSequence:
    parser = configparser.ConfigParser()
    try:
        parser.read_string((folder / "seqinfo.ini").read_text(encoding="utf-8"))
        info = parser["Sequence"]
        frames, fps = int(info["seqLength"]), float(info["frameRate"])
        size_px = int(info.get("imWidth", "0")), int(info.get("imHeight", "0"))
    except (configparser.Error, KeyError, ValueError, OSError) as error:
        raise SourceError(
            f"{folder / 'seqinfo.ini'} cannot be used ({error}); it needs [Sequence] with seqLength and frameRate"
        ) from error
    if frames < 1 or fps <= 0:
        raise SourceError(f"{folder / 'seqinfo.ini'}: seqLength {frames} and frameRate {fps} must be above 0")
    truth, found = (read_table(folder / part / f"{part}.txt", least_columns=7) for part in ("gt", "det"))
    number = np.arange(1, frames + 1)
    return MotSequence(info.get("name", folder.name), folder, number, fps, size_px, truth, found)


def read_table(path: Path, *, least_columns: int) -> F64:
    """Return a file's (N, columns) numbers; an empty file gives no rows.

    Raises:
        SourceError: when it is missing, or a line is not numbers separated by commas.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = np.loadtxt(text.splitlines(), delimiter=",", ndmin=2) if text.strip() else np.empty((0, 10))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read as MOTChallenge text ({error}); give numbers with commas") from error
    if table.shape[1] < least_columns:
        raise SourceError(f"{path} has {table.shape[1]} columns; MOTChallenge text has at least {least_columns}")
    return table


def result_rows(tracked: Detections, *, frame_number: int) -> F64:
    """Return (N, 10) rows of a result for the objects of one frame that have an identity; boxes to 0.01 px."""
    if tracked.track_id is None:
        return np.empty((0, 10))
    confirmed = ~np.ma.getmaskarray(tracked.track_id)
    known = tracked[confirmed]
    box = known.box_xyxy_px.astype(np.float64)
    rows = np.full((len(known), 10), -1.0)
    rows[:, FRAME] = frame_number
    rows[:, IDENTITY] = np.ma.getdata(tracked.track_id)[confirmed]
    rows[:, 2:4] = box[:, :2]
    rows[:, 4:6] = box[:, 2:] - box[:, :2]
    rows[:, SCORE] = known.score
    # What is measured is what the file says, so that others measure the same.
    rows[:, 2:6] = rows[:, 2:6].round(2)
    rows[:, SCORE] = rows[:, SCORE].round(4)
    return rows


def write_results(rows: F64, path: Path) -> None:
    """Write (N, 10) rows as a MOTChallenge result."""
    np.savetxt(path, rows, delimiter=",", fmt=["%d", "%d", *["%.2f"] * 4, "%.4f", "%d", "%d", "%d"])
