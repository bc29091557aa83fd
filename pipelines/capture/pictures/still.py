"""Turns the file of one picture (JPEG, PNG, WebP, BMP) into a picture that stands as EXIF says; JPEG stays in YUV."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.codec import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from pipelines.capture.ffmpeg.frame_pictures import picture_from_frame
from pipelines.capture.ffmpeg.geometry import Geometry
from streamvision.core.exif import TURNS, Turn, orientation_of
from streamvision.core.picture import BgrPicture, Picture

MAX_PIXELS = 100_000_000
"""A few hundred bytes can claim a picture of gigabytes."""
_CODECS = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG": "png", b"RIFF": "webp", b"BM": "bmp"}
"""FFmpeg's decoders by how their files begin."""


def is_still(begin: bytes) -> bool:
    """Say whether a file that begins so is a picture that can be decoded."""
    return _codec(begin) is not None and (begin[:4] != b"RIFF" or begin[8:12] == b"WEBP")


class StillDecoder:
    """Decodes one picture after the other."""

    def __init__(self) -> None:
        self._jpeg = _decoder("mjpeg")
        self._reformatter = VideoReformatter()

    def decode(self, data: bytes) -> Picture | None:
        """Return the picture; ``None`` where it is damaged, larger than :data:`MAX_PIXELS`, or none."""
        name = _codec(data)
        if name is None:
            return None
        try:
            # FFmpeg's PNG decoder adds to one picture the one before it, so others than JPEG have a fresh one each.
            frames = (self._jpeg if name == "mjpeg" else _decoder(name)).decode(Packet(data))
            if not frames:
                return None
            turn = TURNS[orientation_of(data)]
            if name == "mjpeg":
                shown = picture_from_frame(frames[0], self._reformatter)
                return shown if turn == Turn() else Geometry(frames[0].width, frames[0].height, turn).applied(shown)
            bgr: Any = frames[0].to_ndarray(format="bgr24")
            return BgrPicture(np.ascontiguousarray(turn.applied(bgr)))
        except (ValueError, OSError, av.error.FFmpegError):
            return None


def _decoder(name: str) -> VideoCodecContext:
    decoder: VideoCodecContext = CodecContext.create(name, "r")  # type: ignore[assignment]
    # Without the first, half a picture passes as a whole one.
    decoder.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
    decoder.thread_type = "SLICE"
    return decoder


def _codec(begin: bytes) -> str | None:
    return next((name for magic, name in _CODECS.items() if begin.startswith(magic)), None)
