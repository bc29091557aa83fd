"""The wall clock of frames: from RTCP sender reports, a container, a file's name, or a live source's arrival.

Whatever the source says of the time is a claim; :class:`WallTime` says whose.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import PurePath
from typing import Any

from streamvision.core.frame import WallTime

EARLIEST_FILE_S = datetime(2001, 1, 1, tzinfo=timezone.utc).timestamp()
"""Devices whose clock was never set write 1904, 1970 or 2000."""
EARLIEST_CAMERA_S = datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp()
"""Cameras whose clock was never set send the year in which they were made, or an earlier one."""
DAY_S = 86400.0
SLIP_S = 2.0
"""Between two sender reports a camera's wall clock is believed as long as it stays this near to ours."""

_STAMP_KEYS = ("com.apple.quicktime.creationdate", "creation_time", "date")
"""Apple's key has the time zone of the place; the others are in UTC, or else in the zone of whoever wrote them."""
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ]+(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6})\d*)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_NAME = re.compile(
    r"(?<!\d)(20\d\d)[-_. ]?(\d\d)[-_. ]?(\d\d)(?: at |[-_. T/]){0,4}(\d\d)[-_.:h/ ]?(\d\d)[-_.:m ]?(\d\d)"
    r"(?:\.?(\d{3}))?(Z)?(?!\d)",
    re.IGNORECASE,
)
_PRFT = struct.Struct("=q")
"""AVProducerReferenceTime begins with the wall clock in microseconds since 1970."""


class RecordingClock:
    """The wall clock of a recording, which says when its first frame was taken."""

    def __init__(self, start: WallTime) -> None:
        self._start = start
        self._first_pts_s: float | None = None

    def at(self, pts_s: float) -> WallTime:
        """Return when the frame of this time was taken."""
        if self._first_pts_s is None:
            self._first_pts_s = pts_s
        return WallTime(self._start.unix_s + pts_s - self._first_pts_s, self._start.source)


class SenderClock:
    """The wall clock of an RTSP camera, from its RTCP sender reports (RFC 3550, section 6.4.1).

    FFmpeg continues the last report by the frames' own timestamps. Where those leap before the next report has come,
    the camera's wall clock goes on from our own.
    """

    def __init__(self) -> None:
        self._ahead_s: float | None = None
        self._reported = False

    def time_of(self, packet: Any, arrival_unix_s: float) -> WallTime | None:
        """Return when the picture of a packet was taken; ``None`` before the first report.

        Args:
            packet: as the demuxer gave it.
            arrival_unix_s: when it reached this machine.
        """
        claimed_s = _reference_time_s(packet)
        if claimed_s is not None and claimed_s < EARLIEST_CAMERA_S:
            self._ahead_s = None
            return None
        if packet.has_sidedata("rtcp_sr"):
            self._reported = True  # of the packet after this one, since the parser holds one back
        elif claimed_s is not None and self._believes(claimed_s - arrival_unix_s):
            self._ahead_s, self._reported = claimed_s - arrival_unix_s, False
            return WallTime(claimed_s, "rtcp")
        return None if self._ahead_s is None else WallTime(arrival_unix_s + self._ahead_s, "rtcp")

    def _believes(self, ahead_s: float) -> bool:
        return self._reported or self._ahead_s is None or abs(ahead_s - self._ahead_s) <= SLIP_S


def arrival_time(captured_at_s: float) -> WallTime:
    """Return on our own wall clock when a frame reached this machine, given the same on ``time.monotonic()``."""
    return WallTime(time.time() - (time.monotonic() - captured_at_s), "arrival")


def recording_clock(path: str, *metadata: Mapping[str, str]) -> RecordingClock | None:
    """Return the clock of a recording, by what its container says, or else its name; ``None`` where neither does.

    Args:
        path: where it is; a name, or that of its folder, may say when it begins, in this machine's time zone.
        metadata: of the container and of its video track.
    """
    for key in _STAMP_KEYS:
        for tags in metadata:
            start_s = _unix_s(_STAMP.match(tags.get(key, "").strip()))
            if start_s is not None:
                return RecordingClock(WallTime(start_s, "container"))
    start_s = time_in_name(path)
    return None if start_s is None else RecordingClock(WallTime(start_s, "file_name"))


def time_in_name(path: str) -> float | None:
    """Return the date and time in a file's name, or in those of its folders and itself, in seconds since 1970 UTC.

    Without a Z behind it the time is taken for one of this machine's time zone.
    """
    file = PurePath(path)
    for text in (file.stem, f"{file.parent.name}/{file.stem}", "/".join([*file.parts[-3:-1], file.stem])):
        for found in _NAME.finditer(text):
            if (start_s := _unix_s(found)) is not None:
                return start_s
    return None


def _unix_s(found: re.Match[str] | None) -> float | None:
    """Return the time that a pattern found; ``None`` where there is no such time, or none that a recording can have."""
    if found is None:
        return None
    *date, fraction, zone = found.groups()
    try:
        at = datetime(*(int(part) for part in date), microsecond=int((fraction or "0").ljust(6, "0")))  # type: ignore[misc,arg-type]
        unix_s = at.replace(tzinfo=_zone(zone)).timestamp() if zone else at.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return unix_s if EARLIEST_FILE_S <= unix_s <= time.time() + DAY_S else None


def _zone(text: str) -> timezone:
    if text.upper() == "Z":
        return timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _reference_time_s(packet: Any) -> float | None:
    if not packet.has_sidedata("prft"):
        return None
    data = bytes(packet.get_sidedata("prft"))
    return float(_PRFT.unpack_from(data)[0]) / 1e6 if len(data) >= _PRFT.size else None
