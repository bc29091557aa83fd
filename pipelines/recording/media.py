"""Recorded files read again: as one MP4 file, as browsers play them, as pictures, and what moved on them.

Files are read as far as they go: one that is cut short (power loss), or removed meanwhile, gives what there is of it.
What a file holds is anybody's, so nothing in it is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.recording.annotation import RecordedOverlay
from pipelines.recording.browsers import played, plays_as_it_is
from pipelines.recording.joining import copied, drawn, joined
from pipelines.recording.motion_search import checked_polygon, checked_span, moments
from pipelines.recording.recorded_boxes import BoxFrame, recorded_boxes
from pipelines.recording.recorded_file import RecordedFile
from pipelines.recording.spans import begun, check_same_pictures, overlapping
from pipelines.recording.thumbnails import Thumbnails
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.errors import ConfigError
from streamvision.core.recordings import Motion, RecordedFrame, RecordedObject, RecordedSpan

__all__ = [
    "Motion",
    "RecordedFile",
    "Thumbnails",
    "export",
    "export_annotated",
    "frames",
    "media_type",
    "motion",
    "playable",
    "plays_as_it_is",
]

MAX_FRAMES = 100_000
"""Most frames whose objects are given at once; an hour of 25 a second has 90,000."""
MAX_OBJECTS = 250_000
"""Most objects that are given at once, some hundred megabytes on the way; two minutes with 80 on each frame."""
Point = tuple[float, float]
"""x and y, in fractions of the picture."""


def export(files: Sequence[RecordedFile], span: RecordedSpan) -> Iterator[bytes]:
    """Return the pieces of one MP4 file with the camera's own packets.

    It begins at the last key frame at or before the span, its times are continuous, and what was not recorded is left
    out. Sound that MP4 does not take (G.711) makes it a QuickTime file. Close the iterator to end early.

    Args:
        files: those of one stream, the oldest first.
        span: what of them.

    Raises:
        RecordingAbsentError: when there are no pictures in the span, at once.
        ConfigError: when codec or size of the pictures change in the span, at once; it says when.
    """
    chosen = overlapping(files, span)
    check_same_pictures(chosen)
    return begun(joined(chosen, span, copied), span)


def export_annotated(
    files: Sequence[RecordedFile], span: RecordedSpan, *, overlay: OverlayConfig | None = None
) -> Iterator[bytes]:
    """Return the pieces of one MP4 file with the boxes drawn into it, encoded as H.264, a piece about each second.

    Pictures of another size than the first are fitted in with black bars.

    Args:
        files: those of one stream, the oldest first.
        span: what of them.
        overlay: how it is drawn; by default boxes, labels and trails.

    Raises:
        RecordingAbsentError: when there are no pictures in the span, at once.
    """
    chosen = overlapping(files, span)
    return begun(joined(chosen, span, drawn(RecordedOverlay(overlay or OverlayConfig()))), span)


def playable(file: RecordedFile) -> Iterator[bytes] | Path:
    """Return one recorded file as browsers and their Media Source Extensions play it.

    That is the file itself where it is H.264 with AAC or without sound; else its pieces, with what browsers do not
    play encoded anew: sound as AAC, pictures as H.264.

    Raises:
        RecordingAbsentError: when there is no picture in it, or it was removed, at once.
    """
    return played(file)[1]


def media_type(file: RecordedFile) -> str:
    """Return what :func:`playable` gives, as ``video/mp4; codecs="avc1.640028,mp4a.40.2"`` (RFC 6381).

    Raises:
        RecordingAbsentError: when there is no picture in it, or it was removed.
    """
    codecs = played(file)[0]
    return f'video/mp4; codecs="{",".join(codecs)}"'


def frames(files: Sequence[RecordedFile], span: RecordedSpan) -> list[RecordedFrame]:
    """Return what was found on the frames of a span, the oldest first; a file without boxes beside it gives none.

    Raises:
        ConfigError: when there are more than 100,000, or more than 250,000 objects on them.
    """
    return [
        RecordedFrame(
            moment_s, tuple(RecordedObject(o.track_id, o.class_name, o.score, o.box, o.class_id) for o in found.objects)
        )
        for moment_s, found in _boxes(overlapping(files, span), span)
    ]


def motion(files: Sequence[RecordedFile], span: RecordedSpan, polygon: Sequence[Point]) -> Iterator[Motion]:
    """Yield how much of a region changed, by the key frames alone, at most one a second.

    Args:
        files: those of one stream, the oldest first.
        span: what of them, at most four hours.
        polygon: the region, three to 64 points.

    Raises:
        ConfigError: when the span is longer, or the polygon is none, at once.
    """
    checked_span(span)
    return moments(overlapping(files, span), span, checked_polygon(polygon))


def _boxes(files: Sequence[RecordedFile], span: RecordedSpan) -> Iterator[tuple[float, BoxFrame]]:
    frames = objects = 0
    for file in files:
        for found in recorded_boxes(file.path):
            moment_s = file.recording.start_unix_s + found.t_s
            if span.since_unix_s <= moment_s < span.until_unix_s:
                frames, objects = frames + 1, objects + len(found.objects)
                if frames > MAX_FRAMES or objects > MAX_OBJECTS:
                    most = f"{MAX_FRAMES:,} frames with objects" if frames > MAX_FRAMES else f"{MAX_OBJECTS:,} objects"
                    raise ConfigError(f"the span has more than {most}; give a shorter one")
                yield moment_s, found
