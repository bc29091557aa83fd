"""Networks that make pictures of pictures, by the names that recipes and checkpoints give them."""

from __future__ import annotations

from types import MappingProxyType

DENOISER = "denoiser"
SUPER_RESOLUTION = MappingProxyType({"edsr_x2": 2, "edsr_x4": 4})
"""By name, how many times larger the picture becomes."""
PIX2PIX = "pix2pix"
STYLE = "style"
PICTURE_NETWORKS = (DENOISER, *SUPER_RESOLUTION, PIX2PIX, STYLE)
"""All of them."""


def enlarges(name: str) -> int:
    """Return how many times larger a network of this name makes pictures."""
    return SUPER_RESOLUTION.get(name, 1)
