"""Records of live video on the multiplexed response: what a decoder needs, packets, results, and what cannot be had.

Each is one line of JSON with ``bytes``, and so many bytes behind it; over WebSocket it is one binary message. A record
is made once and shared by all viewers who get it at the same moment.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from streamvision.core.live_video import SoundFormat, VideoFormat, VideoPacket
from streamvision.web.layers import Layer
from streamvision.web.wire import compact_json


def format_record(stream_id: str, video: VideoFormat, *, layer: Layer, now_s: float) -> bytes:
    """Give what a decoder must know before the packets that follow.

    Args:
        stream_id: the stream.
        video: the format.
        layer: which layer of the stream it is.
        now_s: when it is handed to the network, on ``time.monotonic()``.
    """
    about = {
        "generation": video.generation,
        "codec": video.codec,
        "width_px": video.width_px,
        "height_px": video.height_px,
        "way": video.way,
        "layer": layer,
        "is_drawn": video.is_drawn,
        "reorders": video.reorders,
        "sound": None if video.sound is None else _sound(video.sound),
    }
    return _bare(stream_id, "format", about, now_s)


def packet_record(stream_id: str, packet: VideoPacket, *, now_s: float) -> bytes:
    """Give one packet of video or sound."""
    head = b'{"stream":%b,"packet":{"generation":%d,"track":"%b","is_key":%b,"time_us":%d,"captured_us":%d},' % (
        json.dumps(stream_id, ensure_ascii=False).encode(),
        packet.generation,
        packet.track.encode(),
        b"true" if packet.is_key else b"false",
        packet.time_us,
        packet.captured_us,
    )
    return b"".join((head, b'"sent_at_s":%.4f,"bytes":%d}\n' % (now_s, len(packet.data)), packet.data))


def result_record(stream_id: str, result: dict[str, Any], *, now_s: float) -> bytes:
    """Give what was found on a frame, and which packet that frame was decoded from."""
    return _bare(stream_id, "result", result, now_s)


def scene_record(stream_id: str, scene: dict[str, Any], *, now_s: float) -> bytes:
    """Give what is drawn beside the results: classes, skeletons, regions with their counts."""
    return _bare(stream_id, "scene", scene, now_s)


def notice_record(stream_id: str, *, layer: Layer, reason: str, now_s: float) -> bytes:
    """Say in one sentence that a layer of a stream cannot be had now."""
    return _bare(stream_id, "notice", {"layer": layer, "reason": reason}, now_s)


def _bare(stream_id: str, kind: str, about: dict[str, Any], now_s: float) -> bytes:
    """Give a record without bytes behind its line."""
    return compact_json({"stream": stream_id, kind: about, "sent_at_s": round(now_s, 4), "bytes": 0}).encode() + b"\n"


def _sound(sound: SoundFormat) -> dict[str, Any]:
    return {
        "codec": sound.codec,
        "sample_rate_hz": sound.sample_rate_hz,
        "channels": sound.channels,
        "description": b64encode(sound.description).decode(),
    }
