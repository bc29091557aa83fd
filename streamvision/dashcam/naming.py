"""Names that dashcams give to their files: a table of schemes. ``docs/dashcams.md`` has the source of each.

A name belongs to several makers at times: fourteen digits and six more are written by at least four. The folders decide
then, else the first of the table; what the name says is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath

from streamvision.dashcam.clip import ClipName, Mode, View
from streamvision.dashcam.folders import mode_of_folder, view_of_folder

_LENSES: Mapping[str, View] = {
    "f": "front",
    "r": "rear",
    "b": "rear",
    "i": "interior",
    "c": "interior",
    "t": "tele",
    "o": "other",
}
_A_IS_FRONT: Mapping[str, View] = {"a": "front", "b": "rear", "c": "interior"}
_CABIN_IS_B: Mapping[str, View] = {"a": "front", "b": "interior", "c": "rear"}
_TESLA: Mapping[str, View] = {
    "front": "front",
    "back": "rear",
    "left_repeater": "left",
    "right_repeater": "right",
    "left_pillar": "left_pillar",
    "right_pillar": "right_pillar",
    "cabin": "interior",
}
_NAMED: Mapping[str, View] = {
    "front": "front",
    "rear": "rear",
    "back": "rear",
    "cabin": "interior",
    "inside": "interior",
    "interior": "interior",
}
_WORDS: Mapping[str, View] = {**_LENSES, **_NAMED}
_EVENT_LETTERS: Mapping[str, Mode] = {"n": "normal", "e": "event", "p": "parking"}
_BLACKVUE: Mapping[str, Mode] = {
    **dict.fromkeys("eoatbrxgdlyf", "event"),
    **_EVENT_LETTERS,
    "i": "parking",
    "m": "manual",
}
_THINKWARE: Mapping[str, Mode] = {
    "rec": "normal",
    "evt": "event",
    "sos": "event",
    "park": "parking",
    "mot": "lapse",
    "man": "manual",
}
_70MAI: Mapping[str, Mode] = {"no": "normal", "ev": "event", "vl": "event", "la": "lapse", "pa": "parking"}
_DDPAI: Mapping[str, Mode] = {"g_l": "event", "g_x": "parking", "s_": "lapse", "q_": "lapse"}

_COPIED = re.compile(r"(?: ?\(\d{1,3}\)| - copy| copy)+$", re.IGNORECASE)
"""What file managers append to the name of a second copy."""


POSSIBLE_YEARS = range(1970, 2100)
"""Clocks that were never set begin in 1970 or later."""


@dataclass(frozen=True)
class Scheme:
    """How one maker, or several, name their files.

    Groups of the pattern, each optional: ``when`` (digits and separators), ``counter``, ``chapter``, ``view`` and
    ``view2``, ``mode``, ``mode2``, ``copy`` (not empty in smaller copies).
    """

    maker: str
    """Its name."""
    pattern: re.Pattern[str]
    """Matches a whole file name."""
    views: Mapping[str, View] = field(default_factory=lambda: _LENSES)
    """What the view's letters mean, in lower case."""
    modes: Mapping[str, Mode] = field(default_factory=dict)
    """What the mode's letters mean, in lower case."""
    folder: re.Pattern[str] | None = None
    """Which folder one of its parents must be; ``None``: any."""

    def read(self, path: PurePath) -> ClipName | None:
        """Return what a file's name says; ``None`` where it is none of this scheme."""
        found = self.pattern.fullmatch(_COPIED.sub("", path.stem) + path.suffix)
        if found is None or not self._is_at_home(path):
            return None
        said = {name: text.lower() for name, text in found.groupdict().items() if text}
        stamp = _stamp(said["when"]) if "when" in said else None
        if "when" in said and stamp is None:
            return None
        mode = self.modes.get(said.get("mode", "") + said.get("mode2", ""))
        return ClipName(
            maker=self.maker,
            stamp=stamp,
            counter=int(said["counter"]) if "counter" in said else None,
            view=self.views.get(said.get("view") or said.get("view2", "")) or view_of_folder(path) or "front",
            mode=mode if mode not in (None, "normal") else mode_of_folder(path) or mode or "normal",
            chapter=int(said.get("chapter", 0)),
            is_copy="copy" in said,
        )

    def _is_at_home(self, path: PurePath) -> bool:
        return self.folder is None or any(self.folder.fullmatch(part) for part in path.parts[:-1])


def _scheme(
    maker: str,
    pattern: str,
    views: Mapping[str, View] = _LENSES,
    modes: Mapping[str, Mode] | None = None,
    folder: str | None = None,
) -> Scheme:
    flags = re.IGNORECASE | re.ASCII
    home = re.compile(folder, flags) if folder else None
    return Scheme(maker, re.compile(pattern, flags), views, modes or {}, home)


_VIDEO = r"\.(?:mp4|mov|ts|avi|mkv)"
SCHEMES: tuple[Scheme, ...] = (
    _scheme("ddpai", rf"(?P<when>\d{{14}})_\d{{2,7}}(?P<view>_A)?{_VIDEO}", {"_a": "rear"}, folder=r"200video"),
    _scheme(
        "redtiger",
        rf"(?P<when>\d{{14}})_(?P<counter>\d{{6}})(?P<view>[FRI])?{_VIDEO}",
        folder=r"cardv|(?:movie|event|park|photo)_[fri]",
    ),
    _scheme("fitcamx", r"(?P<when>\d{14})_(?P<counter>\d{6})(?P<view>[A-Z])?\.ts"),
    _scheme("ddpai", rf"(?P<when>\d{{14}})_\d{{2,5}}(?P<view>_A)?{_VIDEO}", {"_a": "rear"}),
    _scheme("ddpai", rf"(?P<mode>G_)(?P<when>\d{{14}})_\d{{2,5}}_(?P<mode2>[LX]).*{_VIDEO}", modes=_DDPAI),
    _scheme(
        "ddpai",
        rf"(?P<mode>(?P<view>[SQ])_)(?P<when>\d{{14}})_\d{{3,5}}_\d{{2,4}}.*{_VIDEO}",
        {"s": "front", "q": "rear"},
        _DDPAI,
    ),
    _scheme(
        "blackvue",
        rf"(?P<when>\d{{8}}_\d{{6}})_(?:(?P<mode>[NEPMIOATBRXGDLYF])(?P<view>[FRIO])|(?P<mode2>[NEPM]))(?P<copy>[LS])?{_VIDEO}",
        modes=_BLACKVUE,
    ),
    _scheme(
        "viofo",
        rf"(?P<when>\d{{4}}_?\d{{4}}_?\d{{6}})_(?P<counter>\d{{1,9}})?_?(?P<mode>[PE])?(?P<view>[FRIT])?{_VIDEO}",
        modes=_EVENT_LETTERS,
    ),
    _scheme(
        "novatek",
        rf"(?P<when>\d{{4}}_\d{{4}}_\d{{6}})_(?P<counter>\d{{1,9}})(?P<view>[A-Z])?[A-Z]*{_VIDEO}",
        _A_IS_FRONT,
    ),
    _scheme(
        "vantrue",
        rf"(?P<when>\d{{8}}_\d{{6}})_(?P<counter>\d{{1,9}})_(?P<mode>[NEP])_(?P<view>[ABC]){_VIDEO}",
        _CABIN_IS_B,
        _EVENT_LETTERS,
    ),
    _scheme(
        "tesla",
        rf"(?P<when>\d{{4}}-\d\d-\d\d_\d\d-\d\d-\d\d)-(?P<view>{'|'.join(_TESLA)}){_VIDEO}",
        _TESLA,
    ),
    _scheme(
        "thinkware",
        rf"(?P<mode>REC|EVT|PARK|MAN|MOT|SOS)_(?P<when>\d{{4}}_\d\d_\d\d_\d\d_\d\d_\d\d)(?:_(?P<view>[FRI]))?{_VIDEO}",
        modes=_THINKWARE,
    ),
    _scheme("garmin", rf"GRM[A-Z](?P<counter>\d{{4}}){_VIDEO}"),
    _scheme(
        "nextbase",
        rf"(?P<when>\d{{6}}_\d{{6}})_(?P<counter>\d{{3}})_(?P<view>[BFRC])(?:H|(?P<copy>L))(?:_(?P<mode>[A-Z])[A-Z]*)?"
        rf"{_VIDEO}",
        {"f": "front", "r": "rear", "b": "interior", "c": "interior"},
        {"p": "event", "e": "event", "g": "event", "r": "event"},
    ),
    _scheme(
        "70mai",
        rf"(?P<mode>NO|EV|VL|LA|PA)(?P<when>\d{{8}}-\d{{6}})(?:-(?P<counter>\d{{1,9}}))?(?P<view>[FBIRC])?(?:-\d{{14}})?"
        rf"(?P<view2>[FBIRC])?{_VIDEO}",
        modes=_70MAI,
    ),
    _scheme("mivue", rf"FILE(?P<when>\d{{6}}-\d{{6}})(?P<view>[FR])?{_VIDEO}"),
    _scheme("gopro", r"G[HXP](?P<chapter>\d\d)(?P<counter>\d{4})\.(?:mp4|360)"),
    _scheme("gopro", r"G[HX][A-Z]{2}(?P<counter>\d{4})\.(?:mp4|360)"),
    _scheme("gopro", r"GOPR(?P<counter>\d{4})\.(?:mp4|360)"),
    _scheme("gopro", r"(?P<copy>GL)(?:(?P<chapter>\d\d)|[A-Z]{2})(?P<counter>\d{4})\.(?:mp4|lrv)"),
    _scheme(
        "wolfbox",
        rf"(?P<when>\d{{4}}_\d\d_\d\d_\d{{6}})_(?P<mode>\d\d)_(?P<view>[FIR]){_VIDEO}",
        modes={"00": "normal", "02": "event"},
    ),
    _scheme("e-ace", rf"(?P<when>\d{{8}}_\d{{6}})(?P<view>[FR])?{_VIDEO}"),
    _scheme("ford", r"(?P<when>\d{4}-\d\d-\d\d_\d\d_\d\d_\d\d)_(?P<view>[a-z])\.ts"),
    _scheme(
        "dated",
        rf"(?:(?P<view2>{'|'.join(_NAMED)})[-_. ])?(?:.*\D)?"
        rf"(?P<when>20\d\d[-_. ]?\d\d[-_. ]?\d\d[-_. T]{{0,2}}\d\d[-_.h ]?\d\d[-_.m ]?\d\d)"
        rf"(?:(?:[-_. ]?|\D.*_)(?P<view>{'|'.join(sorted(_WORDS, key=len, reverse=True))})|\D.*)?{_VIDEO}",
        _WORDS,
    ),
)
"""In the order in which they are tried."""


def name_of(path: PurePath) -> ClipName | None:
    """Return what a file's name, and the folders above it, say; ``None`` where no scheme knows it.

    Args:
        path: of the file, from the folder that is the card: what lies above it means nothing.
    """
    return next((name for scheme in SCHEMES if (name := scheme.read(path)) is not None), None)


def _stamp(text: str) -> datetime | None:
    digits = re.sub(r"\D", "", text)
    try:
        stamp = datetime.strptime(digits, "%Y%m%d%H%M%S" if len(digits) == 14 else "%y%m%d%H%M%S")
    except ValueError:
        return None
    return stamp if stamp.year in POSSIBLE_YEARS else None
