"""Keeps frames that are worth labelling, beside a stream that goes on."""

from pipelines.outputs.collecting.collector import CollectedStream, Collector, Tally

__all__ = ["CollectedStream", "Collector", "Tally"]
