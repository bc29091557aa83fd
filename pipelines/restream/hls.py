"""Annotated streams as pieces for HTTP Live Streaming, kept in memory while somebody reads them.

Readers come and go without saying so: one is gone when it has asked for nothing for some seconds.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from pipelines.encoding.fragments import Fragment, Fragmenter
from pipelines.encoding.h264 import AccessUnit, H264Encoder
from pipelines.encoding.stream_encoder import StreamEncoder
from pipelines.encoding.stream_encoders import StreamEncoders
from streamvision.core.errors import OutputError
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.restream import VideoSegment, VideoWindow

READER_S = 10.0
"""A reader that has asked for nothing for so long is gone; players ask once a second."""
SWEEP_S = 1.0
"""How often it is looked who is gone."""
BEGIN_S = 3.0
"""How much there is before a reader gets any: Chromium gives up where the second playlist has nothing new."""
MAX_SEGMENTS = 12
"""Most pieces of a stream that are kept: readers that are half a playlist behind still find theirs."""
MAX_BYTES = 32 << 20
"""Most bytes of a stream that are kept, beside its newest piece."""
MAX_READERS = 1000
"""Most readers of a stream."""


class HlsVideos:
    """The videos of all streams, as :class:`~streamvision.core.restream.LiveVideos`.

    Args:
        view: the running pipeline, for its streams that go.
        encoders: who encodes.
    """

    def __init__(self, view: LiveView, encoders: StreamEncoders) -> None:
        self._view = view
        self._encoders = encoders
        self._lock = threading.Lock()
        self._videos: dict[LiveChannel, HlsVideo] = {}
        view.follow(self)

    def watch(self, channel: LiveChannel, reader: str) -> Future[VideoWindow]:
        """Count a reader for the next seconds, and return the video once there is a piece of it.

        Raises:
            OutputError: when the stream has too many readers.
        """
        with self._lock:
            if channel not in self._videos:
                self._videos[channel] = HlsVideo(channel, self._encoders.of(channel))
            video = self._videos[channel]
        return video.watch(reader)

    def window(self, channel: LiveChannel) -> VideoWindow | None:
        """Return the newest part of a video; ``None`` where nobody reads it."""
        video = self._videos.get(channel)
        return video.window() if video else None

    def channel_added(self, channel: LiveChannel) -> None:
        """Nothing is made before somebody asks."""

    def channel_removed(self, channel: LiveChannel) -> None:
        """Forget the video of a stream that has gone."""
        with self._lock:
            video = self._videos.pop(channel, None)
        if video is not None:
            video.close()

    def close(self) -> None:
        """Forget all videos."""
        self._view.unfollow(self)


class HlsVideo:
    """The video of one stream.

    Args:
        channel: the stream, whose viewers its readers are.
        encoder: who encodes it.
    """

    def __init__(self, channel: LiveChannel, encoder: StreamEncoder) -> None:
        self._channel = channel
        self._encoder = encoder
        self._lock = threading.Lock()
        self._readers: dict[str, float] = {}  # when each has last asked
        self._segments: deque[VideoSegment] = deque()
        self._headers: dict[int, bytes] = {}
        self._number = 0
        self._generation = 0
        self._source_generation: int | None = None
        self._fragmenter: Fragmenter | None = None
        self._shape = (0, 0, 0)
        self._codecs = ""
        self._is_over = False
        self._begun: Future[VideoWindow] = Future()

    def watch(self, reader: str) -> Future[VideoWindow]:
        """Count a reader, begin with the first, and return the video once there is a piece of it."""
        with self._lock:
            if reader not in self._readers:
                self._admit(reader)
            self._readers[reader] = time.monotonic()
            if not self._has_begun():
                return self._begun
            done: Future[VideoWindow] = Future()
            done.set_result(self._present())
            return done

    def window(self) -> VideoWindow | None:
        """Return the newest part; ``None`` where there is none."""
        with self._lock:
            return self._present() if self._has_begun() else None

    def take(self, unit: AccessUnit, encoder: H264Encoder) -> None:
        """Take the next picture."""
        if unit.generation != self._source_generation:
            self._end_fragments()
        if self._fragmenter is None and unit.is_key:
            self._begin_fragments(unit, encoder)
        if self._fragmenter is not None and (fragment := self._fragmenter.add(unit)):
            self._put(fragment)

    def fail(self, reason: str) -> None:
        """Wait for better pictures: what comes next begins with a key frame of another generation."""

    def end(self) -> None:
        """Give the last piece, behind which there is nothing more."""
        self._end_fragments()
        with self._lock:
            self._is_over = True
            self._tell()

    def close(self) -> None:
        """Let all readers go."""
        self._sweep(float("inf"))

    def _admit(self, reader: str) -> None:
        if len(self._readers) >= MAX_READERS:
            raise OutputError(
                f"stream {self._channel.stream_id!r} has {MAX_READERS} readers already; try again when one has left"
            )
        self._channel.add_viewer(full_size=False)
        if not self._readers:
            self._encoder.add(self)
            threading.Thread(target=self._watch_readers, name=f"hls-{self._channel.stream_id}", daemon=True).start()

    def _watch_readers(self) -> None:
        while not self._sweep(time.monotonic() - READER_S):
            time.sleep(SWEEP_S)

    def _sweep(self, oldest_s: float) -> bool:
        """Forget readers that have asked for nothing since then; return whether none is left."""
        with self._lock:
            gone = [reader for reader, asked_at_s in self._readers.items() if asked_at_s < oldest_s]
            for reader in gone:
                del self._readers[reader]
                self._channel.remove_viewer(full_size=False)
            if not self._readers:
                self._forget()
            return not self._readers

    def _forget(self) -> None:
        self._encoder.remove(self)
        self._segments.clear()
        self._headers.clear()
        self._fragmenter = None
        self._begun.cancel()
        self._begun = Future()

    def _begin_fragments(self, unit: AccessUnit, encoder: H264Encoder) -> None:
        fragmenter = Fragmenter(unit)
        self._fragmenter, self._source_generation = fragmenter, unit.generation
        with self._lock:
            self._generation += 1
            self._headers[self._generation] = fragmenter.header
            self._shape, self._codecs = (*encoder.size_px, encoder.max_bit_s), fragmenter.codecs
            self._is_over = False

    def _end_fragments(self) -> None:
        fragmenter, self._fragmenter = self._fragmenter, None
        if fragmenter is not None and (fragment := fragmenter.finish()):
            self._put(fragment)

    def _put(self, fragment: Fragment) -> None:
        with self._lock:
            if self._generation not in self._headers:
                return  # the last reader has just gone
            self._segments.append(
                VideoSegment(self._number, fragment.data, fragment.duration_s, fragment.time_unix_s, self._generation)
            )
            self._number += 1
            while len(self._segments) > 1 and self._is_too_much():
                self._segments.popleft()
            kept = {segment.generation for segment in self._segments}
            self._headers = {name: header for name, header in self._headers.items() if name in kept}
            self._tell()

    def _has_begun(self) -> bool:
        enough = self._is_over or sum(one.duration_s for one in self._segments) >= BEGIN_S
        return bool(self._segments) and enough

    def _tell(self) -> None:
        if self._has_begun() and not self._begun.done():
            with suppress(InvalidStateError):  # whoever waited has just gone
                self._begun.set_result(self._present())

    def _is_too_much(self) -> bool:
        return len(self._segments) > MAX_SEGMENTS or sum(len(one.data) for one in self._segments) > MAX_BYTES

    def _present(self) -> VideoWindow:
        return VideoWindow(tuple(self._segments), dict(self._headers), self._codecs, *self._shape, self._is_over)
