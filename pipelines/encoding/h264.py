"""Drawn pictures of one size as H.264, each ready as soon as it is given."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from pipelines.encoding.video_frame import even, note_colours, video_frame
from streamvision.core.errors import MissingDependencyError
from streamvision.core.picture import Canvas

TICKS_PER_S = 90_000
"""Times of access units are whole numbers of these, as in RTP and MPEG."""
BITS_PER_PIXEL_S = 4
"""Most bits a second for each pixel of the picture: 8.3 Mbit/s at 1080p, 3.7 at 720p."""

# What a network carries counts here, so "veryfast": 20 ms of a core for a 1080p picture and half the bits of
# "ultrafast". Without look-ahead and B-frames ("zerolatency") no picture waits in the encoder.
_X264 = {"preset": "veryfast", "tune": "zerolatency", "crf": "23", "x264-params": "scenecut=0"}
_OPENH264 = {"allow_skip_frames": "0"}
_ENCODERS = {"libx264": _X264, "libopenh264": _OPENH264}
_NOMINAL_FPS = 30  # for the rate control alone; the pictures carry their own times
_TIME_BASE = Fraction(1, TICKS_PER_S)


@dataclass(frozen=True)
class AccessUnit:
    """One encoded picture (ITU-T H.264, Annex B)."""

    data: bytes
    """Its NAL units, with those of sequence and picture parameters before a key frame."""
    is_key: bool
    """Whether decoding can begin here."""
    tick: int
    """Its time, in 1/90000 s; it grows from one to the next."""
    time_unix_s: float
    """When its picture was captured, seconds since 1970."""
    generation: int
    """Grows where the video begins anew, in another size, say."""

    def __repr__(self) -> str:
        return f"AccessUnit({len(self.data)} bytes, {'key, ' if self.is_key else ''}{self.tick / TICKS_PER_S:.3f} s)"


class H264Encoder:
    """Used from one thread.

    Args:
        width_px: width of the pictures; an odd one gets a column more.
        height_px: height of the pictures; an odd one gets a row more.

    Raises:
        MissingDependencyError: when PyAV has no encoder for H.264.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        name = next((one for one in _ENCODERS if one in av.codecs_available), None)
        if name is None:
            raise MissingDependencyError(
                "this PyAV has no H.264 encoder (libx264 or libopenh264); pip install --force-reinstall av brings one"
            )
        self.size_px = even(width_px), even(height_px)
        """Width and height of the video."""
        self.max_bit_s = max(BITS_PER_PIXEL_S * self.size_px[0] * self.size_px[1], 500_000)
        """Most bits a second."""
        self._context = _opened(name, self.size_px, self.max_bit_s)

    def encode(self, canvas: Canvas, tick: int, *, is_key: bool) -> bytes:
        """Return a picture's NAL units; none where the encoder keeps it for later, which ours do not.

        Args:
            canvas: the picture.
            tick: its time, in 1/90000 s, after that of the one before.
            is_key: whether decoding is to be able to begin with it.

        Raises:
            av.FFmpegError: when the encoder fails.
        """
        frame = video_frame(canvas, *self.size_px)
        frame.pts, frame.time_base = tick, _TIME_BASE
        if is_key:
            frame.pict_type = PictureType.I
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def _opened(name: str, size_px: tuple[int, int], max_bit_s: int) -> VideoCodecContext:
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size_px
    context.pix_fmt = "yuv420p"
    context.time_base = _TIME_BASE
    context.framerate = Fraction(_NOMINAL_FPS)
    context.gop_size = 10_000  # key frames are asked for by time, not by count
    context.thread_count = 2
    rates = {"maxrate": str(max_bit_s), "bufsize": str(max_bit_s)}
    context.options = _ENCODERS[name] | (rates if name == "libx264" else {"b": str(max_bit_s // 2)})
    note_colours(context)
    return context
