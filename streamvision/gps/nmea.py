"""NMEA 0183: the sentences that satellite receivers say, joined to fixes.

RMC says time, date, place, speed and course; GGA altitude and dilution of precision without a date; GST how far off it
may be. Sentences of one moment come one after another in any order, by several talkers, and are one fix.
The layouts: https://gpsd.gitlab.io/gpsd/NMEA.html.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from streamvision.core.position import Fix

KNOT_M_S = 1852 / 3600
ERROR_PER_HDOP_M = 3.0
"""What a receiver without corrections errs by in each direction under a good sky, where its HDOP is about 1."""
MAX_SENTENCE_BYTES = 1024
"""Longest sentence; the standard says 82, some receivers say more."""
DAY_S = 86_400
OLDEST_YEAR = 80
"""Two digits of a year: from here on it is of the 1900s, as those of a receiver without a date (1980)."""

_SENTENCE = re.compile(r"\$?([A-Z]{2})(RMC|GGA|GST),([^$*\r\n\x00]{0,400})(?:\*([0-9A-Fa-f]{2}))?")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(\.\d{0,9})?", re.ASCII)
_DAY = re.compile(r"(\d\d)(\d\d)(\d\d)", re.ASCII)
_ANGLE = re.compile(r"(\d{1,3})([0-5]\d(?:\.\d{0,12})?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{0,12})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence that was understood."""

    kind: Literal["RMC", "GGA", "GST"]
    """Which it is."""
    talker: str
    """Who says it, such as ``GP``, ``GN`` or ``GL``."""
    intact: bool | None
    """Whether its check sum is right; ``None`` where it has none."""
    valid: bool
    """Whether the receiver says that it has a fix."""
    time_of_day_s: float
    """UTC, in seconds since midnight."""
    midnight_unix_s: float | None = None
    """The beginning of its day in UTC; in RMC alone."""
    latitude_deg: float | None = None
    """Degrees north of the equator."""
    longitude_deg: float | None = None
    """Degrees east of Greenwich."""
    altitude_m: float | None = None
    """Metres above the sea."""
    speed_m_s: float | None = None
    """Speed over ground."""
    course_deg: float | None = None
    """Direction of travel, clockwise from true north."""
    error_m: float | None = None
    """Standard deviation in each direction, as told (GST) or by the dilution of precision (GGA)."""


Timed = tuple[Sentence, float | None]
"""A sentence and its time in the video, where that is known."""


def sentences_in(text: str) -> Iterator[Sentence]:
    """Yield the sentences that stand anywhere in a text; what is none, and what is damaged, is passed over."""
    return (sentence for sentence, _ in intact_ones([(sentence, None) for sentence in every_sentence(text)]))


def every_sentence(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a text that are understood, those with a wrong check sum too."""
    return (sentence for match in _SENTENCE.finditer(text) if (sentence := _understood(match)) is not None)


def intact_ones(sentences: list[Timed]) -> Iterator[Timed]:
    """Yield those without a wrong check sum; all, where not one is right: some firmwares never reckon it."""
    trusts_sums = any(sentence.intact for sentence, _ in sentences)
    return ((sentence, media_s) for sentence, media_s in sentences if not trusts_sums or sentence.intact is not False)


def parse_sentence(line: str) -> Sentence | None:
    """Return the first sentence of a line; ``None`` where it has none that is understood and intact."""
    match = _SENTENCE.search(line[:MAX_SENTENCE_BYTES])
    sentence = _understood(match) if match else None
    return sentence if sentence is not None and sentence.intact is not False else None


def fixes_in(text: str) -> list[Fix]:
    """Return the fixes of a text with sentences, in their order."""
    return list(joined((sentence, None) for sentence in sentences_in(text)))


def joined(sentences: Iterable[Timed]) -> Iterator[Fix]:
    """Join sentences, each with its time in the video (s, or ``None``), to fixes."""
    joiner = FixJoiner()
    for sentence, media_s in sentences:
        if (fix := joiner.add(sentence, media_s)) is not None:
            yield fix
    if (fix := joiner.flush()) is not None:
        yield fix


class FixJoiner:
    """Joins the sentences of one moment to a fix; remembers the day for those that do not say it."""

    def __init__(self) -> None:
        self._moment: dict[str, Sentence] = {}
        self._media_s: float | None = None
        self._dated: tuple[float, float] | None = None
        """Midnight of the last RMC (unix) and its time of day."""

    def add(self, sentence: Sentence, media_s: float | None = None) -> Fix | None:
        """Take a sentence; return the fix of the moment before it, once a sentence of another moment comes."""
        fix = self.flush() if self._begins_another(sentence) else None
        if not self._moment:
            self._media_s = media_s
        self._moment.setdefault(sentence.kind, sentence)
        if sentence.midnight_unix_s is not None and sentence.valid:
            self._dated = (sentence.midnight_unix_s, sentence.time_of_day_s)
        return fix

    def flush(self) -> Fix | None:
        """Return the fix of the sentences so far, where they make one: nothing more of this moment is to come."""
        moment, self._moment = self._moment, {}
        if "RMC" in moment and not moment["RMC"].valid:
            return None
        return self._fix({kind: sentence for kind, sentence in moment.items() if sentence.valid})

    def _begins_another(self, sentence: Sentence) -> bool:
        if not self._moment:
            return False
        first = next(iter(self._moment.values()))
        same = self._moment.get(sentence.kind)
        return first.time_of_day_s != sentence.time_of_day_s or (same is not None and same.talker == sentence.talker)

    def _fix(self, told: dict[str, Sentence]) -> Fix | None:
        placed = told.get("RMC") or told.get("GGA")
        if placed is None or placed.latitude_deg is None or placed.longitude_deg is None:
            return None
        return Fix(
            placed.latitude_deg,
            placed.longitude_deg,
            unix_s=self._unix_s(placed),
            altitude_m=told["GGA"].altitude_m if "GGA" in told else None,
            speed_m_s=placed.speed_m_s,
            course_deg=placed.course_deg,
            error_m=next((told[kind].error_m for kind in ("GST", "GGA") if kind in told), None),
            media_s=self._media_s,
        )

    def _unix_s(self, sentence: Sentence) -> float | None:
        if sentence.midnight_unix_s is not None:
            return sentence.midnight_unix_s + sentence.time_of_day_s
        if self._dated is None:
            return None
        midnight_unix_s, last_s = self._dated
        days = round((last_s - sentence.time_of_day_s) / DAY_S)  # a time that is far smaller is of the next day
        return midnight_unix_s + days * DAY_S + sentence.time_of_day_s


class NmeaStream:
    """Reads fixes from bytes that come in pieces, as from a socket: several sentences at once, or half of one."""

    def __init__(self) -> None:
        self._rest = b""
        self._joiner = FixJoiner()

    def feed(self, data: bytes) -> list[Fix]:
        """Take bytes; return the fixes that are complete. A fix is, once a sentence of the next moment came."""
        *lines, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[-MAX_SENTENCE_BYTES:]
        sentences = [parse_sentence(line.decode("ascii", "replace")) for line in lines if b"$" in line]
        fixes = [self._joiner.add(sentence) for sentence in sentences if sentence is not None]
        return [fix for fix in fixes if fix is not None]

    def flush(self) -> Fix | None:
        """Return the fix of what came so far: for receivers that say all of a moment at once and then rest."""
        return self._joiner.flush()


def degrees(value: float) -> float:
    """Return degrees of ``DDDMM.MMMM``, as receivers write them: degrees times 100 plus minutes."""
    whole = math.trunc(value / 100)
    return whole + (value - 100 * whole) / 60


def _understood(match: re.Match[str]) -> Sentence | None:
    talker, kind, body, check_sum = match.groups()
    fields = body.split(",")
    seconds = _time_of_day(fields[0])
    if seconds is None:
        return None
    said = f"{talker}{kind},{body}"
    intact = None if check_sum is None else _check_sum(said) == int(check_sum, 16)
    make = {"RMC": _rmc, "GGA": _gga, "GST": _gst}[kind]
    return make(talker, intact, seconds, [*fields, *[""] * 16])


def _rmc(talker: str, intact: bool | None, seconds: float, fields: list[str]) -> Sentence | None:
    place = _place(fields[2:6])
    knots, course = _number(fields[6]), _number(fields[7])
    return Sentence(
        "RMC",
        talker,
        intact,
        fields[1] in ("A", "") and place is not None,
        seconds,
        _midnight(fields[8]),
        latitude_deg=place[0] if place else None,
        longitude_deg=place[1] if place else None,
        speed_m_s=None if knots is None or knots < 0 else knots * KNOT_M_S,
        course_deg=None if course is None else course % 360,
    )


def _gga(talker: str, intact: bool | None, seconds: float, fields: list[str]) -> Sentence | None:
    place = _place(fields[1:5])
    hdop = _number(fields[7])
    return Sentence(
        "GGA",
        talker,
        intact,
        fields[5] in ("", "1", "2", "3", "4", "5", "6") and place is not None,
        seconds,
        None,
        latitude_deg=place[0] if place else None,
        longitude_deg=place[1] if place else None,
        altitude_m=_number(fields[8]),
        error_m=hdop * ERROR_PER_HDOP_M if hdop is not None and hdop > 0 else None,
    )


def _gst(talker: str, intact: bool | None, seconds: float, fields: list[str]) -> Sentence | None:
    north, east = _number(fields[5]), _number(fields[6])
    if north is None or east is None:
        return None
    return Sentence("GST", talker, intact, True, seconds, error_m=math.sqrt((north**2 + east**2) / 2))


def _place(fields: list[str]) -> tuple[float, float] | None:
    latitude_deg, longitude_deg = _angle(fields[0], fields[1], "NS", 90), _angle(fields[2], fields[3], "EW", 180)
    return None if latitude_deg is None or longitude_deg is None else (latitude_deg, longitude_deg)


def _angle(value: str, letter: str, letters: str, most_deg: float) -> float | None:
    found = _ANGLE.fullmatch(value.strip())
    if found is None or letter not in letters or len(letter) != 1:
        return None
    angle_deg = int(found[1]) + float(found[2]) / 60
    return None if angle_deg > most_deg else angle_deg * (1 if letter == letters[0] else -1)


def _time_of_day(field: str) -> float | None:
    found = _TIME.fullmatch(field.strip())
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0{fraction or '.0'}0")


def _midnight(field: str) -> float | None:
    """Return the beginning of a day ``ddmmyy`` in UTC."""
    found = _DAY.fullmatch(field.strip())
    if found is None:
        return None
    day, month, year = (int(digits) for digits in found.groups())
    try:
        return datetime(year + (1900 if year >= OLDEST_YEAR else 2000), month, day, tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _number(field: str) -> float | None:
    return float(field) if _NUMBER.fullmatch(field.strip()) else None


def _check_sum(said: str) -> int:
    total = 0
    for character in said:
        total ^= ord(character) & 0xFF
    return total
