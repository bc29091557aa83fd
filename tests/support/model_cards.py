"""Short ways to write model cards in tests."""

from __future__ import annotations

from typing import Any

from streamvision.inference.heads.registry import HEADS
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard


def make_card(
    head: str, *, classes: int = 3, width_px: int = 64, height_px: int = 64, box_unit: str = "px", **of_input: Any
) -> ModelCard:
    """Return a card with classes named c0, c1 and so on, and keypoints named k0 to k4 for pose."""
    known = HEADS.get(head) if head in HEADS.names() else None
    task = known.task if known else "detect"
    return ModelCard(
        task=task,
        head=head,
        names=tuple(f"c{i}" for i in range(classes)),
        box_unit=box_unit,
        nms_inside=known is not None and known.head_class().selected,
        keypoints=KeypointCard(names=tuple(f"k{i}" for i in range(5))) if task == "pose" else None,
        input=InputCard(width_px=width_px, height_px=height_px, **of_input),
    )
