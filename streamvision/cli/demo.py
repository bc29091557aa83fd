"""``streamvision demo``: a model at work in the browser, with one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streamvision.cli.browser import open_page
from streamvision.cli.options import build_config, model_options, source_options
from streamvision.cli.page_options import page_options
from streamvision.cli.session import run_session
from streamvision.cli.sources import Sources, SourcesCommand
from streamvision.cli.state_options import state_options

PAGE = "127.0.0.1:8080"
DRIVE = "synthetic:drive?seed=1&fps=30&size=1280x720"


@click.command(cls=SourcesCommand)
@source_options
@model_options
@click.option("--serve", default=PAGE, show_default=True, metavar="HOST:PORT", help="Where the page is shown.")
@page_options
@state_options
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is a screen.")
def demo(sources: Sources, browser: bool, state: Path, database: str | None, **given: Any) -> int:
    """Watch a model at work in the browser, until Ctrl-C.

    With nothing given, the road-sign model that ships with StreamVision runs on a drawn drive. Files play at their
    own speed, over and over.

    \b
    Examples:
      streamvision demo
      streamvision demo dashcam.mp4
      streamvision demo /dev/video0 --model yolo.onnx
    """
    config = build_config(None, sources or (DRIVE,), given | {"realtime": True, "loop": True})
    return run_session(config, as_json=False, on_served=open_page if browser else None, state=state, database=database)
