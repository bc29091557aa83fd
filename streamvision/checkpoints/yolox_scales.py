"""The sizes in which YOLOX comes (Ge et al. 2021, arXiv:2107.08430), known without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """How deep and wide a YOLOX is."""

    depth: float
    """Factor to the number of blocks in a row."""
    width: float
    """Factor to the number of channels."""
    separable: bool = False
    """Whether its 3x3 convolutions are a depthwise and a pointwise one."""


SCALES: dict[str, Scale] = {
    "yolox_nano": Scale(0.33, 0.25, separable=True),
    "yolox_tiny": Scale(0.33, 0.375),
    "yolox_s": Scale(0.33, 0.5),
    "yolox_m": Scale(0.67, 0.75),
    "yolox_l": Scale(1.0, 1.0),
}
"""By the name of the architecture."""
