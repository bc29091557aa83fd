"""A folder with the annotated picture of each frame on which something happened, bounded in number."""

from __future__ import annotations

import re
import time
from collections import deque
from pathlib import Path

from pipelines.outputs.background import BackgroundSink
from pipelines.outputs.existing import date_text
from pipelines.outputs.line_file import cannot_write
from pipelines.outputs.sink import Sink, SinkContext
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter


class EventPictureSink:
    """Passes on frames with events only, to be written in a thread of their own.

    Args:
        folder: where to; it exists.
        stream_id: the stream.
        kept: most pictures of this stream, those of earlier runs among them; the oldest make room.
        lossless: wait for a slow disk, as with files, instead of passing over pictures, as with live streams.
        drops: where pictures are counted that the disk had no time for.
    """

    def __init__(
        self, folder: Path, *, stream_id: str, kept: int, lossless: bool, drops: DropCounter | None = None
    ) -> None:
        pictures = _PictureFolder(folder, stream_id=stream_id, kept=kept)
        self._writer: Sink = BackgroundSink(pictures, name=f"pictures in {folder}", lossless=lossless, drops=drops)

    def write(self, rendered: RenderedFrame) -> None:
        """Queue the frame's picture if something happened on it.

        Raises:
            OutputError: when an earlier picture could not be written.
        """
        analysis = rendered.result.analysis
        if analysis is not None and analysis.events:
            self._writer.write(rendered)

    def close(self) -> None:
        """Write what is waiting.

        Raises:
            OutputError: when something was not written and :meth:`write` has not said so yet.
        """
        self._writer.close()


class _PictureFolder:
    """Writes each picture as ``STREAM-DATE-FRAME.jpg``, which the events of that frame lead to."""

    def __init__(self, folder: Path, *, stream_id: str, kept: int) -> None:
        self._folder = folder
        self._kept = kept
        own = re.compile(rf"{re.escape(stream_id)}-\d{{8}}T\d{{6}}\.\d{{3}}Z-\d{{8,}}\.jpg")
        self._written = deque(sorted(path for path in folder.iterdir() if own.fullmatch(path.name)))

    def write(self, rendered: RenderedFrame) -> None:
        frame = rendered.result.frame
        analysis = rendered.result.analysis
        assert analysis is not None
        taken_unix_s = analysis.events[0].time_unix_s
        name = picture_name(frame.stream_id, time.time() if taken_unix_s is None else taken_unix_s, frame.index)
        path = self._folder / name
        try:
            path.write_bytes(rendered.jpeg())
            self._written.append(path)
            while len(self._written) > self._kept:
                self._written.popleft().unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self) -> None:
        pass  # each picture is finished as it is written


def picture_name(stream_id: str, time_unix_s: float, frame: int) -> str:
    """Return the name of the file with a frame's picture; the time is that of the frame's events.

    >>> picture_name("gate", 1790000000.25, 830)
    'gate-20260921T141320.250Z-00000830.jpg'
    """
    return f"{stream_id}-{date_text(time_unix_s)}-{frame:08d}.jpg"


def open_event_pictures(context: SinkContext) -> EventPictureSink:
    """Return the sink of one stream; all streams share the folder, which is made where it is missing.

    Raises:
        OutputError: when it cannot be made.
    """
    try:
        context.target.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(context.target, error) from error
    kept = context.outputs.event_pictures_kept
    lossless = not context.live
    return EventPictureSink(
        context.target, stream_id=context.stream_id, kept=kept, lossless=lossless, drops=context.drops
    )
