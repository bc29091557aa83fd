"""The text files of MOTChallenge: one line a box, and a number in each column.

Columns are frame (from 1), identity, left, top, width, height, score, and from MOT16 on, in the truth, class and
visibility.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import SourceError
from streamvision.core.reading import MAX_TABLE_BYTES, read_text
from streamvision.core.redaction import short

F64 = NDArray[np.float64]

FRAME, IDENTITY = 0, 1
BOX = slice(2, 6)
SCORE, CLASS = 6, 7
"""Columns of the tables."""
MAX_NUMBER = 1e9
"""Largest number of a table, either way; products of two are exact enough still."""


def corners(table: F64) -> F64:
    """Return (N, 4) left, top, right, bottom of the boxes of a table, in pixels."""
    return np.concatenate([table[:, 2:4], table[:, 2:4] + table[:, 4:6]], axis=1)


def rows_by_frame(table: F64, number: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return for each of the (frames,) ascending numbers which rows of a table belong to it."""
    order = np.argsort(table[:, FRAME], kind="stable")
    frame = table[order, FRAME]
    first, last = (np.searchsorted(frame, number, side=side) for side in ("left", "right"))
    return [order[low:high] for low, high in zip(first, last, strict=True)]


def read_table(path: Path, *, least_columns: int) -> F64:
    """Return a file's (N, columns) numbers; an empty file gives no rows.

    Columns may be separated by commas, semicolons or blanks; what stands behind the last number of a line does not
    matter if it is one of these.

    Raises:
        SourceError: when it is missing, or a line is not numbers.
    """
    try:
        lines = [line.strip(" \t,;") for line in read_text(path, limit=MAX_TABLE_BYTES).splitlines()]
        lines = [line for line in lines if line]
        table = np.loadtxt(lines, delimiter=_delimiter(lines[0]), comments=None, ndmin=2) if lines else None
    except ValueError as error:
        raise SourceError(
            f"{path} cannot be read as MOTChallenge text ({short(str(error))}); give numbers with commas"
        ) from error
    if table is None:
        return np.empty((0, 10))
    if table.shape[1] < least_columns:
        raise SourceError(f"{path} has {table.shape[1]} columns; MOTChallenge text has at least {least_columns}")
    usable = np.abs(table) <= MAX_NUMBER  # neither is NaN
    if not usable.all():
        row, column = np.argwhere(~usable)[0].tolist()
        raise SourceError(
            f"{path}: row {row + 1} has {table[row, column]} in column {column + 1}; give numbers from -1e9 to 1e9"
        )
    return table


def _delimiter(line: str) -> str | None:
    return next((one for one in ",;" if one in line), None)


def check_frames(table: F64, path: Path, *, frames: int) -> None:
    """Find out whether all rows are of frames that the sequence has.

    Raises:
        SourceError: naming the first frame that it does not have.
    """
    frame = table[:, FRAME]
    strange = frame[(frame != np.trunc(frame)) | (frame < 1) | (frame > frames)]
    if not len(strange):
        return
    advice = "count from 1, so add 1 to each" if frame.min() == 0 else f"give frames from 1 to {frames}"
    raise SourceError(f"{path} has boxes on frame {strange[0]:g}, but the sequence has frames 1 to {frames}; {advice}")


def check_identities(table: F64, path: Path) -> None:
    """Find out whether identities are whole numbers from 0 up, each once on a frame.

    Raises:
        SourceError: naming the first that is not.
    """
    identity = table[:, IDENTITY]
    strange = identity[(identity != np.trunc(identity)) | (identity < 0)]
    if len(strange):
        raise SourceError(f"{path} has the identity {strange[0]:g}; give whole numbers from 0 up, one for each object")
    pairs, count = np.unique(table[:, :2], axis=0, return_counts=True)
    if (count > 1).any():
        frame, twice = pairs[count.argmax()]
        raise SourceError(
            f"{path} has an identity twice on one frame ({twice:g} on frame {frame:g}); each may stand there once"
        )


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
