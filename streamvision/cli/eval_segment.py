"""``streamvision eval segment``: how well the outlines of objects are found."""

from __future__ import annotations

from typing import Any

import click

from streamvision.cli.eval_shapes import measure, shape_options


@click.command(name="segment", short_help="Average precision of masks.")
@shape_options
def segment(**options: Any) -> None:
    """Measure how well MODEL finds objects to the pixel.

    Labels are YOLO polygons or COCO's instances_*.json. The figures are COCO's, by the overlap of masks, and beside
    them those by box. Objects that are marked by a box alone count neither way.

    \b
    Examples:
      streamvision eval segment yolov8n-seg.onnx --data coco --split val
      streamvision eval segment maskrcnn.onnx --data coco/annotations/instances_val2017.json --json
    """
    measure("segment", **options)
