"""Identities over time."""

from pipelines.stages.tracking.tracker import TRACKERS, Tracker, TrackerPlugin, create_tracker

__all__ = ["TRACKERS", "Tracker", "TrackerPlugin", "create_tracker"]
