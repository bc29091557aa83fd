"""Identities over time."""

from pipelines.tracking.base import Tracker
from pipelines.tracking.bytetrack import ByteTrack
from pipelines.tracking.registry import create_tracker

__all__ = ["ByteTrack", "Tracker", "create_tracker"]
