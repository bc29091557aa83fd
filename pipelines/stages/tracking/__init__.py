"""Identities over time."""

from pipelines.stages.tracking.base import Tracker
from pipelines.stages.tracking.registry import create_tracker

__all__ = ["Tracker", "create_tracker"]
