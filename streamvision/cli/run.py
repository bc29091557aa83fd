"""``streamvision run``: sources through a model to files and viewers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streamvision.cli.options import (
    Sources,
    SourcesCommand,
    build_config,
    field_option,
    model_options,
    output_options,
    source_options,
)
from streamvision.cli.session import run_session
from streamvision.core.config.app import StreamConfig


@click.command(cls=SourcesCommand)
@click.option("--config", type=Path, metavar="FILE.yaml", help="Settings from a file; the command line wins over it.")
@source_options
@field_option("--realtime", StreamConfig, "realtime")
@field_option("--loop", StreamConfig, "loop")
@model_options
@output_options
@click.option("--json", "as_json", is_flag=True, help="Print the final report as one JSON document on stdout.")
def run(config: Path | None, sources: Sources, as_json: bool, **given: Any) -> int:
    """Detect and track objects on one or more streams.

    Files are processed to the last frame. Live sources (cameras, RTSP, HTTP) keep only their newest frame, so what
    you see stays fresh however slow the model is. Ctrl-C stops cleanly.

    \b
    Examples:
      streamvision run --source drive.mp4 --model yolo.onnx --detections drive.jsonl --record drive-boxes.mp4
      streamvision run --source rtsp://user:password@camera/stream --model yolo.onnx --serve 127.0.0.1:8080
      streamvision run --source /dev/video0 --source rtsp://camera/ --model yolo.xml --serve 0.0.0.0:8080
      streamvision run --config configs/rtsp.yaml --model yolo.onnx
    """
    return run_session(build_config(config, sources, given), as_json=as_json)
