"""Values as JSON carries them into a page: finite numbers, texts of a bounded length, files as URLs."""

from __future__ import annotations

import json
import math
import os
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

DEGREE_PARTS = 1_000_000
"""Parts of a degree that places are given in: 0.11 m."""
LONGEST_TEXT = 300
"""Characters of a name or a note."""
_IN_A_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def finite(value: float | None, digits: int = 3) -> float | None:
    """Return a number, rounded; ``None`` for what is none."""
    return round(float(value), digits) if value is not None and math.isfinite(value) else None


def whole_numbers(values: NDArray[np.float64]) -> list[int | None]:
    """Return numbers rounded to whole ones; ``None`` for what is none."""
    return [round(value) if math.isfinite(value) else None for value in values.tolist()]


def text(value: str | None) -> str | None:
    """Return a text without what no font shows, cut where it is too long."""
    if value is None:
        return None
    shown = "".join(letter if letter.isprintable() else " " for letter in value[: LONGEST_TEXT + 1])
    return shown if len(shown) <= LONGEST_TEXT else shown[:LONGEST_TEXT] + "…"


def file_url(path: str | None) -> str | None:
    """Return the URL of a file below the page's folder; ``None`` for what lies elsewhere or is no name of a file."""
    if not path:
        return None
    parts = PurePosixPath(path).parts
    if path.startswith(("/", "\\")) or ".." in parts or not parts:
        return None
    try:
        return "/".join(quote(os.fsencode(part), safe="") for part in parts)
    except UnicodeEncodeError:
        return None


def json_for_a_script(data: Any) -> str:
    """Return JSON that ends no script element, in ASCII.

    Raises:
        ValueError: when a number is infinite or none.
    """
    return json.dumps(data, allow_nan=False, separators=(",", ":")).translate(_IN_A_SCRIPT)
