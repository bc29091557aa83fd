"""Whether the whole is ready: every stream has begun and gives fresh frames, and every output is written to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamvision.core.health import hangs
from streamvision.core.status import StreamStatus

READY_AGE_S = 30.0
"""Oldest that the newest frame of a live stream may be by default: a camera that is back within it is no news."""
NOT_BEGUN = {"idle", "connecting", "failed"}
"""States of a stream that never gave a picture, or never will."""
GOING_ON = {"live", "stalled", "reconnecting"}
"""States in which a live stream should give frames."""


def what_is_missing(statuses: Iterable[StreamStatus], *, max_age_s: float | None) -> list[str]:
    """Return why the streams are not as they should be, one sentence each.

    Args:
        statuses: the streams.
        max_age_s: oldest that the newest frame of a live stream may be; ``None``: as old as it likes.
    """
    return [sentence for status in statuses for sentence in _missing(status, max_age_s)]


def _missing(status: StreamStatus, max_age_s: float | None) -> Iterator[str]:
    reason = f": {status.reason}" if status.reason else ""
    if status.state in NOT_BEGUN:
        yield f"stream {status.id} is {status.state}{reason}"
    age_s = status.newest_age_s
    if status.state in GOING_ON and age_s is None:
        yield f"stream {status.id} has given no picture yet; it is {status.state}{reason}"
    if max_age_s and status.live and status.state in GOING_ON and age_s is not None and age_s > max_age_s:
        yield (
            f"stream {status.id}: its newest frame is {age_s:.1f} s old, and {max_age_s:g} s are allowed; it is "
            f"{status.state}{reason}"
        )
    if hangs(status):
        yield (
            f"stream {status.id} has finished no frame for {status.pending_s:.1f} s though frames come; "
            "its network, a stage or an output hangs"
        )
    for output in status.outputs:
        if output.state == "failing":
            yield f"stream {status.id}: its output {output.name} is failing: {output.reason}"
