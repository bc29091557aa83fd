"""Trackers by the name that the configuration gives them. A new tracker is one file, its test and its line here."""

from __future__ import annotations

from pipelines.stages.tracking.base import Tracker
from pipelines.stages.tracking.botsort import BotSort
from pipelines.stages.tracking.bytetrack import ByteTrack
from pipelines.stages.tracking.lifecycle import BoxTracker
from pipelines.stages.tracking.ocsort import OcSort
from pipelines.stages.tracking.sort import Sort
from pipelines.stages.tracking.steady import SteadyTracker
from streamvision.core.config.app import TrackerConfig

TRACKERS: dict[str, type[BoxTracker]] = {
    "steady": SteadyTracker,
    "sort": Sort,
    "bytetrack": ByteTrack,
    "ocsort": OcSort,
    "botsort": BotSort,
}


def create_tracker(config: TrackerConfig, *, score: float) -> Tracker | None:
    """Return a new tracker for one stream, or ``None`` where none is wanted.

    Args:
        config: which one, and its settings.
        score: lowest score that the user wants to see; detections that reach it are reported with or without
            identity, weaker ones only where they continue a track.
    """
    if config.name == "none":
        return None
    return TRACKERS[config.name](memory_s=config.memory_s, class_agnostic=config.class_agnostic, report_score=score)
