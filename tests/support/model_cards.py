"""Short ways to write model cards in tests."""

from __future__ import annotations

from typing import Any

from streamvision.model_card import InputCard, ModelCard


def make_card(
    head: str, *, classes: int = 3, width_px: int = 64, height_px: int = 64, box_unit: str = "px", **of_input: Any
) -> ModelCard:
    """Return a card with classes named c0, c1 and so on."""
    return ModelCard(
        head=head,
        names=tuple(f"c{i}" for i in range(classes)),
        box_unit=box_unit,
        nms_inside=head == "yolo_end2end",
        input=InputCard(width_px=width_px, height_px=height_px, **of_input),
    )
