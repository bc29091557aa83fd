"""A white square on its way over a dark picture, as H.264 packets and results that a page can be given."""

from __future__ import annotations

import base64
from fractions import Fraction
from typing import Any

import av
import numpy as np

SIDE_PX = 40
STEP_PX = 4


def square_left_px(index: int) -> int:
    """Return where the square begins in a frame."""
    return index * STEP_PX


def square_format(*, generation: int = 1, width_px: int = 320, height_px: int = 180, **more: Any) -> dict[str, Any]:
    """Return the ``format`` of such packets, as the server tells it; ``more`` takes the place of what it says."""
    return {
        "generation": generation,
        "codec": "avc1.42c01e",
        "width_px": width_px,
        "height_px": height_px,
        "way": "passed_on",
        "layer": "source",
        "is_drawn": False,
        "reorders": False,
        "sound": None,
    } | more


def square_packets(
    count: int, *, generation: int = 1, width_px: int = 320, height_px: int = 180, fps: int = 25, gop: int = 25
) -> list[dict[str, Any]]:
    """Return packets, each with its ``data`` in base64; frame n is captured n / fps seconds after second 0."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width_px, height_px, "yuv420p"
    encoder.framerate, encoder.time_base, encoder.gop_size = Fraction(fps), Fraction(1, fps), gop
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    found: list[Any] = []
    for index in range(count):
        picture = np.full((height_px, width_px, 3), 30, np.uint8)
        left = square_left_px(index)
        picture[60 : 60 + SIDE_PX, left : left + SIDE_PX] = 235
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, fps)
        found += encoder.encode(frame)
    found += encoder.encode(None)
    return [
        {
            "generation": generation,
            "track": "video",
            "is_key": packet.is_keyframe,
            "time_us": index * 1_000_000 // fps,
            "captured_us": index * 1_000_000 // fps,
            "data": base64.b64encode(bytes(packet)).decode(),
        }
        for index, packet in enumerate(found)
    ]


def square_result(packet: dict[str, Any], index: int, *, width_px: int = 320, height_px: int = 180) -> dict[str, Any]:
    """Return what is found on a packet's frame: the square."""
    left = square_left_px(index)
    return {
        "generation": packet["generation"],
        "time_us": packet["time_us"],
        "captured_us": packet["captured_us"],
        "frame": index,
        "pts_s": packet["time_us"] / 1e6,
        "width_px": width_px,
        "height_px": height_px,
        "is_tracked": True,
        "objects": [
            {
                "track_id": 1,
                "class_id": 0,
                "class_name": "square",
                "score": 0.9,
                "box_xyxy_px": [left, 60, left + SIDE_PX, 60 + SIDE_PX],
            }
        ],
    }
