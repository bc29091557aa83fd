"""Input sizes: what a network can take, and a card for another size than the model's own."""

from __future__ import annotations

from streamvision.core.errors import ExportError
from streamvision.inference.model_card import ModelCard


def rounded_up(side_px: int, stride_px: int) -> int:
    """Return the next multiple of the stride."""
    return -(-side_px // stride_px) * stride_px


def with_size(card: ModelCard, size_px: tuple[int, int] | None) -> ModelCard:
    """Return the card for inputs of another (width, height).

    What is cut out of a picture's middle keeps its share of the picture; where the cut is no longer square, the
    picture is stretched instead, as there is no rule to follow.
    """
    if size_px is None:
        return card
    width_px, height_px = size_px
    changes: dict[str, object] = {"width_px": width_px, "height_px": height_px}
    if card.input.crop_short_side_px is not None:
        own_px = max(card.input.width_px, card.input.height_px)
        if width_px == height_px:
            changes["crop_short_side_px"] = round(card.input.crop_short_side_px * width_px / own_px)
        else:
            changes |= {"resize": "stretch", "crop_short_side_px": None}
    return card.model_copy(update={"input": card.input.model_copy(update=changes)})


def check_size(card: ModelCard) -> None:
    """Refuse an input size that the network cannot take.

    Raises:
        ExportError: when a side is not a multiple of the stride.
    """
    width_px, height_px, stride_px = card.input.width_px, card.input.height_px, card.input.stride_px
    if width_px % stride_px or height_px % stride_px:
        near = f"{rounded_up(width_px, stride_px)}x{rounded_up(height_px, stride_px)}"
        raise ExportError(
            f"an input of {width_px}x{height_px} px was asked for, but sides must be multiples of {stride_px} px; "
            f"give {near}"
        )
