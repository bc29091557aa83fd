"""Single pictures of a clip by their times: the decoder begins at the key frame before each, not at the beginning."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from pipelines.capture.ffmpeg.reader import PyAvReader
from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import NOT_YET, Captured, Reader
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.picture import Picture
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

NEAR_S = 2.0
"""What comes this soon after the last picture is decoded up to instead of sought."""
SAME_S = 0.001
"""Times of one picture that was read twice differ by less."""
LEADS_S = (0.0, 2.0, 10.0)
"""How long before the picture it is begun: that which is decoded first may be shown later."""


class Moment(NamedTuple):
    """A picture of a clip."""

    pts_s: float
    """Its time as the file has it."""
    file_frame: int
    """Its number in the file, from 0, among those that could be decoded."""


def stills(clip: Path, moments: Iterable[Moment]) -> Iterator[tuple[Moment, Picture]]:
    """Yield pictures of a clip; what is not found is left out.

    Args:
        clip: the file; one without an index is read as far as it can be.
        moments: which ones.
    """
    left = set(moments)
    for search in (_sought, _counted):
        for moment, picture in search(clip, sorted(left)):
            left.discard(moment)
            yield moment, picture


def _sought(clip: Path, moments: Sequence[Moment]) -> Iterator[tuple[Moment, Picture]]:
    """Yield pictures by their times."""
    at_s: float | None = None
    with opened_clip(clip) as reader:
        if reader is None:
            return
        for moment in moments:
            found = _found(reader, moment.pts_s, at_s)
            at_s = found.pts_s if found is not None else None
            if found is not None:
                yield moment, found.picture


def _counted(clip: Path, moments: Sequence[Moment]) -> Iterator[tuple[Moment, Picture]]:
    """Yield pictures by their numbers, from the beginning on, where times cannot be sought."""
    wanted = {moment.file_frame: moment for moment in moments}
    if not wanted:
        return
    with opened_clip(clip) as reader:
        while wanted and reader is not None and (captured := next_picture(reader)) is not None:
            moment = wanted.pop(captured.place.frame, None) if captured.place is not None else None
            if moment is not None:
                yield moment, captured.picture


@contextmanager
def opened_clip(clip: Path) -> Iterator[PyAvReader | None]:
    """Open a clip; ``None`` where nothing can be read of it."""
    with ExitStack() as closing_it:
        reader: Reader | None = None
        try:
            spec = parse_source(str(clip), policy="file")
            reader = create_reader(spec, config=StreamConfig(source=spec.uri, policy="file"), drops=DropCounter())
            closing_it.callback(reader.close)
            reader.open()
        except SourceError as error:
            log.debug("%s: %s", clip, error)
            reader = None
        yield reader if isinstance(reader, PyAvReader) else None


def _found(reader: PyAvReader, pts_s: float, at_s: float | None) -> Captured | None:
    if at_s is not None and 0 < pts_s - at_s <= NEAR_S:
        return _read_up_to(reader, pts_s)
    for lead_s in LEADS_S:
        try:
            reader.seek(pts_s - lead_s)
        except SourceError:
            return None
        if (found := _read_up_to(reader, pts_s)) is not None:
            return found
    return None


def _read_up_to(reader: PyAvReader, pts_s: float) -> Captured | None:
    """Return the picture of a time; ``None`` where the first one that comes is later, or none comes."""
    captured = next_picture(reader)
    while captured is not None and captured.pts_s < pts_s - SAME_S:
        captured = next_picture(reader)
    return captured if captured is not None and captured.pts_s <= pts_s + SAME_S else None


def next_picture(reader: PyAvReader) -> Captured | None:
    """Return the next picture; ``None`` at the end, even an early one."""
    try:
        while (captured := reader.read()) is NOT_YET:
            pass
    except SourceError:
        return None
    return captured if isinstance(captured, Captured) else None
