"""One layer of one stream's video, subscribed to once for all viewers who take it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from streamvision.core.live import LiveChannel
from streamvision.core.live_video import VideoFormat, VideoLayer, VideoPacket
from streamvision.web.layer_choice import ByteRate
from streamvision.web.layers import Layer
from streamvision.web.loop_calls import LoopCalls

MAX_WAITING = 1024
"""Packets that may wait for the event loop; of more, all up to the next key frame are left out."""
MAX_GROUP_BYTES = 4_000_000
MAX_GROUP_PACKETS = 2048
"""Most that is kept for those who join; where more came since the last key frame, they wait for the next."""
CATCH_UP_S = 1.0
"""Longer or older groups of an encoded layer are not sent to those who join: a key frame for them is less."""


class Beginning(NamedTuple):
    """Decoding begins here."""

    video: VideoFormat
    packets: Sequence[VideoPacket]


class Absence(NamedTuple):
    """There is no such video now."""

    reason: str


Event = Beginning | Absence | VideoPacket


class PacketInbox:
    """Takes packets from the thread that makes them to the event loop, by one call for all that came meanwhile.

    It is a :class:`streamvision.core.live_video.VideoListener`.

    Args:
        calls: the event loop.
        on_events: is called there with the inbox when something has come.
    """

    def __init__(self, calls: LoopCalls, on_events: Callable[[PacketInbox], None]) -> None:
        self._calls = calls
        self._on_events = on_events
        self._events: deque[Event] = deque()
        self._is_called = False
        self._is_lost = False

    def begin(self, video: VideoFormat, packets: Sequence[VideoPacket]) -> None:
        """Begin, or begin anew."""
        self._is_lost = False
        self._put(Beginning(video, packets))

    def take(self, packet: VideoPacket) -> None:
        """Take the next packet."""
        if len(self._events) >= MAX_WAITING:
            self._leave_out()
        if self._is_lost and not is_key(packet):
            return
        self._is_lost = False
        self._put(packet)

    def unavailable(self, reason: str) -> None:
        """Take note that there is no such layer now."""
        self._put(Absence(reason))

    def next_event(self) -> Event | None:
        """Return what came first, and take it out; from the event loop."""
        self._is_called = False
        try:
            return self._events.popleft()
        except IndexError:
            return None

    def _put(self, event: Event) -> None:
        self._events.append(event)
        if not self._is_called:
            self._is_called = True
            self._calls.call(partial(self._on_events, self))

    def _leave_out(self) -> None:
        """Leave out all packets that wait, but not how they begin."""
        newest: Beginning | Absence | None = None
        while (event := self.next_event()) is not None:
            if not isinstance(event, VideoPacket):
                newest = event
        self._is_lost = True
        if newest is not None:
            self._put(newest._replace(packets=()) if isinstance(newest, Beginning) else newest)


class VideoFeed:
    """What is known of a layer on the event loop, and all packets since its last key frame.

    Args:
        channel: the stream.
        layer: which of its videos.
    """

    def __init__(self, channel: LiveChannel, layer: VideoLayer) -> None:
        self.channel = channel
        self.layer = layer
        self.name: Layer = "source" if layer.way == "passed_on" else "h264"
        self.format: VideoFormat | None = None
        """How its packets are decoded; ``None`` before the first, and while there are none."""
        self.reason: str | None = None
        """Why there is no such video; ``None`` where there is, or where it is not known yet."""
        self.group: list[VideoPacket] = []
        """All packets since the last key frame; none where they are too many."""
        self.end: Callable[[], None] = _nothing
        """Ends the subscription."""
        self.key_asked_at_s = float("-inf")
        """When a key frame was last asked for."""
        self.rate = ByteRate()
        """How many bytes a second it is."""
        self._group_bytes = 0

    def close(self) -> None:
        """End the subscription, and let go of it, since it has the feed."""
        end, self.end = self.end, _nothing
        end()

    def begin(self, beginning: Beginning) -> None:
        """Begin, or begin anew."""
        self.format, self.reason = beginning.video, None
        self._forget_group()
        for packet in beginning.packets:
            self.keep(packet)

    def be_absent(self, reason: str) -> None:
        """Take note that there is no such video now."""
        self.format, self.reason = None, reason
        self._forget_group()

    def joining(self, now_s: float) -> list[VideoPacket]:
        """Return what those who join now begin with; nothing where they wait for the next key frame."""
        if self.group and self.layer.way == "encoded" and now_s - self.group[0].captured_us / 1e6 > CATCH_UP_S:
            return []
        return self.group

    def keep(self, packet: VideoPacket) -> None:
        """Keep a packet for those who join."""
        if is_key(packet):
            self._forget_group()
            self.group.append(packet)
            self._group_bytes = len(packet.data)
        elif self.group:
            self.group.append(packet)
            self._group_bytes += len(packet.data)
            is_long = self.layer.way == "encoded" and packet.time_us - self.group[0].time_us > 1e6 * CATCH_UP_S
            if is_long or self._group_bytes > MAX_GROUP_BYTES or len(self.group) > MAX_GROUP_PACKETS:
                self._forget_group()

    def _forget_group(self) -> None:
        self.group, self._group_bytes = [], 0


def _nothing() -> None:
    """End what has not begun, or has ended."""


def is_key(packet: VideoPacket) -> bool:
    """Return whether the decoding of pictures can begin with a packet; every packet of sound is a key packet."""
    return packet.is_key and packet.track == "video"
