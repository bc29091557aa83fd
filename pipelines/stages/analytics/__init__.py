"""What objects with identity do: lines crossed, zones entered, speeds, places where time is spent."""

from pipelines.stages.analytics.analytics import Analytics

__all__ = ["Analytics"]
