"""Pictures of one size as H.264, each ready as soon as it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from pipelines.encoding.video_frame import CANVAS_COLOURS, Colours, even, note_colours, video_frame
from streamvision.core.picture import Canvas, YuvPicture

TICKS_PER_S = 90_000
"""Times of access units are whole numbers of these, as in RTP and MPEG."""
NOMINAL_FPS = 30
"""For the rate control alone; the pictures carry their own times."""

_TIME_BASE = Fraction(1, TICKS_PER_S)
_ONE_THREAD_PX = 640 * 480
"""Pictures up to this are encoded by one thread: a second one costs more than it brings."""


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
    captured_us: int
    """When its picture was captured, in microseconds on ``time.monotonic()``; it grows within a generation."""
    is_drawn: bool
    """Whether what was found is drawn into it."""

    def __repr__(self) -> str:
        return f"AccessUnit({len(self.data)} bytes, {'key, ' if self.is_key else ''}{self.tick / TICKS_PER_S:.3f} s)"


@dataclass(frozen=True)
class EncoderKind:
    """One of FFmpeg's H.264 encoders, and how it is set so that no picture waits in it."""

    name: str
    """FFmpeg's name."""
    options: Callable[[int], Mapping[str, str]]
    """Its settings, by the most bits a second."""
    layout: str = "yuv420p"
    """How it takes pictures: ``yuv420p`` or ``nv12``."""
    is_hardware: bool = False
    """Whether it needs a device."""


@dataclass(frozen=True)
class VideoSettings:
    """What the video is to be like."""

    width_px: int
    """Width of the pictures; an odd one gets a column more."""
    height_px: int
    """Height of the pictures; an odd one gets a row more."""
    max_bit_s: int
    """Most bits a second."""
    colours: Colours = CANVAS_COLOURS
    """What the levels of its pictures mean."""


class H264Encoder:
    """Used from one thread.

    Args:
        kind: which encoder.
        settings: what the video is to be like.

    Raises:
        av.FFmpegError: when the encoder cannot be opened.
    """

    def __init__(self, kind: EncoderKind, settings: VideoSettings) -> None:
        self.size_px = even(settings.width_px), even(settings.height_px)
        """Width and height of the video."""
        self.max_bit_s = settings.max_bit_s
        """Most bits a second."""
        self.kind = kind
        """Which encoder it is."""
        self._context = _opened(kind, self.size_px, settings)

    def encode(self, planes: Canvas | YuvPicture, tick: int, *, is_key: bool) -> bytes:
        """Return a picture's NAL units; none where the encoder keeps it for later, which ours do not.

        Args:
            planes: the picture, of the colours in the settings.
            tick: its time, in 1/90000 s, after that of the one before.
            is_key: whether decoding is to be able to begin with it.

        Raises:
            av.FFmpegError: when the encoder fails.
        """
        frame = video_frame(planes, *self.size_px, self.kind.layout)
        frame.pts, frame.time_base = tick, _TIME_BASE
        if is_key:
            frame.pict_type = PictureType.I
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def _opened(kind: EncoderKind, size_px: tuple[int, int], settings: VideoSettings) -> VideoCodecContext:
    context = av.CodecContext.create(kind.name, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size_px
    context.pix_fmt = kind.layout
    context.time_base = _TIME_BASE
    context.framerate = Fraction(NOMINAL_FPS)
    context.gop_size = 10_000  # key frames are asked for by time, not by count
    context.max_b_frames = 0
    context.thread_count = 1 if size_px[0] * size_px[1] <= _ONE_THREAD_PX else 2
    context.options = dict(kind.options(settings.max_bit_s))
    note_colours(context, settings.colours)
    context.open()
    return context
