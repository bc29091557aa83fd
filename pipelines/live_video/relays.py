"""The packets of all streams of a run, for those who watch."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from pipelines.live_video.packet_relay import PacketRelay
from pipelines.live_video.passed_on import PassedOn
from streamvision.core.config.app import AppConfig

BLURRED = "faces and number plates are made unreadable here, which they are not in the camera's own packets"
LOCATED = "positions are hidden here, which cameras may write into their own packets"
CHANGED_BY_STAGES = "stages of your own may change its pictures, but not the camera's own packets"


class PacketRelays:
    """Gives each stream its relay, and those who watch its packets; any thread may ask.

    Args:
        config: what is set for the run.
        has_own_stages: whether code of the user's, which may change pictures, is among the stages.
    """

    def __init__(self, config: AppConfig, *, has_own_stages: bool) -> None:
        reasons = {
            BLURRED: config.privacy.blur,
            LOCATED: bool(config.privacy.home),
            CHANGED_BY_STAGES: has_own_stages,
        }
        self.refusal = next((reason for reason, holds in reasons.items() if holds), "")
        """Why nothing may be passed on, in one sentence; empty where it may."""
        self._sound = config.serve is not None and config.serve.sound
        self._lock = threading.Lock()
        self._streams: WeakValueDictionary[str, PassedOn] = WeakValueDictionary()

    def listener(self, stream_id: str) -> PacketRelay | None:
        """Return what takes the packets of a stream that is to begin; ``None`` where none may be passed on."""
        return None if self.refusal else PacketRelay(self.of(stream_id), sound=self._sound)

    def of(self, stream_id: str) -> PassedOn:
        """Return where the packets of a stream are passed on, over all its connections."""
        with self._lock:
            found = self._streams.get(stream_id)
            if found is None:
                found = self._streams[stream_id] = PassedOn()
            return found
