"""Writes the report of a trip: one HTML file that opens by a double click and asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from streamvision.core.files import write_whole, writing
from streamvision.core.version import __version__
from streamvision.trip.records import TripSummary
from streamvision.trip.report.data import page_data
from streamvision.trip.report.tiles import tile_origin
from streamvision.trip.report.values import json_for_a_script, text

NAME = "report.html"
"""The file's name in the output folder."""
_PAGE = Path(__file__).with_name("page")
_STYLES = ("base.css", "map.css", "objects.css", "drives.css", "print.css")
_SCRIPTS = (
    "values.js",
    "elements.js",
    "classes.js",
    "colours.js",
    "chosen.js",
    "projection.js",
    "clusters.js",
    "ways.js",
    "tiles.js",
    "marks.js",
    "map.js",
    "gestures.js",
    "plot.js",
    "timeline.js",
    "player.js",
    "details.js",
    "filters.js",
    "objects.js",
    "drives.js",
    "start.js",
)


def write_report(summary: TripSummary, output: Path, *, tiles: str | None = None) -> Path:
    """Write ``report.html``, whole or not at all; pictures and videos are those that the summary names beside it.

    Args:
        summary: what the trip came to; names and texts in it may be anything.
        output: the folder; it is made where there is none.
        tiles: address of map tiles with ``{z}``, ``{x}`` and ``{y}``; ``None``: the page asks nothing of any network.

    Returns:
        The file.

    Raises:
        ConfigError: when ``tiles`` is no such address.
        OutputError: when it cannot be written.
    """
    styles, script = _joined(_STYLES), '(() => {\n"use strict";\n' + _joined(_SCRIPTS) + "})();\n"
    policy = _policy(styles, script, None if tiles is None else tile_origin(tiles))
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    ).get_template("page.html")
    page = template.render(
        policy=policy,
        title=text(summary.title),
        styles=Markup(styles),
        script=Markup(script),
        data=Markup(json_for_a_script({**page_data(summary), "tiles": tiles})),
        version=__version__,
    )
    path = output / NAME
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode("utf-8", "replace"))
    return path


def _joined(names: tuple[str, ...]) -> str:
    return "".join((_PAGE / name).read_text(encoding="utf-8") for name in names)


def _policy(styles: str, script: str, tiles: str | None) -> str:
    """Return the Content-Security-Policy: this style, this script, and what lies beside the page."""
    beside = "'self' file: data:"
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(styles)}'",
            f"script-src '{_digest(script)}'",
            f"img-src {beside} {tiles or ''}".rstrip(),
            f"media-src {beside}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _digest(code: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
