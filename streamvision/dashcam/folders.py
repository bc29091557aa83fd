"""What the folders of a card say of the clips in them, where the names do not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TypeVar

from streamvision.dashcam.clip import Mode, View

MAX_PARENTS = 4
"""How many folders above a file are looked at, the nearest first."""

_WORD = r"(?:[^\W_]+[_-])"
"""What makers put before it: one word. People's own names, such as ``Way back`` and ``To the park``, say nothing."""
_VIEWS: tuple[tuple[View, re.Pattern[str]], ...] = (
    ("front", re.compile(rf"{_WORD}?(?:f|front)", re.I)),
    ("rear", re.compile(rf"{_WORD}?(?:r|rear|back)", re.I)),
    ("interior", re.compile(rf"{_WORD}?(?:i|interior|inside|inner|cabin)", re.I)),
)
_MODES: tuple[tuple[Mode, re.Pattern[str]], ...] = (
    ("lapse", re.compile(r".*lapse.*|1\d\dtlpse", re.I)),
    ("parking", re.compile(rf"{_WORD}?park(?:ing)?(?:[_-][^\W_]+)?|sentryclips", re.I)),
    ("manual", re.compile(r"(?:man|manual)(?:[_ -].*)?", re.I)),
    (
        "event",
        re.compile(
            r"(?:.*[_ -])?ro|(?:evt|event|emer|emr|sos|crash|impact|urgent|lock|locked|protect|protected)s?(?:[_ -].*)?"
            r"|1\d\d(?:event|saved)|savedclips",
            re.I,
        ),
    ),
)

_Said = TypeVar("_Said", View, Mode)


def view_of_folder(path: PurePath) -> View | None:
    """Return where the lens looks by the folders of a file; ``None`` where they do not say."""
    return _said(_VIEWS, path)


def mode_of_folder(path: PurePath) -> Mode | None:
    """Return why a clip was recorded by its folders; ``None`` where they do not say."""
    return _said(_MODES, path)


def _said(table: Sequence[tuple[_Said, re.Pattern[str]]], path: PurePath) -> _Said | None:
    for folder in path.parts[:-1][: -MAX_PARENTS - 1 : -1]:
        for meaning, pattern in table:
            if pattern.fullmatch(folder):
                return meaning
    return None
