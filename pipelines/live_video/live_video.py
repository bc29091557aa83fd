"""The encoded videos of all streams of a run: what their sources send, and what is encoded here."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.live_video.encoded import EncodedLayers
from pipelines.live_video.passed_on import PassedOn
from pipelines.live_video.relays import PacketRelays
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.live_video import VideoLayer, VideoListener

OTHER_PROCESS = "its packets are read by another process (--workers, --cluster), which does not pass them on"

DRAWN = "what was found is drawn into its pictures here, since a page could not draw it"


class LiveVideo:
    """Gives each layer of a stream to those who watch; any thread may ask.

    Args:
        relays: who passes packets on; ``None`` where they are read by other processes.
        encoded: what is encoded here.
    """

    def __init__(self, relays: PacketRelays | None, encoded: EncodedLayers) -> None:
        self._relays = relays
        self._encoded = encoded
        self._lock = threading.Lock()
        self._watches: dict[LiveChannel, _DrawingWatch] = {}

    def subscribe(self, channel: LiveChannel, layer: VideoLayer, listener: VideoListener) -> Callable[[], None]:
        """Give a layer of a stream to a listener from now on; return what ends that."""
        if layer.way == "encoded":
            return self._encoded.subscribe(channel, layer.width_px, listener)
        if self._relays is None or self._relays.refusal:
            listener.unavailable(OTHER_PROCESS if self._relays is None else self._relays.refusal)
            return _nothing
        return self._passed_on(channel, self._relays.of(channel.stream_id), listener)

    def request_key_frame(self, channel: LiveChannel, layer: VideoLayer) -> None:
        """Let an encoded layer's next picture be a key frame; packets that are passed on come as they come."""
        if layer.way == "encoded":
            self._encoded.request_key_frame(channel, layer.width_px)

    def _passed_on(self, channel: LiveChannel, passed_on: PassedOn, listener: VideoListener) -> Callable[[], None]:
        """Give the packets of a stream to a listener, while a page can draw what was found on its pictures."""
        with self._lock:
            watch = self._watches.setdefault(channel, _DrawingWatch(channel, passed_on))
            watch.begin()
        watch.look(channel)
        end = passed_on.subscribe(listener)
        has_ended = threading.Lock()

        def unsubscribe() -> None:
            if has_ended.acquire(blocking=False):
                end()
                with self._lock:
                    if watch.ends():
                        del self._watches[channel]

        return unsubscribe


class _DrawingWatch:
    """Looks, while somebody watches, whether the frames of a stream must be drawn here.

    Args:
        channel: the stream.
        passed_on: its packets, which are withheld meanwhile.
    """

    def __init__(self, channel: LiveChannel, passed_on: PassedOn) -> None:
        self._channel = channel
        self._passed_on = passed_on
        self._watchers = 0

    def begin(self) -> None:
        """Count one more who watches."""
        self._watchers += 1
        if self._watchers == 1:
            self._channel.add_listener(self.look)

    def ends(self) -> bool:
        """Count one less; return whether nobody is left."""
        self._watchers -= 1
        if not self._watchers:
            self._channel.remove_listener(self.look)
        return not self._watchers

    def look(self, channel: LiveChannel) -> None:
        """Withhold the packets, or let them go on, by the newest frame."""
        newest = channel.latest
        self._passed_on.withhold(DRAWN if newest is not None and newest.needs_drawing else "")


def offer_packets(view: LiveView, relays: PacketRelays | None, encoders: StreamEncoders) -> None:
    """Let the page's server have the encoded video of all streams.

    Args:
        view: the running pipeline; before the server is made.
        relays: who passes its packets on; ``None`` where they are read by other processes.
        encoders: who encodes its pictures.
    """
    view.packets = LiveVideo(relays, EncodedLayers(encoders))


def _nothing() -> None:
    """End what has not begun."""
