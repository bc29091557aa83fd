"""Whether a stream hangs: a frame waits, and none is finished."""

from __future__ import annotations

from streamvision.core.status import StreamStatus

PENDING_S = 5.0
"""A frame that waits for so long says that something behind it hangs, unless the network is known to be slow."""
PENDING_AGES = 10
"""How many times as old as usual a frame of a slow network may be."""


def hangs(status: StreamStatus) -> bool:
    """Say whether a frame has been waiting so long that the network, a stage or an output must hang."""
    return status.pending_s > max(PENDING_S, PENDING_AGES * (status.age_s or {}).get("p50", 0.0))
