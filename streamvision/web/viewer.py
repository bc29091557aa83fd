"""One live response: what its viewer asked for, and what waits to be sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from streamvision.core.live import LiveChannel
from streamvision.web.access import EVERYBODY, Principal
from streamvision.web.layers import PICTURES, AskedLayers
from streamvision.web.link import Link
from streamvision.web.packet_queue import Kind, PacketQueue, Record, as_bytes
from streamvision.web.widths import AS_THEY_ARE, PictureSizes, WidthControl
from streamvision.web.wire import CLOSINGS, Form, Render

MAX_WAITING = 256
"""Messages that may wait for one viewer; the oldest go first. Pictures never come near it: one a stream."""


@dataclass(frozen=True)
class Subscription:
    """What a viewer asked for."""

    form: Form
    """How it reads."""
    streams: tuple[str, ...] | None
    """The streams that it follows; ``None`` for all that its principal may see, those that come later included."""
    detections: bool = False
    """Whether it wants the objects of each frame (events only)."""
    principal: Principal = EVERYBODY
    """Whose viewer it is."""
    sizes: PictureSizes = AS_THEY_ARE
    """In which sizes it wants pictures."""
    layers: AskedLayers = PICTURES
    """In which layer it wants each stream."""
    results: bool = False
    """Whether it wants what was found on each frame beside pictures or packets."""

    @property
    def pictures(self) -> bool:
        """Whether it takes pictures, and so counts as a viewer of its streams."""
        return self.form != "events"

    @property
    def follows_frames(self) -> bool:
        """Whether every frame of its streams matters to it."""
        return self.pictures or self.detections

    @property
    def one_stream(self) -> bool:
        """Whether it carries the pictures of one stream and ends with that."""
        return self.form in ("mjpeg", "mjpeg_early")

    def includes(self, stream_id: str) -> bool:
        """Say whether it follows a stream."""
        return self.principal.may_see(stream_id) if self.streams is None else stream_id in self.streams


class Viewer:
    """Messages for one viewer, the newest of each kind. Used on the event loop of the fan-out alone.

    Args:
        subscription: what the viewer asked for.
        link: the way to it.
    """

    def __init__(self, subscription: Subscription, link: Link) -> None:
        self.subscription = subscription
        self.link = link
        self.attached: dict[str, LiveChannel] = {}
        """Channels whose every frame it is offered, by stream."""
        self.control = WidthControl()
        """Decides how wide its pictures may be."""
        self.taking: dict[str, int | None] = {}
        """By stream, in which step of width it takes the pictures now; ``None``: in full size."""
        self.active_at_s = time.monotonic()
        """When the network last took something, or when there was last something new to give."""
        self.packets = PacketQueue()
        """What waits for it of video."""
        self.on_caught_up: Callable[[], None] | None = None
        """Called when the network takes packets again after some had to be left out."""
        self._clogged = False  # whether the network did not take packets when it was last asked
        self._offered: dict[str, int] = {}
        self._seen_unsent_bytes = 0
        self._waiting: dict[Hashable, Render] = {}
        self._closing = False
        self._over = False

    @property
    def blocked(self) -> bool:
        """Whether there is something to give that the network does not take."""
        return bool(self._waiting or self.packets) or self._clogged or (self._closing and not self._over)

    def begin_pictures(self, channel: LiveChannel) -> None:
        """Let a channel know that its pictures are taken from now on."""
        width_px = self.taking[channel.stream_id] = self._width_px(channel)
        channel.add_viewer(full_size=width_px is None)

    def end_pictures(self, channel: LiveChannel) -> None:
        """Let a channel know that its pictures are not taken any more."""
        channel.remove_viewer(full_size=self.taking.pop(channel.stream_id) is None)

    def choose_width_px(self, channel: LiveChannel) -> int | None:
        """Return in which step of width it gets a channel's pictures now, and let the channel know.

        ``None`` is the full size.
        """
        before_px, width_px = self.taking[channel.stream_id], self._width_px(channel)
        if width_px != before_px:
            self.taking[channel.stream_id] = width_px
            channel.add_viewer(full_size=width_px is None)
            channel.remove_viewer(full_size=before_px is None)
        return width_px

    def widths_px(self) -> list[int]:
        """Return how wide the pictures are that it takes now, one a stream; 0 where there is no picture yet."""
        return [width_px or _full_px(self.attached[name]) or 0 for name, width_px in self.taking.items()]

    def _width_px(self, channel: LiveChannel) -> int | None:
        asked, limit = self.subscription.sizes.of(channel.stream_id), self.control.limit_px
        width_px = limit if asked is None or (limit is not None and limit < asked) else asked
        if width_px is None:
            return None
        full_px = _full_px(channel)
        return None if full_px is not None and width_px >= full_px else width_px

    def offer(self, key: Hashable, render: Render, now_s: float) -> bool:
        """Send a message now where the network takes it, or let it wait for its turn; return whether it waits.

        One that waits takes the place of the one under the same key: newest wins, and the turn is kept, so that no
        stream of a viewer starves another.
        """
        if self._closing:
            return False
        if not self._waiting:
            if self.link.ready(now_s):
                self._send(render, now_s)
                return False
            self.active_at_s = now_s
        self._waiting[key] = render
        if len(self._waiting) > MAX_WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        return self.send_waiting(now_s)

    def offer_packet(self, stream_id: str, record: Record, kind: Kind, now_s: float) -> tuple[bool, bool]:
        """Send a packet, or what goes with it, now, or let it wait behind those before it.

        Returns:
            Whether something waits, and whether something had to be left out.
        """
        if self._closing or not self.packets.accepts(stream_id, kind):
            return self.blocked, False
        if not self.packets and not self._clogged and self.link.takes_packets(now_s):
            self.active_at_s = now_s
            self.link.write_packet(as_bytes(record, now_s), now_s)
            return False, False
        if not self.blocked:
            self.active_at_s = now_s
        self._clogged = True
        return True, self.packets.put(stream_id, record, kind, now_s)

    def discard(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        self.packets.clear()

    def discard_pictures(self) -> None:
        """Forget the pictures that wait: they are of a size that it should not get any more."""
        for stream_id in self.taking:
            if self._waiting.pop(stream_id, None) is not None:
                self._offered[stream_id] -= 1

    def takes(self, stream_id: str, sequence: int) -> bool:
        """Say whether a picture is newer than all that were offered, in whatever size, and take note of it."""
        if sequence <= self._offered.get(stream_id, 0):
            return False
        self._offered[stream_id] = sequence
        return True

    def forget_pictures(self, stream_id: str) -> None:
        """Begin anew with a stream, whose pictures are counted from 1 again."""
        self._offered.pop(stream_id, None)

    def finish(self, now_s: float) -> bool:
        """Say goodbye once everything that waits is sent; return whether something waits."""
        if not self._closing:
            closing = CLOSINGS[self.subscription.form]
            self.offer("closing", lambda _: closing, now_s)
            self._closing = True
        return self.send_waiting(now_s)

    def send_waiting(self, now_s: float) -> bool:
        """Send what waits as far as the network takes it; return whether something is left."""
        if self._clogged:
            self._send_packets(now_s)
        while self._waiting and self.link.ready(now_s):
            if self._waiting:  # being ready may have told that what waits is too large
                self._send(self._waiting.pop(next(iter(self._waiting))), now_s)
        if self._closing and not (self._waiting or self.packets or self._over) and self.link.ready(now_s):
            self._over = True
            self.link.end()
        return self.blocked

    def _send_packets(self, now_s: float) -> None:
        """Send packets as far as the network takes them; once it has taken all, say so."""
        while takes := self.link.takes_packets(now_s):
            if not self.packets:
                break
            self.active_at_s = now_s
            self.link.write_packet(self.packets.pop(now_s), now_s)
        self._clogged = not takes
        if takes and self.packets.skipping and self.on_caught_up is not None:
            self.on_caught_up()

    def _send(self, render: Render, now_s: float) -> None:
        self.active_at_s = now_s
        self.link.write(render(now_s), now_s)

    def blocked_s(self, now_s: float) -> float:
        """Return for how long the network has taken nothing at all, in seconds; 0 while it is not blocked."""
        unsent_bytes = self.link.unsent_bytes()
        if unsent_bytes != self._seen_unsent_bytes:
            self._seen_unsent_bytes = unsent_bytes
            self.active_at_s = now_s
        return now_s - self.active_at_s if self.blocked else 0.0


def _full_px(channel: LiveChannel) -> int | None:
    """Return how wide a channel's pictures are; ``None`` where there is none yet."""
    newest = channel.latest
    return None if newest is None else newest.result.picture.width_px
