"""Small pictures of what was recorded, from key frames: a few milliseconds each, and none for those that are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from pipelines.recording.key_frames import FileDecoder
from pipelines.recording.recorded_file import OpenedFile, RecordedFile, RecordedPacket, opened
from pipelines.recording.segment_store import boxes_path
from pipelines.rendering.renderer import JpegEncoder

MIN_WIDTH_PX, MAX_WIDTH_PX = 32, 1920
_MAX_KEY_INTERVAL_S = 20.0
"""How far behind a key frame the next one is looked for, to know for how long this one holds."""


@dataclass(frozen=True)
class _Thumbnail:
    since_s: float
    until_s: float
    jpeg: bytes = field(repr=False)


class Thumbnails:
    """Small pictures of what was recorded; those that were asked for last are kept. Safe to call from any thread.

    Args:
        max_bytes: how much is kept.
    """

    def __init__(self, max_bytes: int = 16 << 20) -> None:
        self._max_bytes = max_bytes
        self._encode = JpegEncoder(75)
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], list[_Thumbnail]] = OrderedDict()
        self._bytes = 0

    def jpeg(self, file: RecordedFile, at_unix_s: float, width_px: int) -> bytes | None:
        """Return the key frame at or before a moment as a JPEG file; ``None`` where there is none.

        Args:
            file: which one to look into.
            at_unix_s: the moment; before the first picture, that one is taken.
            width_px: its width, 32 to 1920, or the nearest of these; a smaller picture keeps its own.
        """
        width_px = min(max(width_px, MIN_WIDTH_PX), MAX_WIDTH_PX)
        at_s = max(at_unix_s - file.recording.start_unix_s, 0.0)
        key = str(boxes_path(file.path)), width_px  # a file keeps its time when it is renamed for its kind
        with self._lock:
            kept = next((one for one in self._kept.get(key, ()) if one.since_s <= at_s < one.until_s), None)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept.jpeg
        made = self._made(file, at_s, width_px)
        if made is None:
            return None
        with self._lock:
            self._keep(key, made)
        return made.jpeg

    def _keep(self, key: tuple[str, int], made: _Thumbnail) -> None:
        others = [one for one in self._kept.get(key, ()) if one.since_s != made.since_s]
        self._bytes += _size([*others, made]) - _size(self._kept.get(key, []))
        self._kept[key] = [*others, made]
        self._kept.move_to_end(key)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)

    def _made(self, file: RecordedFile, at_s: float, width_px: int) -> _Thumbnail | None:
        with opened(file) as source:
            if source is None:
                return None
            found, until_s = _around(source, at_s)
            if found is None:
                return None
            decoder = FileDecoder(source)
            frame = decoder.key_frame(found.packet)
            if frame is None:
                return None
            jpeg = self._encode(decoder.picture(frame).to_canvas().scaled(width_px))
            return _Thumbnail(0.0 if found.pts_s <= 0 else found.pts_s, until_s, jpeg)


def _around(source: OpenedFile, at_s: float) -> tuple[RecordedPacket | None, float]:
    """Return the last key frame at or before a time, and until when it is that; a file may be growing at its end."""
    before: RecordedPacket | None = None
    last_s = 0.0
    for found in source.packets(at_s, at_s + _MAX_KEY_INTERVAL_S):
        if not found.is_video:
            continue
        if found.packet.is_keyframe:
            if before is not None and found.pts_s > at_s:
                return before, found.pts_s
            before = found
        last_s = max(last_s, found.dts_s)
    return before, last_s


def _size(thumbnails: list[_Thumbnail]) -> int:
    return sum(len(one.jpeg) for one in thumbnails)
