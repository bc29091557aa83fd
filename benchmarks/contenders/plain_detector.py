"""A YOLOv8 detector as people write it by hand: OpenCV, ONNX Runtime with its defaults, NumPy and OpenCV's NMS.

It imports nothing of the project, so that any Python can run it.
"""

import cv2
import numpy as np
import onnxruntime

FREE_SIDE_PX = 640


class PlainDetector:
    """One picture at a time, letterboxed into a square."""

    def __init__(self, model, *, score, iou):
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        (only,) = self._session.get_inputs()
        self._input = only.name
        self._side_px = only.shape[2] if isinstance(only.shape[2], int) else FREE_SIDE_PX
        self._score, self._iou = score, iou

    def detect(self, bgr):
        """Return boxes (N, 4) as left, top, right, bottom, scores (N,) and class ids (N,)."""
        height, width = bgr.shape[:2]
        side_px = self._side_px
        ratio = side_px / max(height, width)
        size = round(width * ratio), round(height * ratio)
        left, top = (side_px - size[0]) // 2, (side_px - size[1]) // 2
        square = np.full((side_px, side_px, 3), 114, np.uint8)
        square[top : top + size[1], left : left + size[0]] = cv2.resize(bgr, size)
        tensor = cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True)
        rows = self._session.run(None, {self._input: tensor})[0][0].T
        scores = rows[:, 4:].max(axis=1)
        rows, scores = rows[scores >= self._score], scores[scores >= self._score]
        class_ids = rows[:, 4:].argmax(axis=1)
        corners = (rows[:, :2] - rows[:, 2:4] / 2 - (left, top)) / ratio
        boxes = np.concatenate([corners, corners + rows[:, 2:4] / ratio], axis=1)
        as_sized = np.concatenate([corners, rows[:, 2:4] / ratio], axis=1)
        kept = cv2.dnn.NMSBoxesBatched(as_sized.tolist(), scores.tolist(), class_ids.tolist(), self._score, self._iou)
        kept = np.array(kept, int).reshape(-1)
        return boxes[kept], scores[kept], class_ids[kept]
