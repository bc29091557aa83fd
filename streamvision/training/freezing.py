"""Which layers of a network stay as they are in an epoch."""

from __future__ import annotations

from streamvision.training.recipe import Recipe


def frozen_layers(recipe: Recipe, epoch: int, *, blocks: int) -> int:
    """Return how many layers, from the picture on, do not learn.

    Args:
        recipe: its ``freeze``, ``unfreeze_at`` and ``unfreeze_layers`` hold.
        epoch: counted from 1.
        blocks: layers that can be frozen.
    """
    frozen = min(recipe.freeze, blocks)
    if recipe.unfreeze_at is None or epoch < recipe.unfreeze_at:
        return frozen
    return max(frozen - (recipe.unfreeze_layers or frozen), 0)


def thaw_sentence(recipe: Recipe, epoch: int, *, blocks: int) -> str | None:
    """Return what is said in the epoch from which frozen layers learn; ``None`` in all others."""
    if epoch != recipe.unfreeze_at:
        return None
    before = min(recipe.freeze, blocks)
    after = frozen_layers(recipe, epoch, blocks=blocks)
    return f"From epoch {epoch} on, {before - after} of the {before} frozen layers learn; {after} stay as they are."
