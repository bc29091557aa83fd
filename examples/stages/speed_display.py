"""A speed display as at the roadside: green below the limit, red above it.

    streamvision run --config examples/stages/speed_display.yaml --model yolo.onnx --source road.mp4

The speed is the analytics' (``analytics.speed``: four points of the picture whose places on the ground are known).
"""

from __future__ import annotations

import math

import streamvision

GREEN = (70, 200, 110)
RED = (255, 60, 40)


@streamvision.stage(budget_ms=20)
def speed_display(view: streamvision.StageView, limit_kmh: float = 50.0) -> streamvision.StageOutput | None:
    """Return a sign below each object whose speed is known.

    Args:
        view: the frame.
        limit_kmh: what is too fast.
    """
    if view.analysis is None or view.analysis.speed_kmh is None:
        return None
    signs = tuple(
        streamvision.Note(f"{speed:.0f} km/h", (box[0], box[3]), RED if speed > limit_kmh else GREEN)
        for box, speed in zip(view.detections.box_xyxy_px.tolist(), view.analysis.speed_kmh.tolist(), strict=True)
        if math.isfinite(speed)
    )
    return streamvision.StageOutput(marks=signs)
