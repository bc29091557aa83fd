"""How results look below a notebook's cell: HTML for ``_repr_html_``, which nothing else calls."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

DECIMALS = 3


def table_html(rows: Sequence[Sequence[object]], *, caption: str = "") -> str:
    """Return a table whose first row is its head; numbers stand to the right, and one that there is not is a dash.

    >>> table_html([("class", "F1"), ("stop", 0.98765), ("<other>", None)])
    '<table><tr><th>class</th><th>F1</th></tr><tr><td>stop</td><td style="text-align:right">0.988</td></tr><tr><td>\
&lt;other&gt;</td><td style="text-align:right">–</td></tr></table>'
    """
    head, *body = rows
    lines = [f"<tr>{''.join(f'<th>{escape(str(one))}</th>' for one in head)}</tr>"]
    lines += [f"<tr>{''.join(map(_cell, row))}</tr>" for row in body]
    title = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    return f"<table>{title}{''.join(lines)}</table>"


def figures_html(document: Mapping[str, Any], *, caption: str) -> str:
    """Return the figures of an evaluation, from its plain values: those of all, and those of each class.

    Args:
        document: numbers by name, and under ``per_class`` such by class; mappings that have a ``per_class``, too, such
            as the figures by mask, get tables of their own.
        caption: what was measured.
    """
    return "".join(_figure_tables(document, caption))


def picture_html(png: bytes, *, alt: str) -> str:
    """Return a PNG as an element that needs no file beside the notebook."""
    data = b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" style="max-width:100%">'


def _figure_tables(document: Mapping[str, Any], caption: str) -> Iterator[str]:
    of_all = _numbers(document)
    if of_all:
        yield table_html([tuple(of_all), tuple(of_all.values())], caption=caption)
    per_class: Mapping[str, Mapping[str, Any]] = document.get("per_class") or {}
    figures = {name: _numbers(one) for name, one in per_class.items()}
    if columns := list(dict.fromkeys(key for one in figures.values() for key in one)):
        rows = [(name, *(one.get(key) for key in columns)) for name, one in figures.items()]
        yield table_html([("class", *columns), *rows])
    for name, part in document.items():
        if isinstance(part, Mapping) and "per_class" in part:
            yield from _figure_tables(part, f"by {name}")


def _numbers(document: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the plain figures; ``None`` is one that there is none of."""
    return {
        key: value
        for key, value in document.items()
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
    }


def _cell(value: object) -> str:
    if value is None or isinstance(value, (int, float)):
        text = "–" if value is None else f"{value:.{DECIMALS}f}" if isinstance(value, float) else str(value)
        return f'<td style="text-align:right">{text}</td>'
    return f"<td>{escape(str(value))}</td>"
