"""Which reader belongs to which kind of source."""

from __future__ import annotations

from pipelines.capture.gstreamer_reader import GStreamerReader
from pipelines.capture.images import ImageReader
from pipelines.capture.pyav_reader import PyAvReader
from pipelines.capture.reader import Reader
from pipelines.capture.uri import SourceSpec
from streamvision.core.config.app import StreamConfig


def create_reader(spec: SourceSpec, *, config: StreamConfig) -> Reader:
    """Return a fresh reader, not yet open."""
    if spec.kind == "images":
        return ImageReader(spec)
    if spec.kind == "synthetic":
        from pipelines.capture.synthetic_reader import (
            SyntheticReader,  # draws: a tenth of the start for who reads cameras
        )

        return SyntheticReader(spec)
    if spec.kind == "gstreamer":
        return GStreamerReader(spec, config=config)
    return PyAvReader(spec, config=config)
