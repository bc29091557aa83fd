"""Networks that choose boxes in loops over data: what can follow them, and what must refuse them at once."""

from __future__ import annotations

from streamvision.core.errors import ExportError
from streamvision.inference.model_card import ModelCard

LOOPING_HEADS = ("rows",)
"""Heads of such networks, which are torchvision's detectors."""


def refuse_loops(card: ModelCard, format: str) -> None:
    """Refuse a network that a format has no operations for, before minutes are spent on it.

    Args:
        card: of the network.
        format: the format's name as people write it.

    Raises:
        ExportError: when the network chooses boxes in a loop.
    """
    if card.head in LOOPING_HEADS:
        raise ExportError(
            f"torchvision's detectors suppress boxes in a loop over what they find, which {format} has no operations "
            "for; export this one to onnx or openvino, or give a YOLO or RT-DETR, whose networks have no such loop"
        )
