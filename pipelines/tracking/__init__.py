"""Identities over time."""

from pipelines.tracking.base import Tracker
from pipelines.tracking.registry import create_tracker

__all__ = ["Tracker", "create_tracker"]
