"""A table with one row an identity, as CSV (RFC 4180), all streams in one file; pictures of them in a folder beside it.

A thread writes: the row of an identity that is over, once and for all, and every few seconds behind these the rows of
those that are not, so that a crash loses seconds of them.
"""

from __future__ import annotations

import csv
import io
import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pipelines.outputs.first_failure import FirstFailure
from pipelines.outputs.sink import SinkContext
from pipelines.outputs.table_file import TableFile
from pipelines.outputs.tracklet_crops import CropFolder
from pipelines.outputs.tracklet_log import TrackletLog
from streamvision.core.errors import OutputError
from streamvision.core.frame import WallTime
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.spreadsheet import without_formula
from streamvision.core.tracklet import Moment, Tracklet

COLUMNS = (
    "stream",
    "file",
    "class_name",
    "track_id",
    "first_pts_s",
    "last_pts_s",
    "first_time",
    "last_time",
    "time_source",
    "frames",
    "best_score",
    "best_frame",
    "best_pts_s",
    "best_left_px",
    "best_top_px",
    "best_right_px",
    "best_bottom_px",
    "first_file_pts_s",
    "last_file",
    "last_file_pts_s",
    "best_file",
    "best_file_frame",
    "crop",
    "global_id",
)
FLUSH_S = 4.0
"""How often rows are written."""
MANY = 2000
"""Identities that are over from which the rows are written at once; a file waits for that, a live stream does not."""
PATIENCE_S = 30.0
"""Longest wait of a file for a disk that takes nothing."""
CLOSE_LIVE_S = 2.0
CLOSE_FILE_S = 60.0
MAX_UNIX_S = 6e10
"""Times beyond, in the year 3871, are somebody's mistake."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Rows:
    """What is known of one stream; it outlives a file that cannot be written."""

    log: TrackletLog
    taken: deque[Tracklet] = field(default_factory=deque)
    """What has changed and is not a row yet."""
    crops: dict[int, str] = field(default_factory=dict)
    """Names of the crops of those that are not over, by key."""
    final: list[str] = field(default_factory=list)
    """Rows that are not written yet."""
    changing: dict[int, str] = field(default_factory=dict)
    """Rows of those that are not over, by key."""


class TableSink:
    """Writes one stream's identities.

    Args:
        rows: what is known of them so far.
        file: where to.
        crops: where their pictures go.
        live: whether the stream never waits.
    """

    def __init__(self, rows: _Rows, file: TableFile, crops: CropFolder, *, live: bool) -> None:
        self._rows = rows
        self._file = file
        self._crops = crops
        self._live = live
        self._failure = FirstFailure()
        self._closing = False
        self._wake = threading.Event()
        self._written = threading.Event()
        file.retain()
        self._thread = threading.Thread(target=self._run, name=f"table-{rows.log.stream_id}", daemon=True)
        self._thread.start()

    def write(self, rendered: RenderedFrame) -> None:
        """Take the identities of the next frame.

        Raises:
            OutputError: when earlier ones could not be written.
        """
        self._failure.check()
        self._rows.log.add(rendered.result)
        if self._rows.log.waiting >= MANY:
            self._written.clear()
            self._wake.set()
            if not self._live and not self._written.wait(PATIENCE_S):
                raise OutputError(f"{self._file.path} took nothing for {PATIENCE_S:.0f} s; its disk may hang")
            self._failure.check()

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._rows.log.use_names(names)

    def close(self) -> None:
        """Write the rows of all identities, and let go of the file; calling it twice is harmless.

        Raises:
            OutputError: when something was not written and :meth:`write` has not said so yet.
        """
        self._rows.log.end()
        self._closing = True
        self._wake.set()
        patience_s = CLOSE_LIVE_S if self._live else CLOSE_FILE_S
        self._thread.join(patience_s)
        if self._thread.is_alive():
            raise OutputError(f"{self._file.path} was not finished within {patience_s:.0f} s; its end may be missing")
        self._failure.check_at_end()

    def _run(self) -> None:
        try:
            is_last = False
            while not is_last:
                self._wake.wait(FLUSH_S)
                self._wake.clear()
                is_last = self._closing
                self._flush()
                self._written.set()
        except Exception as error:
            if not isinstance(error, OutputError):
                _log.error("the table %s", self._file.path, exc_info=error)
            is_told = isinstance(error, OutputError)
            self._failure.note(str(error) if is_told else f"{self._file.path} failed: {error!r}")
        finally:
            self._written.set()
            self._file.release()

    def _flush(self) -> None:
        rows = self._rows
        rows.taken += rows.log.take()
        while rows.taken:
            self._note(rows.taken[0])
            rows.taken.popleft()
        self._file.put(rows.log.stream_id, "".join(rows.final), "".join(rows.changing.values()))
        rows.final.clear()

    def _note(self, tracklet: Tracklet) -> None:
        """Make a row of what is known of an identity, and write its crop where there is a clearer one."""
        rows, key = self._rows, tracklet.key
        if tracklet.crop is not None:
            rows.crops[key] = self._crops.write(tracklet)
        name = rows.crops.get(key)
        line = csv_lines([row_of(tracklet, crop=name and f"{crop_folder(self._file.path).name}/{name}")])
        if tracklet.is_over:
            rows.crops.pop(key, None)
            rows.changing.pop(key, None)
            rows.final.append(line)
        else:
            rows.changing[key] = line


def open_table(context: SinkContext) -> TableSink:
    """Return the sink of one stream; all streams share the file, whose first line names the columns.

    Raises:
        OutputError: when it cannot be written.
    """
    kept = context.outputs.table_crops_kept
    file = context.line_files.get(context.target)
    if not isinstance(file, TableFile) or file.closed:
        header = header_of(context.target)
        file = TableFile(context.target, existing=context.existing, shared=context.shared, header=header)
        context.line_files[context.target] = file
    rows = context.memory.get("rows")
    if rows is None:
        log = TrackletLog(
            context.stream_id,
            context.names,
            memory_s=context.identity_memory_s,
            drops=context.drops,
            crops=kept > 0,
        )
        rows = context.memory["rows"] = _Rows(log)
    crops = CropFolder(
        crop_folder(context.target),
        stream_id=context.stream_id,
        kept=kept,
        overwrite=context.existing == "overwrite",
    )
    return TableSink(rows, file, crops, live=context.live)


def header_of(path: Path) -> str:
    """Return the first line of a table, whatever its name."""
    return csv_lines([COLUMNS])


def crop_folder(table: Path) -> Path:
    """Return the folder of a table's crops.

    >>> crop_folder(Path("out/people.csv")).as_posix()
    'out/people.crops'
    """
    return table.with_suffix(".crops")


def row_of(tracklet: Tracklet, *, crop: str | None) -> list[object]:
    """Return the cells of one identity, in the order of :data:`COLUMNS`; empty where something is not known.

    Args:
        tracklet: the identity.
        crop: where its picture is, from the folder of the table.
    """
    first, last, best = tracklet.first, tracklet.last, tracklet.best
    left_px, top_px, right_px, bottom_px = (round(edge, 2) for edge in tracklet.best_box_xyxy_px)
    time_source = next((one.wall_time.source for one in (first, last) if one.wall_time), None)
    cells = {
        "stream": tracklet.stream,
        "file": first.place and first.place.name,
        "class_name": tracklet.class_name,
        "track_id": tracklet.track_id,
        "first_pts_s": round(first.pts_s, 6),
        "last_pts_s": round(last.pts_s, 6),
        "first_time": _utc(first.wall_time),
        "last_time": _utc(last.wall_time),
        "time_source": time_source,
        "frames": tracklet.frames,
        "best_score": round(tracklet.best_score, 4),
        "best_frame": best.frame,
        "best_pts_s": round(best.pts_s, 6),
        "best_left_px": left_px,
        "best_top_px": top_px,
        "best_right_px": right_px,
        "best_bottom_px": bottom_px,
        "first_file_pts_s": _file_pts_s(first),
        "last_file": last.place and last.place.name,
        "last_file_pts_s": _file_pts_s(last),
        "best_file": best.place and best.place.name,
        "best_file_frame": best.place and best.place.frame,
        "crop": crop,
        "global_id": tracklet.global_id,
    }
    return [without_formula(cells[column]) for column in COLUMNS]


def _file_pts_s(moment: Moment) -> float | None:
    return None if moment.place is None else round(moment.place.pts_s, 6)


def _utc(wall_time: WallTime | None) -> str | None:
    """Return a moment in ISO 8601, with milliseconds; ``None`` for one that no calendar has."""
    if wall_time is None or not abs(wall_time.unix_s) < MAX_UNIX_S:
        return None
    when = _EPOCH + timedelta(milliseconds=round(wall_time.unix_s * 1000))
    return f"{when.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as RFC 4180 has them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
