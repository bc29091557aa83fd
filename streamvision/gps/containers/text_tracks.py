"""Positions as text in a track of their own: NMEA, and what cameras write instead.

Thinkware, DJI, BlueSkySea, the Mini 0806 and many others have a track of subtitles or of data, with a sample a second
or one for each picture. Some hide their text behind a simple cipher.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.containers.format import Readings
from streamvision.gps.containers.turned_text import turned_line
from streamvision.gps.nmea import Timed, every_sentence, intact_ones, joined
from streamvision.gps.sample_tables import Sample, Track, read_samples, read_tracks
from streamvision.gps.texts import fix_of_text, fix_of_vantrue

HANDLERS = (b"text", b"sbtl", b"subt", b"subp", b"clcp", b"meta", b"data", b"camm", b"gpmd")
MAX_SAMPLES = 500_000
"""Most samples that are looked at. Four hours of one for each of 30 pictures a second have fewer."""
MAX_SAMPLE_BYTES = 4096
UNKNOWN_SAMPLES = 300
"""A track whose first samples are none of these texts is something else, such as pictures of subtitles."""
_ROADHAWK = dict(zip(range(43, 83), "-I8XQWRVNZOYPUTA0B1C2SJ9K.L,M$D3E4F5G6H7", strict=True))
"""By the code of a letter, what stands for it (https://reverseengineering.stackexchange.com/questions/11582)."""


def read_texts(file: BinaryIO) -> Readings | None:
    """Return the positions of the first track that has some; ``None`` where none has."""
    tracks = [track for track in read_tracks(file) if track.handler in HANDLERS]
    return next((found for track in tracks if (found := _read_track(file, track)) is not None), None)


def _read_track(file: BinaryIO, track: Track) -> Readings | None:
    sentences: list[Timed] = []
    fixes: list[Fix] = []
    unknown = 0
    for sample, content in _contents(file, track):
        texts = list(_readable(content))
        told = [(sentence, sample.media_s) for text in texts for sentence in every_sentence(text)]
        sentences += told
        if not told and (fix := _own_fix(content, texts, sample)) is not None:
            fixes.append(fix)
        unknown = 0 if told or fixes else unknown + 1
        if unknown > UNKNOWN_SAMPLES:
            return None
    by_sentences = tuple(joined(intact_ones(sentences)))
    if not by_sentences and not fixes:
        return None
    return Readings(fixes=by_sentences or tuple(fixes), may_be_local=not by_sentences)


def _contents(file: BinaryIO, track: Track) -> Iterator[tuple[Sample, bytes]]:
    return read_samples(file, track.each_sample(file, most=MAX_SAMPLES), limit=MAX_SAMPLE_BYTES)


def _own_fix(content: bytes, texts: list[str], sample: Sample) -> Fix | None:
    fix = (
        turned_line(content)
        or fix_of_vantrue(content)
        or next((fix for text in texts if (fix := fix_of_text(text)) is not None), None)
    )
    return None if fix is None else _at(fix, sample.media_s)


def _at(fix: Fix, media_s: float) -> Fix:
    return Fix(
        fix.latitude_deg,
        fix.longitude_deg,
        fix.unix_s,
        fix.altitude_m,
        fix.speed_m_s,
        fix.course_deg,
        fix.error_m,
        media_s,
    )


def _readable(content: bytes) -> Iterator[str]:
    """Yield the text of a sample as it stands, and behind the ciphers that it may have."""
    text = _without_length(content)
    yield text
    if text.endswith("~"):  # Roadhawk
        yield text[:-4].translate(_ROADHAWK)
    if content[:1] == b"\0" and content[-1:] == b"\n" and len(content) > 5:  # E-PRANCE: all letters moved on alike
        moved = ord("*") - content[-4]
        yield bytes((byte + moved) & 0xFF for byte in content[1:-1]).decode("latin-1")


def _without_length(content: bytes) -> str:
    """Return the text of a sample, which may have its length in two bytes before it, and boxes of style behind."""
    length = int.from_bytes(content[:2], "big")
    return content[2 : 2 + length].decode("latin-1") if 0 < length <= len(content) - 2 else content.decode("latin-1")
