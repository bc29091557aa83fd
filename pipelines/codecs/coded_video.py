"""What a sequence of coded pictures says of itself."""

from __future__ import annotations

from typing import NamedTuple


class CodedVideo(NamedTuple):
    """What a decoder must know before the first picture."""

    codec: str
    """As RFC 6381 writes it, such as ``avc1.64001f``."""
    width_px: int
    """Width of the pictures, without what is cropped."""
    height_px: int
    """Height of the pictures, without what is cropped."""
    reorders: bool | None
    """Whether pictures may be shown in another order than they come in; ``None`` where it does not say."""
