"""One thread that owns the sockets of all viewers, and gives each the newest picture as fast as it can take it.

With 300 viewers at 25 fps one epoll thread costs 12 % of a core and 35 MB; a thread for each viewer costs 40 %.
A slow viewer skips frames, a dead one is evicted, and neither costs the others anything.
"""

from __future__ import annotations

import logging
import queue
import resource
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from streamvision.core.live import LiveChannel
from streamvision.web.viewer import Subscription, Viewer, prepare_socket
from streamvision.web.wire import EncodedFrame, detections_json, event, heartbeat_record

_log = logging.getLogger(__name__)

EVICTION_S = 10.0
"""A viewer that takes no byte for so long, while there is something to give, is gone."""
SWEEP_S = 0.5
"""How often the thread looks for the dead."""
HEARTBEAT_S = 2.0
"""Longest silence on the multiplexed live response."""
MAX_VIEWERS = 1000


def default_max_viewers() -> int:
    """Return how many viewers to admit: 1000, or half of the files that the process may open if that is less."""
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_VIEWERS if soft_limit == resource.RLIM_INFINITY else min(MAX_VIEWERS, soft_limit // 2)


class Fanout:
    """Sends the newest frames of all channels, and events, to everyone who asked."""

    def __init__(
        self, channels: Mapping[str, LiveChannel], *, eviction_s: float = EVICTION_S, max_viewers: int | None = None
    ) -> None:
        self.eviction_s = eviction_s
        self.max_viewers = default_max_viewers() if max_viewers is None else max_viewers
        self.evicted: Counter[str] = Counter()
        """Connections that were closed from this side, by cause."""
        self._channels = channels
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed: set[str] = set()
        self._viewers: set[Viewer] = set()
        self._by_stream: dict[str, set[Viewer]] = {stream_id: set() for stream_id in channels}
        self._encoded: dict[str, EncodedFrame] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-fanout", daemon=True)

    @property
    def connections(self) -> int:
        """How many sockets the thread owns, those that take events alone included."""
        return len(self._viewers)

    @property
    def full(self) -> bool:
        """Whether one viewer more would be too many."""
        return len(self._viewers) >= self.max_viewers

    def start(self) -> None:
        """Begin to listen to the channels and to serve."""
        for channel in self._channels.values():
            channel.add_listener(self._on_publish)
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Close every connection and end the thread; calling it twice is harmless."""
        for channel in self._channels.values():
            channel.remove_listener(self._on_publish)
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def adopt(self, sock: socket.socket, subscription: Subscription, *, opening: bytes) -> None:
        """Take over a connection, from any thread.

        Args:
            sock: the connected socket; it belongs to the fan-out from here on.
            subscription: what to send.
            opening: the first bytes to send, HTTP header included.
        """
        self._tell(partial(self._admit, sock, subscription, opening))

    def broadcast(self, message: bytes, *, key: str, stream_id: str | None = None) -> None:
        """Send an event to all who listen for events (of that stream), from any thread.

        A message with the same ``key`` that still waits is replaced.
        """
        self._tell(partial(self._offer_event, message, key, stream_id))

    def finish(self, stream_id: str) -> None:
        """Say that a stream is over: responses that carry it alone are completed and closed."""
        self._tell(partial(self._finish, stream_id))

    # --- from other threads -------------------------------------------------------------------------------------

    def _on_publish(self, channel: LiveChannel) -> None:
        """Note that a channel has a new frame; runs in the pipeline's thread, so it only leaves a mark."""
        if self._by_stream[channel.stream_id]:
            self._changed.add(channel.stream_id)
            self._wake()

    def _tell(self, action: Callable[[], None]) -> None:
        self._inbox.put(action)
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # full: a wake-up is under way already; closed: nobody is there to wake
            self._wake_write.send(b"\0")

    # --- in the fan-out's own thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        next_sweep_s = time.monotonic() + SWEEP_S
        try:
            while not self._stopping.is_set():
                for key, events in self._selector.select(max(0.0, next_sweep_s - time.monotonic())):
                    if key.data is None:
                        self._drain_wakeups()
                    else:
                        self._on_socket(key.data, events)
                self._obey()
                self._dispatch()
                if time.monotonic() >= next_sweep_s:
                    self._sweep()
                    next_sweep_s = time.monotonic() + SWEEP_S
        finally:
            self._close_all()

    def _drain_wakeups(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass

    def _obey(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._guarded(self._inbox.get_nowait())

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something for one viewer or one stream whose failure must not end the pictures of all others."""
        try:
            action()
        except Exception:
            _log.exception("viewers could not be served")

    def _admit(self, sock: socket.socket, subscription: Subscription, opening: bytes) -> None:
        if self.full or self._stopping.is_set():
            self.evicted["too many"] += 1
            sock.close()
            return
        try:
            prepare_socket(sock, eviction_s=self.eviction_s)
            self._selector.register(
                sock,
                selectors.EVENT_READ,
                viewer := Viewer(sock, subscription, opening=opening, now_s=time.monotonic()),
            )
        except (OSError, ValueError):  # it left before it was served
            sock.close()
            return
        self._viewers.add(viewer)
        for stream_id in self._followed(subscription):
            self._by_stream[stream_id].add(viewer)
            if subscription.pictures:
                self._channels[stream_id].add_viewer()
            self._offer_newest(viewer, stream_id)
        self._pump(viewer)

    def _followed(self, subscription: Subscription) -> tuple[str, ...]:
        """Return the streams whose every frame matters to the viewer."""
        return subscription.streams if subscription.pictures or subscription.detections else ()

    def _offer_newest(self, viewer: Viewer, stream_id: str) -> None:
        if viewer.subscription.pictures:
            encoded = self._encode(stream_id)
            if encoded is not None:
                viewer.offer(stream_id, encoded.render(viewer.subscription.form))
        else:
            channel = self._channels[stream_id]
            if channel.latest is not None:
                message = event("detections", detections_json(channel, channel.latest))
                viewer.offer(("detections", stream_id), lambda _: (message,))

    def _encode(self, stream_id: str) -> EncodedFrame | None:
        """Return the newest frame of a stream, ready to send, or ``None`` where there is none or it cannot be."""
        newest = self._channels[stream_id].latest
        encoded = self._encoded.get(stream_id)
        if newest is None or (encoded is not None and encoded.frame is newest):
            return encoded
        encoded = EncodedFrame(self._channels[stream_id], newest)
        try:
            _ = encoded.jpeg
        except Exception:  # the viewer is admitted, or served with the rest of its streams, all the same
            _log.exception("stream %s: frame %d cannot be encoded", stream_id, newest.sequence)
            return None
        self._encoded[stream_id] = encoded
        return encoded

    def _dispatch(self) -> None:
        """Offer each stream's new frame to all who follow the stream."""
        while self._changed:
            self._guarded(partial(self._dispatch_stream, self._changed.pop()))
        self._encoded = {s: e for s, e in self._encoded.items() if self._by_stream[s]}

    def _dispatch_stream(self, stream_id: str) -> None:
        followers = self._by_stream[stream_id]
        readers = [v for v in followers if v.subscription.pictures]
        encoded = self._encode(stream_id) if readers else None
        if encoded is not None:
            for viewer in readers:
                viewer.offer(stream_id, encoded.render(viewer.subscription.form))
                self._pump_idle(viewer)
        self._dispatch_detections(stream_id, [v for v in followers if not v.subscription.pictures])

    def _dispatch_detections(self, stream_id: str, listeners: list[Viewer]) -> None:
        channel = self._channels[stream_id]
        if not listeners or channel.latest is None:
            return
        message = event("detections", detections_json(channel, channel.latest))
        for viewer in listeners:
            viewer.offer(("detections", stream_id), lambda _: (message,))
            self._pump_idle(viewer)

    def _offer_event(self, message: bytes, key: str, stream_id: str | None) -> None:
        for viewer in list(self._viewers):
            wanted = viewer.subscription
            if wanted.form == "events" and (stream_id is None or stream_id in wanted.streams):
                viewer.offer(key, lambda _: (message,))
                self._pump_idle(viewer)

    def _finish(self, stream_id: str) -> None:
        for viewer in list(self._by_stream[stream_id]):
            if viewer.subscription.form in ("mjpeg", "mjpeg_early"):
                viewer.finish()
                self._pump_idle(viewer)

    def _on_socket(self, viewer: Viewer, events: int) -> None:
        if viewer not in self._viewers:
            return
        try:
            here = not events & selectors.EVENT_READ or viewer.listen()
        except OSError:
            here = False
        if not here:
            self._drop(viewer)
        elif events & selectors.EVENT_WRITE:
            self._pump(viewer)

    def _pump_idle(self, viewer: Viewer) -> None:
        """Send at once, unless the network is still busy with an earlier message."""
        if not viewer.blocked:
            self._pump(viewer)

    def _pump(self, viewer: Viewer) -> None:
        was_blocked = viewer.blocked
        try:
            wanted = viewer.pump(time.monotonic())
        except OSError:
            wanted = False
        except Exception:  # served again at once, it would fail again at once, for ever
            _log.exception("a viewer could not be served")
            wanted = False
        if not wanted:
            self._drop(viewer)
        elif viewer.blocked != was_blocked:
            interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if viewer.blocked else 0)
            self._selector.modify(viewer.socket, interest, viewer)

    def _sweep(self) -> None:
        now_s = time.monotonic()
        for viewer in list(self._viewers):
            silent_s = now_s - viewer.active_at_s
            if viewer.blocked and silent_s >= self.eviction_s - SWEEP_S:
                self.evicted["takes nothing"] += 1
                self._drop(viewer)
            elif viewer.subscription.form == "live" and not viewer.blocked and silent_s >= HEARTBEAT_S:
                viewer.offer("heartbeat", heartbeat_record)
                self._pump(viewer)

    def _drop(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        for stream_id in self._followed(viewer.subscription):
            self._by_stream[stream_id].discard(viewer)
            if viewer.subscription.pictures:
                self._channels[stream_id].remove_viewer()
        self._selector.unregister(viewer.socket)
        viewer.close()

    def _close_all(self) -> None:
        for viewer in list(self._viewers):
            self._drop(viewer)
        self._obey()  # connections that were on their way here are turned away
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
