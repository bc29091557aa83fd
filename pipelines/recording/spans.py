"""Which recorded files a span is about, and whether one file can hold them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from pipelines.recording.recorded_file import RecordedFile
from streamvision.core.errors import ConfigError
from streamvision.core.recordings import RecordedSpan, Recording, RecordingAbsentError

_LAST_UNIX_S = 253_402_300_799.0  # the last second of the year 9999


def overlapping(files: Sequence[RecordedFile], span: RecordedSpan) -> list[RecordedFile]:
    """Return the files of a stream that hold something of a span, the oldest first."""
    found = [
        file
        for file in files
        if file.recording.stream == span.stream
        and file.recording.start_unix_s < span.until_unix_s
        and file.recording.end_unix_s > span.since_unix_s
    ]
    return sorted(found, key=lambda file: file.recording.start_unix_s)


def check_same_pictures(files: Sequence[RecordedFile]) -> None:
    """Check that one track can hold the pictures of all files.

    Raises:
        ConfigError: when their codec or size changes; it says when.
    """
    for before, after in itertools.pairwise(files):
        old, new = before.recording, after.recording
        if (old.codec, old.width_px, old.height_px) != (new.codec, new.width_px, new.height_px):
            raise ConfigError(
                f"the pictures of {new.stream} change from {_kind(old)} to {_kind(new)} at {utc(new.start_unix_s)}, "
                "and one file of the camera's own packets holds one kind of pictures; export until or from then, or "
                "with boxes drawn, which encodes them again"
            )


def begun(pieces: Iterator[bytes], span: RecordedSpan) -> Iterator[bytes]:
    """Return the pieces of a file, the first of which is there already.

    Raises:
        RecordingAbsentError: when there is none.
    """
    first = next(pieces, None)
    if first is None:
        raise RecordingAbsentError(
            f"nothing was recorded of {span.stream} from {utc(span.since_unix_s)} to {utc(span.until_unix_s)}, or it "
            "is not kept any more; give another time"
        )
    return itertools.chain([first], pieces)


def _kind(recording: Recording) -> str:
    return f"{recording.codec} {recording.width_px}x{recording.height_px}"


def utc(unix_s: float) -> str:
    """Return a moment as messages say it, in whole seconds."""
    return (
        datetime.fromtimestamp(min(max(unix_s, 0.0), _LAST_UNIX_S), timezone.utc)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )
