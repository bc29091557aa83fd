"""DAMO-YOLO without suppression. Source: "DAMO-YOLO" (arXiv:2211.15444), https://github.com/tinyvision/DAMO-YOLO."""

from __future__ import annotations

from types import MappingProxyType

from streamvision.inference.heads.boxes_and_scores import BoxesAndScoresHead
from streamvision.inference.heads.layout import F32


class DamoYoloHead(BoxesAndScoresHead):
    """Boxes are left, top, right and bottom in pixels of the input. Pictures are fed as levels 0..255, RGB.

    The names of its outputs say nothing, and its shapes are those of YOLO-NAS, so it must be asked for.
    """

    usual_input = MappingProxyType({"scale": 1.0, "resize": "letterbox_top_left", "pad_value": 0})

    def _input_boxes(self, rows: F32) -> F32:
        return rows
