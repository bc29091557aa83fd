"""``streamvision demo``: a model at work in the browser, with one command."""

from __future__ import annotations

import os
import webbrowser
from typing import Any

import click

from streamvision.cli.options import build_config, model_options, source_options
from streamvision.cli.session import run_session
from streamvision.errors import ConfigError

PAGE = "127.0.0.1:8080"


@click.command()
@source_options
@model_options
@click.option("--serve", default=PAGE, show_default=True, metavar="HOST:PORT", help="Where the page is shown.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is a screen.")
def demo(sources: tuple[str, ...], browser: bool, **given: Any) -> int:
    """Watch a model at work: files play at their own speed, over and over, until Ctrl-C.

    \b
    Example:
      streamvision demo --model yolo.onnx --source drive.mp4
    """
    if not given["path"] or not sources:
        raise ConfigError(
            "the demo needs a model and something to look at; "
            "give both: streamvision demo --model FILE.onnx --source VIDEO.mp4 (or make demo MODEL=... SOURCE=...)"
        )
    config = build_config(None, sources, given | {"realtime": True, "loop": True})
    return run_session(config, as_json=False, on_served=_open_browser if browser else None)


def _open_browser(url: str) -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
