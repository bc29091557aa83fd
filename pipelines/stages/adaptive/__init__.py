"""Adaptive effort: the network is shown what has changed, and the rest stays as it was."""

from pipelines.stages.adaptive.adaptive import AdaptiveInference
from pipelines.stages.adaptive.budget import Budget

__all__ = ["AdaptiveInference", "Budget"]
