"""Subtitles (``.srt``) with positions, as the drones of DJI write them beside a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from streamvision.core.reading import lenient_text
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import Timed, every_sentence, intact_ones, joined
from streamvision.gps.texts import fix_of_text

_SHOWN = re.compile(r"(\d{1,3}):(\d\d):(\d\d)[,.](\d{3}) *--> *\d", re.ASCII)
_MARKS = re.compile(r"<[^<>]{0,200}>")


def read_subtitles(content: bytes) -> Readings:
    """Return the positions of subtitles, each at the time at which it is shown."""
    sentences: list[Timed] = []
    fixes = []
    for media_s, text in _subtitles(lenient_text(content)):
        told = [(sentence, media_s) for sentence in every_sentence(text)]
        sentences += told
        if not told and (fix := fix_of_text(_MARKS.sub("", text))) is not None:
            fixes.append(replace(fix, media_s=media_s))
    by_sentences = tuple(joined(intact_ones(sentences)))
    return Readings(fixes=by_sentences or tuple(fixes), may_be_local=not by_sentences)


def _subtitles(text: str) -> Iterator[tuple[float, str]]:
    """Yield the beginning (s) and the text of each subtitle."""
    shown = list(_SHOWN.finditer(text))
    ends = [*(one.start() for one in shown[1:]), len(text)]
    for one, end in zip(shown, ends, strict=True):
        hours, minutes, seconds, milliseconds = (int(part) for part in one.groups())
        yield hours * 3600 + minutes * 60 + seconds + milliseconds / 1000, text[one.end() : end]
