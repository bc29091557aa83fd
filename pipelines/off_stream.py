"""A stream that is switched off: it is shown, and nothing of it runs."""

from __future__ import annotations

import time
from dataclasses import replace

from pipelines.capture.source import SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.live import LiveChannel
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import StreamState

REASON = "it is switched off"


class OffStream:
    """Stands in the place of a :class:`pipelines.stream.Stream`.

    Args:
        spec: where its frames would come from.
        config: what is set for it.
        channel: where those who watch would find its frames.
    """

    def __init__(self, spec: SourceSpec, config: StreamConfig, channel: LiveChannel) -> None:
        self.spec = spec
        self.config = config
        self.channel = channel
        self._since_s = time.monotonic()

    @property
    def id(self) -> str:
        """Its name among all streams."""
        return self.channel.stream_id

    def status(self) -> StreamStatus:
        """Return that it does nothing."""
        status = StreamStatus.without_frames(
            self.id,
            name=self.config.name or self.id,
            source=self.spec.safe_uri,
            state=StreamState.STOPPED.value,
            reason=REASON,
            state_age_s=time.monotonic() - self._since_s,
            live=self.spec.live,
        )
        return replace(status, viewers=self.channel.viewers)
