"""Gives each viewer the newest picture as fast as it can take it, on one event loop.

A slow viewer skips frames, a dead one is evicted, and neither costs the others anything.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from streamvision.core.live import LiveChannel, LiveView
from streamvision.web.access import Principal
from streamvision.web.delivery import Delivery
from streamvision.web.link import Link, PulledLink
from streamvision.web.loop_calls import LoopCalls, guarded
from streamvision.web.open_files import default_max_viewers
from streamvision.web.pictures import Pictures
from streamvision.web.places import Places
from streamvision.web.result_fanout import ResultFanout
from streamvision.web.video_fanout import VideoFanout
from streamvision.web.viewer import Subscription, Viewer
from streamvision.web.widths import Taken
from streamvision.web.wire import OPENINGS, EncodedFrame, detections_json, event, heartbeat_record

EVICTION_S = 10.0
"""A viewer that takes no byte for so long, while there is something to give, is gone."""
SWEEP_S = 0.5
"""How often the dead are looked for."""
TURN_VIEWERS = 64
"""So many are served in a row before connections and requests have their turn: each may take 1 ms on a busy machine."""
HEARTBEAT_S = 2.0
"""Longest silence on the multiplexed live response."""
GOODBYE_S = 0.5
"""How long a viewer may take for the end of its response when the server stops."""


def _as_is(message: bytes, _now_s: float) -> bytes:
    return message


class Fanout:
    """Offers the newest frames of all streams, and events, to everyone who asked; streams may come and go."""

    def __init__(self, view: LiveView, *, eviction_s: float = EVICTION_S, max_viewers: int | None = None) -> None:
        self.eviction_s = eviction_s
        self.places = Places(default_max_viewers() if max_viewers is None else max_viewers)
        """How many may watch."""
        self.evicted: Counter[str] = Counter()
        """Connections that were closed from this side, by cause."""
        self._view = view
        self._changed: set[str] = set()
        self._dispatching = False
        self._viewers: set[Viewer] = set()
        self._by_stream: dict[str, set[Viewer]] = {}
        self._calls = LoopCalls()
        self._delivery = Delivery(lambda viewer: guarded(partial(self._break_off, viewer)))
        self._results = ResultFanout(calls=self._calls, delivery=self._delivery)
        self.videos = VideoFanout(view, calls=self._calls, delivery=self._delivery)
        """Who gets packets of video."""
        self._pictures = Pictures(self._offer_scaled)

    @property
    def connections(self) -> int:
        """How many live responses there are, those that carry events alone included."""
        return len(self._viewers)

    @property
    def has_ended(self) -> bool:
        """Whether nobody is served any more."""
        return self._calls.loop is None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to listen to the channels, from the thread in which the loop runs."""
        self._calls.start(loop)
        self._view.follow(self)
        self._sweep()

    def stop(self) -> None:
        """End every response; from any thread, and calling it twice is harmless."""
        self._view.unfollow(self)
        if (loop := self._calls.stop()) is not None:
            self._pictures.close()
            with suppress(RuntimeError):  # the loop has ended, and all responses with it
                loop.call_soon_threadsafe(self._end, lambda viewer: True)

    # --- from other threads -------------------------------------------------------------------------------------

    def broadcast(self, message: bytes, *, key: str, stream_id: str | None = None, scope: str = "view") -> None:
        """Send an event to all who listen for events (of that stream) and have that right, from any thread.

        A message with the same ``key`` that still waits is replaced.
        """
        self._calls.call(partial(self._offer_event, message, key, stream_id, scope))

    def broadcast_seen(self, render: Callable[[Principal], bytes], *, key: str) -> None:
        """Send an event to all who listen for events, to each what it may see, from any thread."""
        self._calls.call(partial(self._offer_seen, render, key))

    def principals(self) -> set[Principal]:
        """Return whose viewers are connected, from any thread.

        Raises:
            ConnectionError: when the fan-out has ended.
        """
        return self._calls.run(self._connected_principals())

    def end(self, principal: Principal) -> None:
        """End every response of somebody who may see no more, or not the same, from any thread."""
        self._calls.call(partial(self._end, lambda viewer: viewer.subscription.principal == principal))

    def finish(self, stream_id: str) -> None:
        """Say that a stream is over: responses that carry it alone are completed and closed."""
        self._calls.call(partial(self._finish, stream_id))

    def blocking(self, subscription: Subscription, *, opening: bytes = b"") -> Iterator[bytes]:
        """Yield what a viewer gets, from the thread of a server that knows no event loops.

        Args:
            subscription: what the viewer asked for.
            opening: the first bytes of the response's body.

        Raises:
            ConnectionError: when the fan-out has ended before the first message.
        """
        yield OPENINGS[subscription.form] + opening
        link = PulledLink()
        viewer = self._calls.run(self._admitted(subscription, link))
        try:
            with suppress(ConnectionError):  # the fan-out has ended, and every response with it
                while (message := self._calls.run(self._pulled(viewer, link))) is not None:
                    yield message
        finally:
            self._calls.call(partial(self.drop, viewer))

    async def _connected_principals(self) -> set[Principal]:
        return {viewer.subscription.principal for viewer in self._viewers}

    async def _admitted(self, subscription: Subscription, link: Link) -> Viewer:
        return self.admit(subscription, link)

    async def _pulled(self, viewer: Viewer, link: PulledLink) -> bytes | None:
        return await link.next_message(partial(self._delivery.send_waiting, viewer))

    def channel_added(self, channel: LiveChannel) -> None:
        """Serve a stream that has come to all who want it."""
        channel.add_listener(self._on_publish)
        self._calls.call(partial(self._begin_stream, channel.stream_id))

    def channel_removed(self, channel: LiveChannel) -> None:
        """Serve a stream no more: responses that carry its pictures alone are completed, the others go on."""
        channel.remove_listener(self._on_publish)
        self._calls.call(partial(self._end_stream, channel))

    def _on_publish(self, channel: LiveChannel) -> None:
        """Note that a channel has a new frame; runs in the pipeline's thread, so it only leaves a mark."""
        if self._by_stream.get(channel.stream_id):
            self._changed.add(channel.stream_id)
            if not self._dispatching:
                self._dispatching = True
                self._calls.call(self._dispatch)

    # --- on the event loop --------------------------------------------------------------------------------------

    def admit(self, subscription: Subscription, link: Link) -> Viewer:
        """Serve one viewer more, until :meth:`drop`.

        Args:
            subscription: what it asked for.
            link: the way to it.
        """
        viewer = Viewer(subscription, link)
        self._viewers.add(viewer)
        self.places.take(subscription.principal)
        channels = self._view.channels
        if subscription.follows_frames:
            for stream_id in filter(subscription.includes, channels):
                self._attach(viewer, channels[stream_id])
        if subscription.one_stream and not viewer.attached:  # it has gone since it was asked for
            self._delivery.finish(viewer)
        return viewer

    def drop(self, viewer: Viewer) -> None:
        """Serve a viewer no more; calling it twice is harmless."""
        if viewer not in self._viewers:
            return
        self._viewers.remove(viewer)
        self.places.give_back(viewer.subscription.principal)
        self._delivery.forget(viewer)
        viewer.link.end()
        for channel in tuple(viewer.attached.values()):
            self._detach(viewer, channel)

    def change(self, viewer: Viewer, wanted: Subscription) -> bool:
        """Let a viewer follow something else; streams that stay in their layer go on without a break.

        Returns:
            Whether it is served still: it may have gone while that was decided.
        """
        if viewer not in self._viewers:
            return False
        before, viewer.subscription = viewer.subscription, wanted
        for stream_id, channel in tuple(viewer.attached.items()):
            was_jpeg, is_jpeg = (one.layers.of(stream_id) == "jpeg" for one in (before, wanted))
            if not wanted.includes(stream_id) or was_jpeg != is_jpeg:
                self._detach(viewer, channel)
        channels = self._view.channels
        for stream_id in filter(wanted.includes, channels):
            self._attach(viewer, channels[stream_id])
        self.videos.settle(viewer)
        return True

    def _attach(self, viewer: Viewer, channel: LiveChannel) -> None:
        """Let a viewer follow each frame of a stream."""
        stream_id = channel.stream_id
        if viewer.attached.get(stream_id) is channel:
            return
        viewer.attached[stream_id] = channel
        viewer.forget_pictures(stream_id)
        self._by_stream.setdefault(stream_id, set()).add(viewer)
        wanted = viewer.subscription
        if wanted.pictures and wanted.layers.of(stream_id) != "jpeg":
            guarded(partial(self.videos.attach, viewer, channel))
        elif wanted.pictures:
            viewer.begin_pictures(channel)
            if wanted.sizes.adapts:
                viewer.link.on_taken = partial(self._note_taken, viewer)
        if wanted.results:
            guarded(partial(self._results.attach, viewer, channel))
        guarded(partial(self._offer_newest, viewer, stream_id))

    def _detach(self, viewer: Viewer, channel: LiveChannel) -> None:
        stream_id = channel.stream_id
        del viewer.attached[stream_id]
        self._by_stream[stream_id].discard(viewer)
        self._results.detach(viewer, stream_id)
        if stream_id in viewer.taking:
            viewer.end_pictures(channel)
        self.videos.detach(viewer, stream_id)

    def _begin_stream(self, stream_id: str) -> None:
        channel = self._view.channels.get(stream_id)
        if channel is None:
            return  # it has gone again
        for viewer in self._viewers:
            wanted = viewer.subscription
            if wanted.follows_frames and not wanted.one_stream and wanted.includes(stream_id):
                self._attach(viewer, channel)

    def _end_stream(self, channel: LiveChannel) -> None:
        stream_id = channel.stream_id
        for viewer in tuple(self._by_stream.get(stream_id, ())):
            if viewer.attached.get(stream_id) is not channel:
                continue  # it follows one of the same name that has come since
            self._detach(viewer, channel)
            if viewer.subscription.one_stream:
                self._delivery.finish(viewer)
        if not self._by_stream.get(stream_id):
            self._by_stream.pop(stream_id, None)
            self._keep_pictures()

    def _offer_newest(self, viewer: Viewer, stream_id: str) -> None:
        if stream_id in viewer.taking:
            channel = viewer.attached[stream_id]
            encoded = self._pictures.newest(channel, viewer.choose_width_px(channel))
            if encoded is not None:
                self._offer_picture(encoded, [viewer])
        elif viewer.subscription.detections:
            self._offer_detections(stream_id, [viewer])

    def _dispatch(self) -> None:
        """Offer each stream's new frame to all who follow the stream.

        What is published meanwhile has its turn later, so that those who connect have theirs on a machine that is busy.
        """
        self._dispatching = False
        for stream_id in tuple(self._changed):
            self._changed.discard(stream_id)
            guarded(partial(self._dispatch_stream, stream_id))
        self._keep_pictures()

    def _keep_pictures(self) -> None:
        self._pictures.keep(lambda stream_id: bool(self._by_stream.get(stream_id)))

    def _dispatch_stream(self, stream_id: str) -> None:
        readers: defaultdict[tuple[LiveChannel, int | None], list[Viewer]] = defaultdict(list)
        listeners: list[Viewer] = []
        for viewer in self._by_stream.get(stream_id, ()):
            if stream_id in viewer.taking:
                channel = viewer.attached[stream_id]
                readers[channel, viewer.choose_width_px(channel)].append(viewer)
            elif viewer.subscription.detections:
                listeners.append(viewer)
        for (channel, width_px), viewers in readers.items():
            encoded = self._pictures.newest(channel, width_px)
            if encoded is not None:
                self._offer_picture(encoded, viewers)
        self._offer_detections(stream_id, listeners)

    def _offer_picture(self, encoded: EncodedFrame, viewers: Sequence[Viewer]) -> None:
        """Offer a picture to some of its viewers now, and to the others when other things have had their turn."""
        now_s = time.monotonic()
        for viewer in viewers[:TURN_VIEWERS]:
            if viewer in self._viewers and viewer.takes(encoded.stream_id, encoded.frame.sequence):
                self._delivery.offer(viewer, encoded.stream_id, encoded.render(viewer.subscription.form), now_s)
        if len(viewers) > TURN_VIEWERS:
            self._calls.soon(partial(self._offer_picture, encoded, viewers[TURN_VIEWERS:]))

    def _offer_detections(self, stream_id: str, listeners: list[Viewer]) -> None:
        channel = self._view.channels.get(stream_id)
        newest = channel.latest if channel is not None and listeners else None
        if channel is None or newest is None:
            return
        message = event("detections", detections_json(channel, newest))
        now_s = time.monotonic()
        for viewer in listeners:
            self._delivery.offer(viewer, ("detections", stream_id), lambda _: message, now_s)

    def _offer_event(self, message: bytes, key: str, stream_id: str | None, scope: str) -> None:
        now_s = time.monotonic()
        for viewer in self._viewers:
            wanted = viewer.subscription
            is_for_it = scope in wanted.principal.scopes and (stream_id is None or wanted.includes(stream_id))
            if wanted.form == "events" and is_for_it:
                self._delivery.offer(viewer, key, partial(_as_is, message), now_s)

    def _offer_seen(self, render: Callable[[Principal], bytes], key: str) -> None:
        listeners = [viewer for viewer in self._viewers if viewer.subscription.form == "events"]
        by_streams = {viewer.subscription.principal.streams: viewer.subscription.principal for viewer in listeners}
        messages = {streams: render(one) for streams, one in by_streams.items()}
        now_s = time.monotonic()
        for viewer in listeners:
            self._delivery.offer(viewer, key, partial(_as_is, messages[viewer.subscription.principal.streams]), now_s)

    def _finish(self, stream_id: str) -> None:
        for viewer in self._by_stream.get(stream_id, ()):
            if viewer.subscription.one_stream:
                self._delivery.finish(viewer)

    # --- sizes of pictures --------------------------------------------------------------------------------------

    def _offer_scaled(self, channel: LiveChannel, width_px: int, encoded: EncodedFrame) -> None:
        """Offer a picture that was made smaller, and make the next one smaller if it has come meanwhile."""
        stream_id = channel.stream_id
        followers = [one for one in self._by_stream.get(stream_id, ()) if one.attached.get(stream_id) is channel]
        viewers = [one for one in followers if one.taking.get(stream_id, 0) == width_px]
        self._offer_picture(encoded, viewers)
        if viewers:
            self._pictures.newest(channel, width_px)

    def _note_taken(self, viewer: Viewer, take_s: float, sent_at_s: float, now_s: float) -> None:
        """Learn how long a picture was on its way to a viewer; where another size fits, it gets that from now on."""
        control = viewer.control
        if not take_s and control.limit_px is None:
            return
        before_px = control.limit_px
        taken, widths_px = Taken(take_s, sent_at_s=sent_at_s, at_s=now_s), viewer.widths_px()
        control.note_taken(taken, max(widths_px, default=0), streams=len(widths_px))
        if control.limit_px != before_px:
            viewer.discard_pictures()
            for stream_id in viewer.taking:
                self._calls.soon(partial(self._offer_again, viewer, stream_id))

    def _offer_again(self, viewer: Viewer, stream_id: str) -> None:
        if stream_id in viewer.taking:
            self._offer_newest(viewer, stream_id)

    # --- those who are gone, and the end --------------------------------------------------------------------------

    def _sweep(self) -> None:
        if self._calls.loop is None:
            return
        self._calls.loop.call_later(SWEEP_S, self._sweep)
        now_s = time.monotonic()
        self.videos.sweep(now_s)
        for viewer in list(self._viewers):
            if viewer.blocked_s(now_s) >= self.eviction_s - SWEEP_S:
                self.evicted["takes nothing"] += 1
                self._break_off(viewer)
            elif self._needs_heartbeat(viewer, now_s):
                self._delivery.offer(viewer, "heartbeat", heartbeat_record, now_s)

    def _needs_heartbeat(self, viewer: Viewer, now_s: float) -> bool:
        return viewer.subscription.form == "live" and not viewer.blocked and now_s - viewer.active_at_s >= HEARTBEAT_S

    def _break_off(self, viewer: Viewer) -> None:
        if viewer in self._viewers:
            viewer.link.abort()
            self.drop(viewer)

    def _end(self, meant: Callable[[Viewer], bool]) -> None:
        """Complete responses without sending what still waits, and break off those that do not take their end."""
        loop = asyncio.get_running_loop()
        for viewer in filter(meant, list(self._viewers)):
            viewer.discard()
            self._delivery.finish(viewer)
            loop.call_later(GOODBYE_S, self._break_off, viewer)
