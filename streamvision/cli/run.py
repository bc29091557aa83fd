"""``streamvision run``: sources through a model to files and viewers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from streamvision.cli.browser import open_page
from streamvision.cli.options import (
    build_config,
    field_option,
    model_options,
    output_options,
    privacy_options,
    source_options,
)
from streamvision.cli.page_options import page_options
from streamvision.cli.session import run_session
from streamvision.cli.sources import Sources, SourcesCommand
from streamvision.cli.state_options import state_options
from streamvision.cli.written_files import SAVED_IN, unique_recording
from streamvision.core.config.serve import ServeConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.heap import limit_arenas
from streamvision.core.logs import say


@click.command(cls=SourcesCommand)
@click.option("--config", type=Path, metavar="FILE.yaml", help="Settings from a file; the command line wins over it.")
@source_options
@field_option("--realtime", StreamConfig, "realtime")
@field_option("--loop", StreamConfig, "loop")
@model_options
@output_options
@privacy_options
@page_options
@state_options
@click.option(
    "--save", is_flag=True, help=f"Record the annotated video as {SAVED_IN}/DATE.mp4; --record F.mp4 gives it a name."
)
@click.option(
    "--show",
    is_flag=True,
    help="Open the page in the browser; there is no other window. It is at 127.0.0.1:8080 unless --serve says where.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the final report as one JSON document on stdout.")
def run(
    config: Path | None,
    sources: Sources,
    save: bool,
    show: bool,
    as_json: bool,
    state: Path,
    database: str | None,
    **given: Any,
) -> int:
    """Detect and track objects on one or more streams.

    Files are processed to the last frame. Live sources (cameras, RTSP, HTTP) keep only their newest frame, so what
    you see stays fresh however slow the model is. Ctrl-C stops cleanly.

    \b
    Examples:
      streamvision run drive.mp4 --save
      streamvision run drive.mp4 --model yolo.onnx --detections drive.jsonl --record drive-boxes.mp4
      streamvision run rtsp://user:password@camera/stream --model yolo.onnx --classes person,car --show
      streamvision run --source /dev/video0 --source rtsp://camera/ --model yolo.xml --serve 0.0.0.0:8080
      streamvision run street.mp4 --model none --save
      streamvision run --config cameras.yaml --model yolo.onnx
    """
    limit_arenas()
    if save and given["record"] is None:
        given["record"] = unique_recording(time.time())
    settled = build_config(config, sources, given)
    if settled.fleet is not None:
        say("fleet is left out: `streamvision serve` follows a store and replaces models; a run goes on with its own.")
    if show and settled.serve is None:
        settled = settled.model_copy(update={"serve": ServeConfig()})
    return run_session(settled, as_json=as_json, on_served=_show if show else None, state=state, database=database)


def _show(url: str) -> None:
    if not open_page(url):
        say(f"There is no screen here, so no browser was opened: open {url} yourself.")
