"""Reports: for each task one HTML file with everything inside, readable offline."""

from streamvision.evaluation.report.answers import build_answers_report
from streamvision.evaluation.report.captions import build_caption_report
from streamvision.evaluation.report.classify import build_classify_report
from streamvision.evaluation.report.cuboid import build_cuboid_report
from streamvision.evaluation.report.detect import build_report
from streamvision.evaluation.report.driving import build_drive_report
from streamvision.evaluation.report.images import build_image_report
from streamvision.evaluation.report.semantic import build_semantic_report
from streamvision.evaluation.report.style import build_style_report

__all__ = [
    "build_answers_report",
    "build_caption_report",
    "build_classify_report",
    "build_cuboid_report",
    "build_drive_report",
    "build_image_report",
    "build_report",
    "build_semantic_report",
    "build_style_report",
]
