"""A stream's own packets on their way to all who watch, over all its connections."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from streamvision.core.live_video import VideoFormat, VideoListener, VideoPacket

_log = logging.getLogger(__name__)

MOST_KEPT_BYTES = 4_000_000
"""Of the pictures since the last key frame; where they are more, the next one is awaited."""


class PassedOn:
    """Gives what its writers put to every listener, and keeps the packets since the last key frame.

    Writers are the connections of the stream as it is set; where it begins anew, the next one's come in place of those
    before. No listener is called while a lock is held that others wait for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[_Subscription, ...] = ()
        self._video: VideoFormat | None = None
        self._reason = ""
        self._withheld = ""
        self._aside: tuple[_Subscription, ...] = ()
        self._packets: list[VideoPacket] = []
        self._bytes = 0
        self._writers = self._writer = self._generation = 0

    def new_writer(self) -> int:
        """Return the number of one writer more; once it has put something, those before are not listened to."""
        with self._lock:
            self._writers += 1
            return self._writers

    def new_generation(self) -> int:
        """Return the number of the next format."""
        with self._lock:
            self._generation += 1
            return self._generation

    def begin(self, writer: int, video: VideoFormat) -> None:
        """Begin anew with another format; its first packet is a key frame."""
        with self._lock:
            if not self._takes(writer):
                return
            self._video, self._reason = video, ""
            self._packets, self._bytes = [], 0
            listeners = self._listeners
        for one in listeners:
            one.begin(video, ())

    def put(self, writer: int, packet: VideoPacket) -> None:
        """Pass a packet on."""
        with self._lock:
            if not self._takes(writer) or self._video is None or packet.generation != self._video.generation:
                return
            self._keep(packet)
            listeners = self._listeners
        for one in listeners:
            one.take(packet)

    def refuse(self, writer: int, reason: str) -> None:
        """Pass nothing on from now on, and forget what was kept; the reason is a sentence."""
        with self._lock:
            if not self._takes(writer) or self._reason == reason:
                return
            self._video, self._reason = None, reason
            self._packets, self._bytes = [], 0
            listeners = self._listeners
        for one in listeners:
            one.unavailable(reason)

    def subscribe(self, listener: VideoListener) -> Callable[[], None]:
        """Give everything to a listener from now on; return what ends that, after which it is called at most once."""
        one = _Subscription(listener)
        self._give(one)
        return lambda: self._remove(one)

    def withhold(self, reason: str) -> None:
        """Give nothing to anybody, for a reason in one sentence; go on where it is empty."""
        with self._lock:
            if reason == self._withheld:
                return
            self._withheld = reason
            listeners = (*self._listeners, *self._aside)
            self._listeners = self._aside = ()
        for one in listeners:
            self._give(one)

    def _give(self, one: _Subscription) -> None:
        """Let a listener have what was kept, and everything from then on; or tell it why not."""
        with one.delivering:  # a writer that has the next packet waits until it has begun
            with self._lock:
                if one.is_over:
                    return
                video, packets, reason = self._video, tuple(self._packets), self._withheld or self._reason
                if self._withheld:
                    self._aside = (*self._aside, one)
                else:
                    self._listeners = (*self._listeners, one)
            if reason:
                one.unavailable_within(reason)
            elif video is not None:
                one.begin_within(video, packets)

    def _remove(self, one: _Subscription) -> None:
        one.is_over = True
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other is not one)
            self._aside = tuple(other for other in self._aside if other is not one)

    def _takes(self, writer: int) -> bool:
        self._writer = max(self._writer, writer)
        return writer == self._writer

    def _keep(self, packet: VideoPacket) -> None:
        if packet.is_key and packet.track == "video":
            self._packets, self._bytes = [], 0
        elif not self._packets:
            return
        self._packets.append(packet)
        self._bytes += len(packet.data)
        if self._bytes > MOST_KEPT_BYTES:
            self._packets, self._bytes = [], 0


class _Subscription:
    """One listener, which is called by one thread at a time, and gets nothing that it could not decode."""

    def __init__(self, listener: VideoListener) -> None:
        self.delivering = threading.Lock()
        self.is_over = False
        self._listener = listener
        self._generation: int | None = None
        self._awaits_key = True

    def begin(self, video: VideoFormat, packets: tuple[VideoPacket, ...]) -> None:
        with self.delivering:
            self.begin_within(video, packets)

    def unavailable(self, reason: str) -> None:
        with self.delivering:
            self.unavailable_within(reason)

    def take(self, packet: VideoPacket) -> None:
        with self.delivering:
            if packet.generation != self._generation:
                return
            if packet.track == "video":
                self._awaits_key = self._awaits_key and not packet.is_key
            if not self._awaits_key:
                self._call(self._listener.take, packet)

    def begin_within(self, video: VideoFormat, packets: tuple[VideoPacket, ...]) -> None:
        self._generation, self._awaits_key = video.generation, not packets
        self._call(self._listener.begin, video, packets)

    def unavailable_within(self, reason: str) -> None:
        self._generation = None
        self._call(self._listener.unavailable, reason)

    def _call(self, method: Callable[..., None], *given: object) -> None:
        if self.is_over:
            return
        try:
            method(*given)
        except Exception:  # of one listener; capture and the others go on
            _log.exception("somebody who watches failed")
            self.is_over = True
