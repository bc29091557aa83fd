"""The report of a trip: one HTML file with map, timeline, pictures and plots that opens offline."""

from streamvision.trip.report.writing import write_report

__all__ = ["write_report"]
