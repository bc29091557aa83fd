"""Gives what was found on each frame, and what is drawn beside it, to the viewers who draw by themselves."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable
from functools import partial

from streamvision.core.live import LiveChannel
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.web.delivery import Delivery
from streamvision.web.live_records import result_record, scene_record
from streamvision.web.loop_calls import LoopCalls
from streamvision.web.packet_queue import Kind
from streamvision.web.scene import result_json, scene_json, scene_key
from streamvision.web.viewer import Viewer

MAX_WAITING = 24
"""Results of one stream that may wait for the event loop; of more, the oldest are left out."""


class _Results:
    """The results of one stream on their way to the event loop; every one counts, not the newest alone."""

    def __init__(self, channel: LiveChannel) -> None:
        self.channel = channel
        self.viewers: dict[Viewer, None] = {}
        self.waiting: deque[RenderedFrame] = deque(maxlen=MAX_WAITING)
        self.is_called = False
        self.scene: bytes | None = None
        self.scene_key: Hashable = None


class ResultFanout:
    """Used on the event loop of the fan-out alone.

    Args:
        calls: the event loop.
        delivery: hands messages to viewers.
    """

    def __init__(self, *, calls: LoopCalls, delivery: Delivery) -> None:
        self._calls = calls
        self._delivery = delivery
        self._by_stream: dict[str, _Results] = {}

    def attach(self, viewer: Viewer, channel: LiveChannel) -> None:
        """Give a stream's results to a viewer, and what is known of it already at once."""
        results = self._by_stream.get(channel.stream_id)
        if results is None or results.channel is not channel:
            self._end(channel.stream_id)
            results = self._by_stream[channel.stream_id] = _Results(channel)
            channel.add_listener(self._on_publish)
        results.viewers[viewer] = None
        newest = channel.latest
        if newest is not None:
            now_s = time.monotonic()
            self._note_scene(results, newest, now_s)
            if results.scene is not None:
                self._offer(viewer, channel.stream_id, "scene", results.scene, now_s)
            record = result_record(channel.stream_id, result_json(channel, newest), now_s=now_s)
            self._offer(viewer, channel.stream_id, "result", record, now_s)

    def detach(self, viewer: Viewer, stream_id: str) -> None:
        """Give a stream's results to a viewer no more; one that does not get them is no fault."""
        results = self._by_stream.get(stream_id)
        if results is not None:
            results.viewers.pop(viewer, None)
            if not results.viewers:
                self._end(stream_id)

    def _end(self, stream_id: str) -> None:
        results = self._by_stream.pop(stream_id, None)
        if results is not None:
            results.channel.remove_listener(self._on_publish)

    def _on_publish(self, channel: LiveChannel) -> None:
        """Take the frame that was just published; runs in the pipeline's thread."""
        results, newest = self._by_stream.get(channel.stream_id), channel.latest
        if results is None or newest is None:
            return
        results.waiting.append(newest)
        if not results.is_called:
            results.is_called = True
            self._calls.call(partial(self._give_all, results))

    def _give_all(self, results: _Results) -> None:
        results.is_called = False
        channel = results.channel
        while results.waiting:
            frame = results.waiting.popleft()
            now_s = time.monotonic()
            before = results.scene
            self._note_scene(results, frame, now_s)
            record = result_record(channel.stream_id, result_json(channel, frame), now_s=now_s)
            for viewer in tuple(results.viewers):
                if results.scene is not None and results.scene is not before:
                    self._offer(viewer, channel.stream_id, "scene", results.scene, now_s)
                self._offer(viewer, channel.stream_id, "result", record, now_s)

    def _note_scene(self, results: _Results, frame: RenderedFrame, now_s: float) -> None:
        """Make the record of what is drawn beside the results anew where that has changed."""
        key = scene_key(results.channel, frame)
        if results.scene is None or key != results.scene_key:
            results.scene_key = key
            stream_id = results.channel.stream_id
            results.scene = scene_record(stream_id, scene_json(results.channel, frame, name=stream_id), now_s=now_s)

    def _offer(self, viewer: Viewer, stream_id: str, kind: Kind, record: bytes, now_s: float) -> None:
        """Offer a record in a row with the packets of its stream, or, where that comes as pictures, the newest."""
        if viewer.subscription.layers.of(stream_id) == "jpeg":
            self._delivery.offer(viewer, (kind, stream_id), lambda _: record, now_s)
        else:
            self._delivery.offer_packet(viewer, stream_id, record, kind, now_s)
