"""Trackers by the name that the configuration gives them."""

from __future__ import annotations

from pipelines.tracking.base import Tracker
from pipelines.tracking.bytetrack import ByteTrack
from streamvision.config import TrackerConfig


def create_tracker(config: TrackerConfig, *, score: float) -> Tracker | None:
    """Return a new tracker for one stream, or ``None`` where none is wanted.

    Args:
        config: which one, and its settings.
        score: lowest score that the user wants to see; detections that reach it are reported with or without
            identity, weaker ones only where they continue a track.
    """
    if config.name == "none":
        return None
    return ByteTrack(memory_s=config.memory_s, class_agnostic=config.class_agnostic, report_score=score)
