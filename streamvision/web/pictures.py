"""The newest picture of each stream, encoded once in each size that somebody takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from streamvision.core.live import LiveChannel
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.web.wire import EncodedFrame

_log = logging.getLogger(__name__)

THREADS = 2
"""Pictures that are made smaller at the same time."""

Size = tuple[str, int | None]
"""A stream and the width of its pictures, in pixels; ``None`` is the full size."""


class Pictures:
    """Used on the event loop of the fan-out alone.

    The pipeline encodes the full size by itself. Smaller ones are made in threads of their own, one at a time for each
    size: of a stream that is faster than that some frames are passed over.

    Args:
        on_scaled: called with a channel, a width and a picture that was made smaller.
    """

    def __init__(self, on_scaled: Callable[[LiveChannel, int, EncodedFrame], None]) -> None:
        self._on_scaled = on_scaled
        self._encoded: dict[Size, EncodedFrame] = {}
        self._under_way: set[Size] = set()
        self._failed: dict[Size, RenderedFrame] = {}
        self._closed = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web-scale")

    def newest(self, channel: LiveChannel, width_px: int | None) -> EncodedFrame | None:
        """Return the newest picture of a stream, ready to send.

        It is ``None`` where there is none, where it cannot be encoded, and where it is made smaller first.

        Args:
            channel: the stream.
            width_px: width of the picture; ``None``: its own.
        """
        newest = channel.latest
        size = (channel.stream_id, width_px)
        encoded = self._encoded.get(size)
        if newest is None or (encoded is not None and encoded.frame is newest):
            return encoded
        if width_px is not None:
            self._scale(channel, newest, width_px)
            return None
        try:
            encoded = EncodedFrame(channel, newest, newest.jpeg())
        except Exception:  # the viewer is admitted, or served with the rest of its streams, all the same
            _log.exception("stream %s: frame %d cannot be encoded", channel.stream_id, newest.sequence)
            return None
        self._encoded[size] = encoded
        return encoded

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Forget the pictures of streams that nobody watches."""
        self._encoded = {size: one for size, one in self._encoded.items() if wanted(size[0])}
        self._failed = {size: one for size, one in self._failed.items() if wanted(size[0])}

    def close(self) -> None:
        """Make nothing smaller any more; from any thread."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _scale(self, channel: LiveChannel, frame: RenderedFrame, width_px: int) -> None:
        size = (channel.stream_id, width_px)
        if size in self._under_way or self._failed.get(size) is frame or self._closed:
            return
        self._under_way.add(size)
        scaling = asyncio.get_running_loop().run_in_executor(self._threads, frame.scaled_jpeg, width_px)
        scaling.add_done_callback(partial(self._scaled, channel, frame, width_px))

    def _scaled(
        self, channel: LiveChannel, frame: RenderedFrame, width_px: int, scaling: asyncio.Future[bytes]
    ) -> None:
        size = (channel.stream_id, width_px)
        self._under_way.discard(size)
        if scaling.cancelled():
            return
        if (error := scaling.exception()) is not None:
            self._failed[size] = frame
            _log.error("stream %s: frame %d cannot be made smaller", size[0], frame.sequence, exc_info=error)
            return
        self._encoded[size] = EncodedFrame(channel, frame, scaling.result())
        self._on_scaled(channel, width_px, self._encoded[size])
