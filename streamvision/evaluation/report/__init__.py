"""Reports: for each task one HTML file with everything inside, readable offline."""

from streamvision.evaluation.report.classify import build_classify_report
from streamvision.evaluation.report.detect import build_report
from streamvision.evaluation.report.semantic import build_semantic_report

__all__ = ["build_classify_report", "build_report", "build_semantic_report"]
