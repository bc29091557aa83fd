"""One batch on its way through the network, who is told of it, and why its frames may be given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipelines.first_model import FirstModel
from pipelines.stream import Taken

INFERENCE_FAILED = "inference_failed"
"""Cause under which frames are counted on which the network failed twice."""
STOPPED = "stopped"
"""Cause under which frames are counted that were in the network when the run was stopped."""
INFERENCE_HUNG = "inference_hung"
"""Cause under which frames are counted for which the network did not come back."""
MODEL_AWAY = "model_away"
"""Cause under which live frames are counted that came while the model's server was away."""


@dataclass(eq=False)
class NetworkCall:
    """One batch in the network."""

    batch: Sequence[Taken]
    begin_s: float | None = None
    """When the call began; ``None`` while it waits for the network to open again."""
    model: FirstModel | None = None
    """What it goes through, or went through last."""
    seconds: float = 0.0
    """How long it took."""
    abandoned: bool = field(default=False)

    def is_overdue(self, now_s: float, *, limit_s: float) -> bool:
        """Say whether it has gone on for longer than so many seconds for each of its turns."""
        return self.begin_s is not None and now_s - self.begin_s > limit_s * self.turns

    @property
    def turns(self) -> int:
        """How many calls one after another a frame of it may take, where the network is shown it in tiles."""
        return max((len(taken.result.plan.windows) for taken in self.batch), default=1)


Observer = Callable[[Sequence[Taken], float], None]
"""Is told of each batch and of the network's seconds for it, before its streams have it; returns at once."""
