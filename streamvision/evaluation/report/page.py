"""Writes a report as one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from streamvision.core.files import writing

HOUSE_STYLE = Path(__file__).with_name("report.css")
"""The style that all reports share."""


def write_page(path: Path, template: Path, *, styles: Sequence[Path] = (HOUSE_STYLE,), **context: object) -> None:
    """Fill in a template and write the page.

    Args:
        path: the HTML file.
        template: for Jinja; what it is given is escaped, and ``css`` is what the style sheets say.
        styles: the style sheets, one after the other.
        context: what else the template names.

    Raises:
        OutputError: when the file cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    css = Markup("").join(Markup(style.read_text(encoding="utf-8")) for style in styles)
    page = environment.get_template(template.name).render(css=css, **context)
    with writing(f"the report to {path}"):
        path.write_text(page, encoding="utf-8")
