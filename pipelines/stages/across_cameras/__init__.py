"""The same identity for the same object in every camera, by appearance and time."""

from pipelines.stages.across_cameras.shared import CameraIdentities

__all__ = ["CameraIdentities"]
