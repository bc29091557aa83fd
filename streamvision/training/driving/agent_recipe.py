"""Everything that decides how an agent learns to drive; ``--help`` and the run folder follow it."""

from __future__ import annotations

from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.training.recipe import MAX_SEED, MOST_LR


class AgentRecipe(Section):
    """How an agent learns."""

    perception: str = Field(description="Checkpoint (best.pt) of the network that sees.")
    steps: int = Field(
        120_000,
        ge=1,
        le=100_000_000,
        description="Steps of the car in all, a tenth of a second each; learnt from 2,048 at a time.",
    )
    roads: int = Field(6, ge=1, le=1000, description="Roads to learn on; two more are held out.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Seed of the first road and of all chance.")
    noise: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Noise of what the agent is given while it learns, as a share of its scale: about the error of "
        "PERCEPTION.",
    )
    lr: float = Field(5e-4, gt=0, le=MOST_LR, description="Learning rate.")
    first_road: int | None = Field(
        None, ge=0, le=MAX_SEED, description="Seed of the first road; default: that of all chance."
    )
