"""In which layer each stream is asked for: drawn pictures, the camera's own packets, or video encoded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Layer = Literal["jpeg", "source", "h264"]
"""``jpeg``: pictures drawn by the server; ``source``: the camera's own packets; ``h264``: video encoded here, once."""
AskedLayer = Literal["jpeg", "source", "h264", "auto"]
"""``auto``: ``source`` where it can be passed on, else ``h264``."""
ASKED_LAYERS: tuple[AskedLayer, ...] = ("jpeg", "source", "h264", "auto")


@dataclass(frozen=True)
class AskedLayers:
    """Which layers a viewer asks for."""

    layer: AskedLayer = "jpeg"
    """Of all streams."""
    layers: Mapping[str, AskedLayer] = field(default_factory=dict)
    """The same of single streams, by their ids."""

    def of(self, stream_id: str) -> AskedLayer:
        """Return the layer in which a stream is asked for."""
        return self.layers.get(stream_id, self.layer)


PICTURES = AskedLayers()
"""Drawn pictures of every stream."""
