"""Raw output of ultralytics YOLOv8, YOLO11, YOLO12 and YOLOv9: (batch, 4 + classes, boxes), free of anchors.

The network has already decoded the boxes (centre and size) and applied the sigmoid to the class scores. Source:
the model's own ``Detect`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from streamvision.inference.heads.layout import cell_counts
from streamvision.inference.heads.yolo_rows import BOX_ROWS, RawRowsHead


class YoloV8Head(RawRowsHead):
    """Rows cx, cy, w, h, then one score a class; one column a box."""

    class_axis = (1, BOX_ROWS)

    @staticmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether the last axis has one column for each grid cell of the input."""
        return rows is not None and rows > BOX_ROWS and columns in cell_counts(*size_px)
