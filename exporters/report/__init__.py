"""The report on one export: what was compared, and the pictures on which source and export differ most."""

from exporters.report.build import build_report

__all__ = ["build_report"]
