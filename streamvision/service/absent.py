"""How a stream is doing that could not begin: its source or its model is not there."""

from __future__ import annotations

from streamvision.core.config.stream import StreamConfig
from streamvision.core.redaction import redact_source
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import StreamState


def absent_status(stream_id: str, config: StreamConfig, reason: str) -> StreamStatus:
    """Return the status of a stream that could not begin, for a reason in words."""
    source = config.source if isinstance(config.source, str) else config.source[0]
    return StreamStatus.without_frames(
        stream_id,
        name=config.name or stream_id,
        source=redact_source(source),
        state=StreamState.FAILED.value,
        reason=reason,
        state_age_s=0.0,
        live=True,
    )
