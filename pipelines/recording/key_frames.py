"""Pictures of a recorded file: the key frames alone, or all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from pipelines.recording.recorded_file import MAX_PICTURE_PX, OpenedFile, RecordedPacket
from streamvision.core.picture import YuvPicture


class FileDecoder:
    """Decodes the pictures of a recorded file, on the thread that asks.

    Args:
        source: the file.
    """

    def __init__(self, source: OpenedFile) -> None:
        self._context = source.video.codec_context
        self._context.thread_count = 1  # a frame-threaded decoder gives no picture before it has several
        self._context.options = {"max_pixels": str(MAX_PICTURE_PX)}
        aspect: Fraction | None = source.video.sample_aspect_ratio
        self._pictures = FramePictures(lambda: aspect)

    def frames(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        """Return what is complete with a packet, with ``None`` the rest; nothing where it is damaged."""
        with contextlib.suppress(av.FFmpegError):
            return self._context.decode(packet)
        return []

    def key_frame(self, packet: Packet[Any]) -> VideoFrame | None:
        """Return the picture of a key frame by itself; ``None`` where it is damaged."""
        frames = [*self.frames(packet), *self.frames(None)]
        self._context.flush_buffers()
        return frames[0] if frames else None

    def picture(self, frame: VideoFrame) -> YuvPicture:
        """Return a frame as it is to be seen."""
        return self._pictures.picture(frame)


def key_packets(source: OpenedFile, since_s: float, until_s: float, *, step_s: float = 0.0) -> Iterator[RecordedPacket]:
    """Yield key frames from the last one at or before a time up to another, at least ``step_s`` apart."""
    next_s = float("-inf")
    for found in source.packets(since_s, until_s):
        if found.is_video and found.packet.is_keyframe and found.pts_s >= next_s:
            next_s = found.pts_s + step_s
            yield found
