"""What is in a recorded file that the index does not know: one that was being written when the machine stopped, say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

OPEN_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class FileContent:
    """What is in a recorded file, as far as it goes."""

    codec: str
    """How its pictures are encoded, in FFmpeg's words."""
    width_px: int
    """Width of its pictures."""
    height_px: int
    """Height of its pictures."""
    has_sound: bool
    """Whether there is sound in it."""
    duration_s: float
    """From its first picture to the end of its last."""


def content_of(path: Path, *, whole: bool = True) -> FileContent | None:
    """Return what is in a file; ``None`` where there is no picture in it.

    Args:
        path: the file; whatever it holds is read as MP4, never as a list that leads elsewhere.
        whole: whether it is read to its end; else its duration is 0.

    Raises:
        OSError: when the system refuses to read it.
    """
    path.open("rb").close()
    try:
        with av.open(str(path), format="mov", timeout=OPEN_TIMEOUT_S) as container:
            if not container.streams.video:
                return None
            video = container.streams.video[0]
            duration_s = _duration_s(container, video) if whole else 0.0
            size = (video.codec_context.width, video.codec_context.height)
            name, has_sound = video.codec_context.name, bool(container.streams.audio)
    except (av.FFmpegError, ValueError):
        return None
    return None if duration_s is None else FileContent(name, *size, has_sound, duration_s)


def _duration_s(container: av.container.InputContainer, video: av.VideoStream) -> float | None:
    first: int | None = None
    last = 0
    try:
        for packet in container.demux(video):
            if packet.pts is None:
                continue
            first = packet.pts if first is None else min(first, packet.pts)
            last = max(last, packet.pts + (packet.duration or 0))
    except av.FFmpegError:  # it is cut short
        pass
    if first is None or video.time_base is None:
        return None
    return float((last - first) * video.time_base)
