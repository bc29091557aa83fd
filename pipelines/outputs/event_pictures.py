"""A folder with the annotated picture of each frame on which something happened, bounded in number."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from pipelines.outputs.background import BackgroundSink
from pipelines.outputs.line_file import cannot_write
from pipelines.outputs.sink import Sink, SinkContext
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.telemetry import DropCounter


class EventPictureSink:
    """Passes on frames with events only, to be written in a thread of their own.

    Args:
        folder: where to; it exists.
        kept: most pictures of this stream; the oldest of this run make room.
        lossless: wait for a slow disk, as with files, instead of passing over pictures, as with live streams.
        drops: where pictures are counted that the disk had no time for.
    """

    def __init__(self, folder: Path, *, kept: int, lossless: bool, drops: DropCounter | None = None) -> None:
        self._writer: Sink = BackgroundSink(
            _PictureFolder(folder, kept=kept), name=f"pictures in {folder}", lossless=lossless, drops=drops
        )

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
    """Writes each picture as ``STREAM-FRAME.jpg``, which the events of that frame lead to."""

    def __init__(self, folder: Path, *, kept: int) -> None:
        self._folder = folder
        self._kept = kept
        self._written: deque[Path] = deque()

    def write(self, rendered: RenderedFrame) -> None:
        frame = rendered.result.frame
        path = self._folder / picture_name(frame.stream_id, frame.index)
        try:
            path.write_bytes(rendered.jpeg())
            self._written.append(path)
            while len(self._written) > self._kept:
                self._written.popleft().unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self) -> None:
        pass  # each picture is finished as it is written


def picture_name(stream_id: str, frame: int) -> str:
    """Return the name of the file with a frame's picture.

    >>> picture_name("gate", 830)
    'gate-00000830.jpg'
    """
    return f"{stream_id}-{frame:08d}.jpg"


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
    return EventPictureSink(context.target, kept=kept, lossless=not context.live, drops=context.drops)
