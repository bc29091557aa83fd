"""Adaptive inference: the network is shown what has changed; the rest is taken from earlier frames."""

from pipelines.stages.adaptive.adaptive import AdaptiveInference
from pipelines.stages.adaptive.budget import Budget

__all__ = ["AdaptiveInference", "Budget"]
