"""Files of whole trajectories: what was seen is held until the recording has ended, and written then.

What JSON lines tell of each frame waits in a file without a name beside the target, so that memory holds columns of
boxes alone. Where these are as many as :class:`pipelines.trajectories.log.TrajectoryLog` holds, and where the picture
changes its size, what was seen so far is written as a part of its own: nothing is joined across its end, but identities
go on.
"""

from __future__ import annotations

import json
import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

import numpy as np

from pipelines.outputs.json_lines import frame_record, json_line
from pipelines.outputs.line_file import LineFile, cannot_write
from pipelines.outputs.mot import MotNumbers, mot_lines, used_numbers
from pipelines.outputs.sink import SinkContext
from pipelines.trajectories.log import TrajectoryLog
from pipelines.trajectories.smoothing import Smoothed
from pipelines.trajectories.trajectories import Trajectories
from streamvision.core.boxes import cut_at_edges
from streamvision.core.detections import Detections, class_name
from streamvision.core.rendered_frame import RenderedFrame

SHAPES = ("mask", "obb")
"""Parts of an object that its box was made around; such a box stays as it was found."""


class SmoothedSink:
    """Takes one stream's results and writes them once its recording has ended.

    Args:
        file: where to.
        log: what was seen so far; it outlives a file that cannot be written.
    """

    def __init__(self, file: LineFile, log: TrajectoryLog) -> None:
        self._file: LineFile | None = file
        self._log = log
        self._segment: int | None = None
        self._picture_px = (0, 0)
        file.retain()

    def write(self, rendered: RenderedFrame) -> None:
        """Take one result.

        Raises:
            OutputError: when the disk is full or the file was closed.
        """
        frame = rendered.result.frame
        if self._file is None:
            return
        if self._log.is_full or frame.segment != self._segment:
            self._flush(self._file)
            self._segment = frame.segment
        self._picture_px = (frame.picture.width_px, frame.picture.height_px)
        self._note(rendered)
        self._log.add(rendered.result.detections, frame=frame.index, pts_s=frame.pts_s)

    def close(self) -> None:
        """Write what was seen and let go of the file.

        Raises:
            OutputError: when the disk is full.
        """
        file, self._file = self._file, None
        if file is None:
            return
        try:
            self._flush(file)
        finally:
            file.release()

    def _flush(self, file: LineFile) -> None:
        made = self._log.take()
        box = cut_at_edges(made.tracks.box_xyxy_px, self._picture_px)
        for lines in self._lines(made._replace(tracks=replace(made.tracks, box_xyxy_px=box))):
            file.append(lines)

    @abstractmethod
    def _note(self, rendered: RenderedFrame) -> None:
        """Keep what else is needed of a frame."""

    @abstractmethod
    def _lines(self, made: Smoothed) -> Iterator[str]:
        """Yield whole lines of the file."""


class SmoothedMotSink(SmoothedSink):
    """Writes MOTChallenge text, as :class:`pipelines.outputs.mot.MotSink` does.

    Args:
        file: where to.
        log: what was seen so far.
        before: the numbers that the file has used already.
    """

    def __init__(self, file: LineFile, log: TrajectoryLog, *, before: MotNumbers) -> None:
        super().__init__(file, log)
        self._before = before

    def _note(self, rendered: RenderedFrame) -> None:
        """Nothing else is needed."""

    def _lines(self, made: Smoothed) -> Iterator[str]:
        for number, rows in by_frame(made.tracks).items():
            frame_number = self._before.frame + number + 1
            yield mot_lines(
                detections_of(made.tracks.where(rows)),
                frame_number=frame_number,
                identities_before=self._before.identity,
            )


class SmoothedJsonSink(SmoothedSink):
    """Writes JSON lines, as :class:`pipelines.outputs.json_lines.JsonLinesSink` does; objects that nobody saw are
    ``interpolated``.

    Args:
        file: where to.
        log: what was seen so far.
        names: class names by class id.
    """

    def __init__(self, file: LineFile, log: TrajectoryLog, *, names: tuple[str, ...]) -> None:
        super().__init__(file, log)
        self._names = names
        try:
            self._waiting: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", dir=file.path.parent)  # noqa: SIM115
        except OSError as error:
            file.release()
            raise cannot_write(file.path, error) from error
        self._path = file.path

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def close(self) -> None:
        """Write what was seen and let go of the file."""
        try:
            super().close()
        finally:
            self._waiting.close()

    def _note(self, rendered: RenderedFrame) -> None:
        try:
            self._waiting.write(json_line(frame_record(rendered.result, self._names)))
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _lines(self, made: Smoothed) -> Iterator[str]:
        try:
            self._waiting.seek(0)
            rows = by_frame(made.tracks)
            for line in self._waiting:
                record = json.loads(line)
                found = rows.get(record["frame"])
                self._put(record, made, found if found is not None else _NO_ROWS)
                yield json_line(record)
            self._waiting.seek(0)
            self._waiting.truncate()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _put(self, record: dict[str, Any], made: Smoothed, rows: np.ndarray[Any, np.dtype[np.intp]]) -> None:
        """Give a frame's objects their identities and places, and add those that nobody saw."""
        tracks = made.tracks
        boxes = tracks.box_xyxy_px[rows].round(2).tolist()
        box_of = dict(zip(tracks.identity[rows].tolist(), boxes, strict=True))
        for found in record["objects"]:
            found["track_id"] = made.identity_of.get(found["track_id"])
            if found["track_id"] is not None and not any(shape in found for shape in SHAPES):
                found["box_xyxy_px"] = box_of[found["track_id"]]
        for row, box in zip(rows.tolist(), boxes, strict=True):
            if tracks.interpolated[row]:
                class_id = int(tracks.class_id[row])
                record["objects"].append(
                    {
                        "track_id": int(tracks.identity[row]),
                        "class_id": class_id,
                        "class_name": class_name(class_id, self._names),
                        "score": round(float(tracks.score[row]), 4),
                        "box_xyxy_px": box,
                        "interpolated": True,
                    }
                )


_NO_ROWS = np.empty(0, np.intp)


def by_frame(tracks: Trajectories) -> dict[int, np.ndarray[Any, np.dtype[np.intp]]]:
    """Return the rows of each frame that has some, in order."""
    order = np.argsort(tracks.frame, kind="stable")
    number, begin = np.unique(tracks.frame[order], return_index=True)
    return dict(zip(number.tolist(), np.split(order, begin[1:]), strict=True)) if len(order) else {}


def detections_of(tracks: Trajectories) -> Detections:
    """Return rows of one frame as detections."""
    return Detections(
        tracks.box_xyxy_px.astype(np.float32),
        tracks.score.astype(np.float32),
        tracks.class_id,
        np.ma.MaskedArray(tracks.identity),
    )


def open_smoothed_mot(context: SinkContext) -> SmoothedMotSink:
    """Return the sink of one stream, which has a file of its own.

    Raises:
        OutputError: when it cannot be written.
    """
    before = used_numbers(context.target) if context.existing == "continue" else MotNumbers(0, 0)
    before = context.memory.setdefault("before", before)
    return SmoothedMotSink(context.line_file(), context.memory.setdefault("log", TrajectoryLog()), before=before)


def open_smoothed_json(context: SinkContext) -> SmoothedJsonSink:
    """Return the sink of one stream; all streams share the file.

    Raises:
        OutputError: when it cannot be written.
    """
    log = context.memory.setdefault("log", TrajectoryLog())
    return SmoothedJsonSink(context.line_file(), log, names=context.names)
