"""The packets of all streams of a run, for those who watch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakValueDictionary

from pipelines.live_video.packet_relay import PacketRelay
from pipelines.live_video.passed_on import PassedOn
from streamvision.core.config.app import AppConfig
from streamvision.core.live_video import VideoListener

BLURRED = "faces and number plates are made unreadable here, which they are not in the camera's own packets"
CHANGED_BY_STAGES = "stages of your own may change its pictures, which they cannot in the camera's own packets"


class PacketRelays:
    """Gives each stream its relay, and those who watch its packets; any thread may ask.

    Args:
        config: what is set for the run.
    """

    def __init__(self, config: AppConfig, *, has_own_stages: bool) -> None:
        self._refusal = BLURRED if config.privacy.blur else CHANGED_BY_STAGES if has_own_stages else ""
        self._lock = threading.Lock()
        self._streams: WeakValueDictionary[str, PassedOn] = WeakValueDictionary()

    def listener(self, stream_id: str) -> PacketRelay:
        """Return what takes the packets of a stream that is to begin."""
        return PacketRelay(self._of(stream_id), refusal=self._refusal)

    def subscribe(self, stream_id: str, listener: VideoListener) -> Callable[[], None]:
        """Give the packets of a stream to a listener from now on; return what ends that."""
        return self._of(stream_id).subscribe(listener)

    def _of(self, stream_id: str) -> PassedOn:
        with self._lock:
            found = self._streams.get(stream_id)
            if found is None:
                found = self._streams[stream_id] = PassedOn()
            return found
