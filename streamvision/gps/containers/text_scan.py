"""Sentences of NMEA among the pictures of a clip without an index: what a track of text was to point at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from streamvision.gps.boxes import find_box, read_at, size_of
from streamvision.gps.containers.format import Readings
from streamvision.gps.nmea import Sentence, joined, parse_sentence

SILENCE_BYTES = 32 << 20
"""Where the search gives up: as many bytes without a sentence. Cameras write one a second."""
MAX_BYTES = 8 << 30
MAX_SENTENCES = 200_000
PIECE_BYTES = 1 << 20
SENTENCE_BYTES = 120
_MARK = b"RMC,"


def read(file: BinaryIO) -> Readings | None:
    """Return the fixes of sentences with a right check sum; ``None`` where the file has an index or no sentence."""
    if find_box(file, b"moov") is not None:
        return None
    sentences = [sentence for _, sentence in zip(range(MAX_SENTENCES), _sentences(file), strict=False)]
    times = [_unix_s(sentence) for sentence in sentences]
    begin_unix_s = next((unix_s for unix_s in times if unix_s is not None), None)
    if begin_unix_s is None:
        return None
    media = (None if unix_s is None or unix_s < begin_unix_s else unix_s - begin_unix_s for unix_s in times)
    return Readings(tuple(joined(zip(sentences, media, strict=True))))  # the first is as old as the video


def _unix_s(sentence: Sentence) -> float | None:
    return None if sentence.midnight_unix_s is None else sentence.midnight_unix_s + sentence.time_of_day_s


def _sentences(file: BinaryIO) -> Iterator[Sentence]:
    position, heard, end = 0, 0, min(size_of(file), MAX_BYTES)
    while position < end and position - heard < SILENCE_BYTES:
        piece = read_at(file, position, PIECE_BYTES + SENTENCE_BYTES)
        place = piece.find(_MARK, 2, PIECE_BYTES)
        while place >= 0:
            sentence = parse_sentence(piece[place - 2 : place + SENTENCE_BYTES].decode("latin-1"))
            if sentence is not None and sentence.intact:
                heard = position
                yield sentence
            place = piece.find(_MARK, place + len(_MARK), PIECE_BYTES)
        position += PIECE_BYTES - 5  # a mark may begin in one piece and end in the next
