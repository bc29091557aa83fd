"""Gives packets of video to all who take them: each viewer the layer that it asked for, as far as there is one.

A viewer that cannot keep up is skipped to the next key frame, and gets a smaller layer where that happens often.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial

from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.live_video import VideoLayer, VideoPacket
from streamvision.web.delivery import Delivery
from streamvision.web.layer_choice import LayerChoice
from streamvision.web.layers import Layer
from streamvision.web.live_records import format_record, notice_record, packet_record
from streamvision.web.loop_calls import LoopCalls
from streamvision.web.packet_queue import Kind, Record
from streamvision.web.video_feed import Beginning, PacketInbox, VideoFeed, is_key
from streamvision.web.viewer import Viewer
from streamvision.web.wire import Render

_log = logging.getLogger(__name__)

KEY_FRAME_S = 1.0
"""A key frame is asked for at most so often of each layer."""
KEY_PATIENCE_S = 2.0
"""Who waits longer for a key frame of the camera, which cannot be asked for, gets encoded video up to that."""
_PASSED_ON = VideoLayer("passed_on")
_NO_VIDEO = "nothing here makes video of the streams; take the layer jpeg"
_FAULT = "the server could not begin this video, and its log says why; take the layer jpeg"


class _Slot:
    """One stream of one viewer."""

    def __init__(self, viewer: Viewer, channel: LiveChannel) -> None:
        self.viewer = viewer
        self.channel = channel
        self.choice = LayerChoice()
        self.joined: dict[VideoLayer, VideoFeed] = {}
        self.sending: VideoFeed | None = None
        """The layer whose packets it gets."""
        self.told: str | None = None
        """Why it gets nothing, as it was told."""
        self.waits_since_s: float | None = None
        """Since when it waits for a key frame of the camera."""
        self.falls_back = False
        """Whether it gets encoded video up to that."""

    def wanted(self) -> list[VideoLayer]:
        """Return the layers that it would take, the best first."""
        subscription, stream_id = self.viewer.subscription, self.channel.stream_id
        asked = subscription.layers.of(stream_id)
        if asked == "source":
            return [_PASSED_ON]
        widths_px = (subscription.sizes.of(stream_id), self.choice.limit_px)
        encoded = VideoLayer("encoded", _narrowest_px(self.channel, widths_px))
        return [_PASSED_ON, encoded] if asked == "auto" and self.choice.limit_px is None else [encoded]


class VideoFanout:
    """Used on the event loop of the fan-out alone.

    Args:
        view: the pipeline.
        calls: the event loop.
        delivery: hands packets to viewers.
    """

    def __init__(self, view: LiveView, *, calls: LoopCalls, delivery: Delivery) -> None:
        self.viewers: Counter[Layer] = Counter()
        """Streams of viewers that get packets now, by layer."""
        self.skips: Counter[Layer] = Counter()
        """How often packets were left out for a viewer."""
        self.given_bytes: Counter[Layer] = Counter()
        """Bytes of packets that were given to viewers."""
        self._view = view
        self._calls = calls
        self._delivery = delivery
        self._slots: dict[Viewer, dict[str, _Slot]] = {}
        self._feeds: dict[tuple[LiveChannel, VideoLayer], VideoFeed] = {}
        self._joined: dict[VideoFeed, dict[_Slot, None]] = {}
        self._takers: dict[VideoFeed, dict[_Slot, None]] = {}

    def attach(self, viewer: Viewer, channel: LiveChannel) -> None:
        """Give a stream to a viewer, in the layer that it asked for."""
        self.detach(viewer, channel.stream_id)
        slot = _Slot(viewer, channel)
        self._slots.setdefault(viewer, {})[channel.stream_id] = slot
        viewer.on_caught_up = partial(self._ask_for_key_frames, viewer)
        self._settle(slot)

    def detach(self, viewer: Viewer, stream_id: str) -> None:
        """Give a stream to a viewer no more; one that it does not get is no fault."""
        slot = self._slots.get(viewer, {}).pop(stream_id, None)
        if slot is None:
            return
        if not self._slots[viewer]:
            del self._slots[viewer]
            viewer.on_caught_up = None  # which has the viewer
        self._switch(slot, None)
        for feed in tuple(slot.joined.values()):
            self._leave(slot, feed)
        viewer.packets.forget(stream_id)

    def settle(self, viewer: Viewer) -> None:
        """Give a viewer what it asks for now, which may be something else than before."""
        for slot in tuple(self._slots.get(viewer, {}).values()):
            self._settle(slot)

    def sweep(self, now_s: float) -> None:
        """Try larger layers for those who have kept up for long."""
        for slots in tuple(self._slots.values()):
            for slot in tuple(slots.values()):
                video = slot.sending.format if slot.sending else None
                width_px, wanted_bytes_s = video.width_px if video else None, self._wanted_bytes_s(slot.viewer, now_s)
                has_changed = slot.choice.note_time(now_s, width_px=width_px, wanted_bytes_s=wanted_bytes_s)
                if self._note_wait(slot, now_s) or has_changed:
                    self._settle(slot)

    def _note_wait(self, slot: _Slot, now_s: float) -> bool:
        """Learn whether a viewer waits for a key frame of the camera; return whether that is too long from now on."""
        is_passed_on = slot.sending is not None and slot.sending.layer == _PASSED_ON
        if not is_passed_on or slot.channel.stream_id not in slot.viewer.packets.skipping:
            slot.waits_since_s = None
            return False
        if slot.waits_since_s is None:
            slot.waits_since_s = now_s
        if slot.falls_back or now_s - slot.waits_since_s < KEY_PATIENCE_S:
            return False
        slot.falls_back = True
        return True

    # --- which layer a viewer gets ------------------------------------------------------------------------------

    def _settle(self, slot: _Slot) -> None:
        """Let a viewer get the best of the layers that it would take; until that begins, the one before goes on."""
        if self._view.packets is None:
            is_source = slot.viewer.subscription.layers.of(slot.channel.stream_id) == "source"
            self._tell(slot, "source" if is_source else "h264", _NO_VIDEO)
            return
        best: VideoFeed | None = None
        kept: list[VideoFeed] = []
        for layer in slot.wanted():
            kept.append(self._join(slot, layer))
            if kept[-1].reason is None and (best is None or slot.falls_back):
                best = kept[-1]
            if best is not None and not slot.falls_back:
                break
        before = slot.sending
        goes_on = before is not None and before is not best and before.format is not None
        if before is not None and best is not None and goes_on and not best.joining(time.monotonic()):
            kept.append(before)
            if best.format is not None:
                self._ask_for_key_frame(best)
        elif before is not best:
            self._switch(slot, best)
        for feed in [one for one in slot.joined.values() if one not in kept]:
            self._leave(slot, feed)
        if best is None:
            self._tell(slot, kept[-1].name, kept[-1].reason or "")

    def _join(self, slot: _Slot, layer: VideoLayer) -> VideoFeed:
        feed = self._feeds.get((slot.channel, layer))
        if feed is None:
            feed = self._feeds[slot.channel, layer] = VideoFeed(slot.channel, layer)
            self._joined[feed], self._takers[feed] = {}, {}
            inbox = PacketInbox(self._calls, partial(self._take_all, feed))
            try:
                assert self._view.packets is not None
                feed.end = self._view.packets.subscribe(slot.channel, layer, inbox)
            except Exception:
                _log.exception("stream %s: its video cannot be had", slot.channel.stream_id)
                feed.be_absent(_FAULT)
        self._joined[feed][slot] = None
        slot.joined[layer] = feed
        return feed

    def _leave(self, slot: _Slot, feed: VideoFeed) -> None:
        slot.joined.pop(feed.layer, None)
        self._joined[feed].pop(slot, None)
        if not self._joined[feed]:
            del self._feeds[feed.channel, feed.layer], self._joined[feed], self._takers[feed]
            feed.close()

    def _switch(self, slot: _Slot, feed: VideoFeed | None) -> None:
        """Let a viewer get the packets of another layer from now on."""
        before, slot.sending = slot.sending, feed
        if before is not None:
            self._takers[before].pop(slot, None)
            self.viewers[before.name] -= 1
            slot.channel.remove_viewer(full_size=False)
        if feed is not None:
            self._takers[feed][slot] = None
            self.viewers[feed.name] += 1
            slot.channel.add_viewer(full_size=False)
            slot.told = None
            self._begin(slot, feed)

    def _tell(self, slot: _Slot, layer: Layer, reason: str) -> None:
        if slot.told != reason:
            slot.told = reason
            now_s, stream_id = time.monotonic(), slot.channel.stream_id
            record = notice_record(stream_id, layer=layer, reason=reason, now_s=now_s)
            self._delivery.offer_packet(slot.viewer, stream_id, record, "notice", now_s)

    # --- packets ------------------------------------------------------------------------------------------------

    def _take_all(self, feed: VideoFeed, inbox: PacketInbox) -> None:
        """Give to all who take it what has come of a layer."""
        while (event := inbox.next_event()) is not None:
            if isinstance(event, VideoPacket):
                feed.keep(event)
                self._give(feed, event)
                if is_key(event):
                    self._settle_waiting(feed)
                continue
            if isinstance(event, Beginning):
                feed.begin(event)
                for slot in self._takers.get(feed, ()):
                    self._begin(slot, feed)
            else:
                feed.be_absent(event.reason)
            for slot in tuple(self._joined.get(feed, ())):
                self._settle(slot)

    def _settle_waiting(self, feed: VideoFeed) -> None:
        """Let those begin with a layer who wait for its key frame while they get another layer."""
        for slot in tuple(self._joined.get(feed, ())):
            fell_back = slot.falls_back
            slot.falls_back = fell_back and feed.layer != _PASSED_ON
            if slot.sending is not feed or slot.falls_back != fell_back:
                self._settle(slot)

    def _begin(self, slot: _Slot, feed: VideoFeed) -> None:
        """Give a viewer what it needs to decode a layer from its last key frame on, or else from the next."""
        viewer, stream_id = slot.viewer, feed.channel.stream_id
        viewer.packets.forget_video(stream_id)
        if feed.format is None:
            return
        now_s = time.monotonic()
        record = format_record(stream_id, feed.format, layer=feed.name, now_s=now_s)
        self._delivery.offer_packet(viewer, stream_id, record, "format", now_s)
        group = feed.joining(now_s)
        for packet in group:
            self._offer(slot, feed, packet, _rendered(stream_id, packet), now_s)
        if not group:
            viewer.packets.skipping.add(stream_id)
            self._ask_for_key_frame(feed)

    def _give(self, feed: VideoFeed, packet: VideoPacket) -> None:
        takers = self._takers.get(feed)
        if not takers:
            return
        now_s = time.monotonic()
        record = packet_record(feed.channel.stream_id, packet, now_s=now_s)
        if packet.track == "video":
            feed.channel.sent_age_s.add(now_s - packet.captured_us / 1e6)
        feed.rate.note(len(record), now_s)
        for slot in [one for one in takers if self._offer(one, feed, packet, record, now_s)]:
            self._note_skip(slot, feed, now_s)

    def _offer(self, slot: _Slot, feed: VideoFeed, packet: VideoPacket, record: Record, now_s: float) -> bool:
        """Give a packet to a viewer; return whether something had to be left out."""
        kind: Kind = "key" if is_key(packet) else "packet"
        stream_id = feed.channel.stream_id
        self.given_bytes[feed.name] += len(packet.data)
        return self._delivery.offer_packet(slot.viewer, stream_id, record, kind, now_s)

    def _note_skip(self, slot: _Slot, feed: VideoFeed, now_s: float) -> None:
        self.skips[feed.name] += 1
        viewer = slot.viewer
        if not viewer.subscription.sizes.adapts or slot.sending is not feed or feed.format is None:
            return
        if slot.choice.note_skip(
            now_s,
            width_px=feed.format.width_px,
            wanted_bytes_s=self._wanted_bytes_s(viewer, now_s),
            taken_bytes_s=viewer.link.taken_bytes_s,
        ):
            self._settle(slot)

    def _wanted_bytes_s(self, viewer: Viewer, now_s: float) -> float:
        """Return what all that a viewer is to get amounts to, in bytes a second."""
        feeds = (slot.sending for slot in self._slots.get(viewer, {}).values())
        return sum(feed.rate.per_s(now_s) for feed in feeds if feed is not None)

    def _ask_for_key_frames(self, viewer: Viewer) -> None:
        """Let a viewer go on that was skipped and has taken what was written before."""
        for slot in self._slots.get(viewer, {}).values():
            if slot.sending is not None and slot.channel.stream_id in viewer.packets.skipping:
                self._ask_for_key_frame(slot.sending)

    def _ask_for_key_frame(self, feed: VideoFeed) -> None:
        now_s = time.monotonic()
        is_due = now_s - feed.key_asked_at_s >= KEY_FRAME_S
        if feed.layer.way == "encoded" and is_due and self._view.packets is not None:
            feed.key_asked_at_s = now_s
            self._view.packets.request_key_frame(feed.channel, feed.layer)


def _rendered(stream_id: str, packet: VideoPacket) -> Render:
    """Return what makes a packet's record when it is sent: for each who joins, and not for those who never read it."""
    return lambda now_s: packet_record(stream_id, packet, now_s=now_s)


def _narrowest_px(channel: LiveChannel, widths_px: Iterable[int | None]) -> int | None:
    """Return the narrowest of these widths; ``None`` where the pictures are no wider, or none is given."""
    narrowest_px = min((one for one in widths_px if one is not None), default=None)
    newest = channel.latest
    full_px = None if newest is None else newest.result.picture.width_px
    return None if narrowest_px is None or (full_px is not None and narrowest_px >= full_px) else narrowest_px
