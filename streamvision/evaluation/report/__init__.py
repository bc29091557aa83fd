"""The report: one HTML file with everything inside, readable offline."""

from streamvision.evaluation.report.build import build_report

__all__ = ["build_report"]
