"""The annotated video of a drive, with a chapter for each object."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from pipelines.encoding.video_frame import even, note_colours, video_frame
from pipelines.outputs.checked_file import CheckedFile
from pipelines.outputs.mp4 import choose_codec
from pipelines.rendering.overlay import Overlay
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.errors import OutputError
from streamvision.core.files import writing
from streamvision.core.frame import Result
from streamvision.core.picture import Canvas
from streamvision.trip.chapters import Chapter, chapter_rows

WIDTH_PX = 1280
"""Wider pictures are made smaller: a page shows no more, and an hour of 1080p takes twice the time."""
SHORTEST_S = 1 / 15 - 0.01
"""Pictures that follow sooner than this are left out: what is seen is the same, and an hour takes half the time."""
NOMINAL_FPS = 15
"""For the encoder's rate control; the pictures carry their own times."""
KEY_PICTURES = 30
"""From key frame to key frame at most, so that players jump to a chapter within a moment."""
QUALITY = {"crf": "27", "tune": "fastdecode"}
"""Of x264, where that encodes: half the bytes of a recording, good enough to look at, and pictures may wait in it."""
LONGEST_S = 24 * 3600.0
"""Pictures that claim to be later than this after the beginning are left out."""


def write_video(
    results: Iterable[Result],
    names: tuple[str, ...],
    target: Path,
    *,
    start_unix_s: float,
    end_unix_s: float,
    chapters: Sequence[Chapter] = (),
    hide: Callable[[Result], Result] | None = None,
) -> bool:
    """Draw and encode the pictures of a drive as MP4, one at a time; the file is there in full or not at all.

    Args:
        results: the drive's pictures with their objects, in the order of time; those without a wall clock are left out.
        names: class names by class id.
        target: the file; its folder is made where there is none.
        start_unix_s: when the video begins, UTC: a picture is shown at its wall clock's time since then.
        end_unix_s: when the last chapter ends.
        chapters: where a player can jump to.
        hide: makes faces and plates unreadable before anything is drawn.

    Returns:
        Whether there is a video; ``False`` where there was no picture.

    Raises:
        OutputError: when it cannot be written.
        MissingDependencyError: when there is no encoder.
    """
    scratch = target.with_name(f".{target.name}.part")
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    overlay = Overlay(OverlayConfig(status=False, trails_s=0), names)
    encoder = _Encoder(scratch, chapter_rows(chapters, start_unix_s=start_unix_s, end_unix_s=end_unix_s), start_unix_s)
    last_unix_s = -math.inf
    try:
        with writing(target), encoder:
            for result in results:
                time_unix_s = result.frame.time_unix_s
                if time_unix_s is None or not 0 <= time_unix_s - start_unix_s <= LONGEST_S:
                    continue
                if last_unix_s <= time_unix_s < last_unix_s + SHORTEST_S:
                    continue
                last_unix_s = time_unix_s
                encoder.write(_drawn(overlay, result if hide is None else hide(result)), time_unix_s - start_unix_s)
        if encoder.pictures:
            with writing(target):
                scratch.replace(target)
    except av.FFmpegError as error:
        raise OutputError(f"cannot write {target}: the encoder failed with {error}; go without videos") from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
    return encoder.pictures > 0


def _drawn(overlay: Overlay, result: Result) -> Canvas:
    return overlay.plan(_scaled(result), fps=0).draw()


def _scaled(result: Result) -> Result:
    """Return a result as one of a smaller picture, which is drawn on in less time than a large one."""
    picture = result.frame.picture
    small = picture.scaled(WIDTH_PX)
    factor = np.float32(small.width_px / picture.width_px)
    detections = replace(result.detections, box_xyxy_px=result.detections.box_xyxy_px * factor)
    return replace(result, frame=replace(result.frame, picture=small), detections=detections)


class _Encoder:
    """One file, from its first picture on. Use it in a ``with`` block, which finishes the file."""

    def __init__(self, path: Path, chapters: list[dict[str, object]], start_unix_s: float) -> None:
        self.pictures = 0
        """How many were encoded."""
        self._path = path
        self._chapters = chapters
        self._start_unix_s = start_unix_s
        self._codec = choose_codec()
        self._file: CheckedFile | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._last_tick = -1

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the file, unless it has failed already."""
        container, stream, file = self._container, self._stream, self._file
        self._container = self._stream = self._file = None
        try:
            if container is not None:
                try:
                    if kind is None and stream is not None:
                        container.mux(stream.encode(None))
                finally:
                    container.close()
        except (OSError, av.FFmpegError):
            if kind is None:
                raise
        finally:
            if file is not None:
                file.close()
        if kind is None and file is not None and file.error_number is not None:
            raise OSError(file.error_number, os.strerror(file.error_number))

    def write(self, canvas: Canvas, time_s: float) -> None:
        """Encode a picture; where its time is not after the one before, it follows that at once."""
        if self._stream is None or self._container is None:
            self._open(canvas)
        assert self._stream is not None
        assert self._container is not None
        frame = video_frame(canvas, self._stream.width, self._stream.height)
        tick = max(math.floor(time_s * self._codec.time_base.denominator + 0.5), self._last_tick + 1)
        frame.pts, frame.time_base = tick, self._codec.time_base
        self._last_tick = tick
        self._container.mux(self._stream.encode(frame))
        self.pictures += 1

    def _open(self, canvas: Canvas) -> None:
        self._file = CheckedFile(self._path, "wb")
        container = av.open(self._file, "w", format="mp4", options={"movflags": "negative_cts_offsets"})
        self._container = container
        begin = datetime.fromtimestamp(self._start_unix_s, timezone.utc)
        container.metadata["creation_time"] = begin.isoformat()
        container.set_chapters(self._chapters)  # type: ignore[arg-type]
        options = self._codec.options | (QUALITY if "crf" in self._codec.options else {})
        stream = container.add_stream(self._codec.name, rate=NOMINAL_FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = even(canvas.width_px), even(canvas.height_px)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._codec.time_base
        context.gop_size = KEY_PICTURES
        context.thread_count = 2
        note_colours(context)
        self._stream = stream
