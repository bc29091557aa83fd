"""Which places of a picture made a network say what it says, and how well that is known."""

from streamvision.evaluation.explaining.explanation import Explanation, HeatMethod, explain

__all__ = ["Explanation", "HeatMethod", "explain"]
