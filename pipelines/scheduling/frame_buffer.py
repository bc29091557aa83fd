"""Where the capture thread leaves frames and the batcher takes them: two stated policies.

Live sources keep only the newest frame, so that decode never waits on inference and what is taken is never old. Files
wait, so that every frame counts.
"""

from __future__ import annotations

from collections.abc import Callable

from streamvision.core.channel import Channel, Policy
from streamvision.core.frame import Frame
from streamvision.core.telemetry import DropCounter

QUEUE_FRAMES = 4
"""Enough to hide the unevenness of decoding; more would only hold memory."""


def frame_buffer(*, live: bool, drops: DropCounter, on_put: Callable[[], None]) -> Channel[Frame]:
    """Return the buffer of one stream.

    Args:
        live: whether a newer frame replaces one that waits, which is counted as ``newer_frame``; or the producer waits.
        drops: where lost frames are counted.
        on_put: called after each frame, so that one thread can wait for many streams.
    """
    if live:
        return Channel(policy=Policy.LATEST, drops=drops, cause="newer_frame", on_put=on_put)
    return Channel(policy=Policy.BLOCK, capacity=QUEUE_FRAMES, drops=drops, on_put=on_put)
