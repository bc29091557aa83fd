"""Boxes, labels, trails and the status line, drawn on YUV planes and encoded as JPEG."""

from pipelines.overlay.encode import JpegEncoder
from pipelines.overlay.overlay import Overlay
from pipelines.overlay.scene import Scene

__all__ = ["JpegEncoder", "Overlay", "Scene"]
