"""What objects with identity do: lines crossed, zones entered, speeds, a map of where time is spent."""

from pipelines.stages.analytics.analytics import Analytics

__all__ = ["Analytics"]
