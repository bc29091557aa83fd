"""``streamvision demo``: a model at work in the browser, with one command."""

from __future__ import annotations

import os
import webbrowser
from typing import Any

import click

from streamvision.cli.options import Sources, SourcesCommand, build_config, model_options, source_options
from streamvision.cli.session import run_session
from streamvision.models import default_model_path

PAGE = "127.0.0.1:8080"
DRIVE = "synthetic:drive?seed=1&fps=30&size=1280x720"


@click.command(cls=SourcesCommand)
@source_options
@model_options
@click.option("--serve", default=PAGE, show_default=True, metavar="HOST:PORT", help="Where the page is shown.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is a screen.")
def demo(sources: Sources, browser: bool, **given: Any) -> int:
    """Watch a model at work in the browser, until Ctrl-C.

    With nothing given, the road-sign model that ships with StreamVision runs on a drawn drive. Files play at their
    own speed, over and over.

    \b
    Examples:
      streamvision demo
      streamvision demo --source dashcam.mp4
      streamvision demo --model yolo.onnx --source 0
    """
    given["model"] = given["model"] or default_model_path()
    config = build_config(None, sources or (DRIVE,), given | {"realtime": True, "loop": True})
    return run_session(config, as_json=False, on_served=_open_browser if browser else None)


def _open_browser(url: str) -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
