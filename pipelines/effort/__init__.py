"""Adaptive effort: the network is shown what has changed, and the rest stays as it was."""

from pipelines.effort.budget import Budget
from pipelines.effort.effort import StreamEffort

__all__ = ["Budget", "StreamEffort"]
