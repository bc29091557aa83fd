"""What objects with identity do: lines crossed, zones entered, speeds, places where time is spent."""

from pipelines.analytics.analyst import Analyst

__all__ = ["Analyst"]
