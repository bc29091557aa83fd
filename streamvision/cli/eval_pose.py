"""``streamvision eval pose``: how well the keypoints of objects are found."""

from __future__ import annotations

from typing import Any

import click

from streamvision.cli.eval_shapes import measure, shape_options


@click.command(name="pose", short_help="Average precision of keypoints.")
@shape_options
def pose(**options: Any) -> None:
    """Measure how well MODEL finds the keypoints of objects.

    Labels are COCO's person_keypoints_*.json, given itself, or YOLO text files with kpt_shape in data.yaml. The figures
    are COCO's, by object keypoint similarity with the spreads (sigmas) of the model's card; objects without a visible
    keypoint are not counted.

    \b
    Examples:
      streamvision eval pose yolov8n-pose.onnx --data coco/annotations/person_keypoints_val2017.json
      streamvision eval pose tiger.onnx --data tigers --split val --json
    """
    measure("pose", **options)
