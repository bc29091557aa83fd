"""Output of end-to-end YOLO (YOLOv10, YOLO26) and of exports with NMS inside: (batch, boxes, 6), already selected.

Each row is left, top, right, bottom, score, class. Unused rows have the score 0. Source:
https://docs.ultralytics.com/models/yolov10/ and https://docs.ultralytics.com/modes/export/ (``nms=True``).
"""

from __future__ import annotations

from streamvision.inference.heads.layout import cell_counts
from streamvision.inference.heads.yolo_rows import SELECTED_COLUMNS, SelectedRowsHead
from streamvision.inference.heads.yolo_v5 import ANCHORS_PER_CELL


class YoloEnd2EndHead(SelectedRowsHead):
    """Columns x1, y1, x2, y2, score, class; one row a box."""

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether there are six columns, and not as many rows as a raw output for one class would have."""
        cells = cell_counts(*size_px)
        raw = cells | {ANCHORS_PER_CELL * count for count in cells}
        return columns == SELECTED_COLUMNS and rows is not None and rows not in raw
