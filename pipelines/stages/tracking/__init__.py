"""Identities over time."""

from pipelines.stages.tracking.registry import TRACKERS, AdjustableTracker, Tracker, TrackerPlugin, create_tracker

__all__ = ["TRACKERS", "AdjustableTracker", "Tracker", "TrackerPlugin", "create_tracker"]
