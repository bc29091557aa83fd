"""SVG: elements whose text is escaped, and the numbers along axes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from markupsafe import Markup

Point = tuple[float, float]
_LEAST_IN_DECIMALS = 1e-3
"""Smaller numbers are written with an exponent."""


def nice_step(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 and so on."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value * 0.999)


def short_number(value: float) -> str:
    """Return a number as it stands beside a tick."""
    if value == 0:
        return "0"
    if abs(value) < _LEAST_IN_DECIMALS:
        return f"{value:.3g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def point_list(points: Iterable[Point]) -> str:
    """Return points as the attribute of a polyline."""
    return " ".join(f"{x:.6g},{y:.6g}" for x, y in points)


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """Return an element; ``_`` in an attribute's name stands for ``-``, and numbers have two decimals at most."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _rounded(value))
        for name, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, Markup("").join(content))


def _rounded(value: object) -> object:
    return f"{round(value, 2):g}" if isinstance(value, float) else value
