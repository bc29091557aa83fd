"""Identities over time."""

from pipelines.stages.tracking.registry import TRACKERS, Tracker, TrackerPlugin, create_tracker

__all__ = ["TRACKERS", "Tracker", "TrackerPlugin", "create_tracker"]
