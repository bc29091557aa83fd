"""Turns the file of one picture (JPEG, PNG, WebP, BMP) into a picture; JPEG stays in YUV, and stands as EXIF says."""

from __future__ import annotations

import av
import numpy as np
from av.codec import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from pipelines.capture.ffmpeg.frame_pictures import FramePictures
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
        self._upright = FramePictures()

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
            return self._upright.picture(frames[0]) if name == "mjpeg" else _bgr(frames[0])
        except (ValueError, OSError, av.error.FFmpegError):
            return None


def _decoder(name: str) -> VideoCodecContext:
    decoder: VideoCodecContext = CodecContext.create(name, "r")  # type: ignore[assignment]
    # Without the first, half a picture passes as a whole one.
    decoder.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
    decoder.thread_type = "SLICE"
    return decoder


def _bgr(frame: VideoFrame) -> BgrPicture:
    return BgrPicture(np.ascontiguousarray(frame.to_ndarray(format="bgr24")))


def _codec(begin: bytes) -> str | None:
    return next((name for magic, name in _CODECS.items() if begin.startswith(magic)), None)
