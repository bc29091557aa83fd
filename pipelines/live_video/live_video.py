"""The encoded videos of all streams of a run: what their sources send, and what is encoded here."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.live_video.encoded import EncodedLayers
from pipelines.live_video.relays import PacketRelays
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.live_video import VideoLayer, VideoListener

OTHER_PROCESS = "its packets are read by a process of its own (--workers), which does not pass them on"


class LiveVideo:
    """Gives each layer of a stream to those who watch; any thread may ask.

    Args:
        relays: who passes packets on; ``None`` where they are read by other processes.
        encoded: what is encoded here.
    """

    def __init__(self, relays: PacketRelays | None, encoded: EncodedLayers) -> None:
        self._relays = relays
        self._encoded = encoded

    def subscribe(self, channel: LiveChannel, layer: VideoLayer, listener: VideoListener) -> Callable[[], None]:
        """Give a layer of a stream to a listener from now on; return what ends that."""
        if layer.way == "encoded":
            return self._encoded.subscribe(channel, layer.width_px, listener)
        if self._relays is None:
            listener.unavailable(OTHER_PROCESS)
            return _nothing
        return self._relays.subscribe(channel.stream_id, listener)

    def request_key_frame(self, channel: LiveChannel, layer: VideoLayer) -> None:
        """Let an encoded layer's next picture be a key frame; packets that are passed on come as they come."""
        if layer.way == "encoded":
            self._encoded.request_key_frame(channel, layer.width_px)


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
