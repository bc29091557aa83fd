"""How a stream is doing that could not begin: its source or its model is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from streamvision.core.config.stream import StreamConfig
from streamvision.core.redaction import redact_source
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import StreamState


def absent_statuses(
    running: Mapping[str, StreamConfig], absent: Mapping[str, str], *, begun: Set[str]
) -> Iterator[StreamStatus]:
    """Yield the statuses of streams that could not begin.

    Args:
        running: what is set for each stream.
        absent: by id, why a stream could not begin.
        begun: those that have begun; one that has just done so counts as absent for a moment longer.
    """
    for stream_id, reason in absent.items():
        if stream_id in running and stream_id not in begun:
            yield absent_status(stream_id, running[stream_id], reason)


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
