"""``streamvision eval obb``: how well oriented boxes are found."""

from __future__ import annotations

from typing import Any

import click

from streamvision.cli.eval_shapes import measure, shape_options


@click.command(name="obb", short_help="Average precision of oriented boxes.")
@shape_options
def obb(**options: Any) -> None:
    """Measure how well MODEL finds objects that lie at an angle.

    Labels are YOLO lines with four corners, or polygons, whose smallest oriented box is taken. The figures are computed
    as COCO's, with the exact overlap of oriented boxes.

    \b
    Examples:
      streamvision eval obb yolo11n-obb.onnx --data dota8
      streamvision eval obb ships.onnx --data ships --class ship --json
    """
    measure("obb", **options)
