"""The pictures of a drive once more, with the objects that are known by now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from pipelines.capture.source import Captured
from streamvision.core.frame import Frame, Result
from streamvision.trip.following import FollowedFrame
from streamvision.trip.stills import next_picture, opened_clip


def drive_results(frames: Iterable[FollowedFrame], *, stream_id: str) -> Iterator[Result]:
    """Decode the clips of a drive again and yield each picture with its objects, one at a time.

    Args:
        frames: of the drive, in order.
        stream_id: what the results are of.

    Yields:
        Results; a picture that cannot be decoded this time, or whose clip is gone, is left out.
    """
    for path, of_clip in groupby(frames, key=lambda frame: frame.clip.placed.clip.path):
        for frame, captured in _joined(path, of_clip):
            yield Result(
                Frame(
                    stream_id,
                    frame.number,
                    frame.pts_s,
                    captured.captured_at_s,
                    captured.picture,
                    place=frame.place,
                    wall_time=frame.taken,
                ),
                frame.detections,
            )


def _joined(path: Path, frames: Iterable[FollowedFrame]) -> Iterator[tuple[FollowedFrame, Captured]]:
    """Yield frames with their pictures, by the numbers that these have in the file."""
    with opened_clip(path) as reader:
        captured: Captured | None = None
        for frame in frames:
            while reader is not None and _number(captured) < frame.place.frame:
                captured = next_picture(reader)
                if captured is None:
                    return
            if captured is not None and _number(captured) == frame.place.frame:
                yield frame, captured


def _number(captured: Captured | None) -> int:
    return captured.place.frame if captured is not None and captured.place is not None else -1
