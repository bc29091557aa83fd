"""What travels over a viewer's connection: MJPEG parts, records of the multiplexed live response, server-sent events.

The bytes of a frame are built once for each form and shared by all who watch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

from streamvision.core.frame import describe
from streamvision.core.live import LiveChannel
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.web.shared_bytes import SharedBytes

Form = Literal["mjpeg", "mjpeg_early", "live", "events"]
"""How a viewer reads: see :class:`EncodedFrame` for the three forms of pictures; ``events`` carries no pictures."""

Render = Callable[[float], bytes]
"""Gives the bytes to send, at the moment (``time.monotonic()``) at which they are handed to the network."""

BOUNDARY = "frame"
CONTENT_TYPES: dict[Form, str] = {
    "mjpeg": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    "mjpeg_early": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    "live": "application/vnd.streamvision.live",
    "events": "text/event-stream; charset=utf-8",
}
_EARLY_PART_HEADER = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
_EARLY_TAIL = b"\r\n" + _EARLY_PART_HEADER
OPENINGS: dict[Form, bytes] = {
    "mjpeg": b"",
    "mjpeg_early": _EARLY_PART_HEADER,
    "live": b"",
    "events": b"retry: 1000\n\n",
}
"""What stands between the HTTP header and the first message."""
CLOSINGS: dict[Form, bytes] = {
    "mjpeg": f"--{BOUNDARY}--\r\n".encode(),
    "mjpeg_early": f"\r\n--{BOUNDARY}--\r\n".encode(),
    "live": b"",
    "events": b"",
}
"""What ends a response whose stream is over."""


class EncodedFrame:
    """One frame of a channel, in one size, in every form in which viewers take it.

    Used on the event loop of the fan-out alone.
    """

    def __init__(self, channel: LiveChannel, frame: RenderedFrame, jpeg: bytes) -> None:
        self.stream_id = channel.stream_id
        self.frame = frame
        self.jpeg = jpeg
        """The drawn picture, in full size or smaller."""
        self._channel = channel
        self._newest_record = 0.0, b""

    def render(self, form: Form) -> Render:
        """Return what sends this frame in ``form``."""
        if form == "live":
            return self._record
        return self._early_part if form == "mjpeg_early" else self._plain_part

    def _plain_part(self, now_s: float) -> bytes:
        """Give a part as RFC 2046 has it: boundary, header with the length, picture."""
        self._channel.note_sent(self.frame, now_s)
        return self._plain

    def _early_part(self, now_s: float) -> bytes:
        """Give the picture with the next part's boundary and header right behind it.

        Chromium paints a picture when it meets the boundary after it: 20 ms after it was sent this way, 58 ms in the
        plain form, where that boundary comes with the next picture.
        """
        self._channel.note_sent(self.frame, now_s)
        return self._early

    def _record(self, now_s: float) -> bytes:
        """Give one JSON line and the picture behind it; those who get it at the same moment share it."""
        sent_at_s, record = self._newest_record
        if sent_at_s != now_s:
            self._channel.note_sent(self.frame, now_s)
            age_s = self.frame.result.frame.age_s(now_s)
            record = b"".join((self._record_head, b'"age_s":%.4f,"sent_at_s":%.4f}\n' % (age_s, now_s), self.jpeg))
            self._newest_record = now_s, record
        return record

    @cached_property
    def _plain(self) -> bytes:
        header = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.jpeg)}\r\n\r\n"
        return SharedBytes(b"".join((header.encode(), self.jpeg, b"\r\n")))

    @cached_property
    def _early(self) -> bytes:
        return SharedBytes(self.jpeg + _EARLY_TAIL)

    @cached_property
    def _record_head(self) -> bytes:
        frame = self.frame.result.frame
        fields = {
            "stream": self.stream_id,
            "sequence": self.frame.sequence,
            "frame": frame.index,
            "pts_s": round(frame.pts_s, 4),
            "width_px": frame.picture.width_px,
            "height_px": frame.picture.height_px,
            "jpeg_bytes": len(self.jpeg),
        }
        return compact_json(fields)[:-1].encode() + b","


def heartbeat_record(now_s: float) -> bytes:
    """Give a record without a picture: it tells a reader of the live response that the server still breathes."""
    return b'{"heartbeat":true,"jpeg_bytes":0,"sent_at_s":%.4f}\n' % now_s


def event(name: str, data: Any) -> bytes:
    """Give one server-sent event (HTML standard, 9.2) whose data is JSON."""
    return f"event: {name}\ndata: {compact_json(data)}\n\n".encode()


def detections_json(channel: LiveChannel, frame: RenderedFrame) -> dict[str, Any]:
    """Describe what was found on a frame, in plain values."""
    result = frame.result
    return {
        "stream": channel.stream_id,
        "sequence": frame.sequence,
        "frame": result.frame.index,
        "pts_s": round(result.frame.pts_s, 6),
        "age_s": round(result.frame.age_s(), 4),
        "width_px": result.frame.picture.width_px,
        "height_px": result.frame.picture.height_px,
        **describe(result, channel.names),
    }


def compact_json(data: Any) -> str:
    """Give JSON without spaces, on one line."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
