"""What is known of a collected picture: why it was kept, what a model proposes to mark on it, what it looks like.

Stands in a JSON file beside the picture. Anybody may have written that, so reading it checks every value and has a
bound on each list and text.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError
from streamvision.core.reading import MIB, UnreadableError, finite, read_json, shown
from streamvision.datasets.dataset import LabelledBox
from streamvision.datasets.fingerprints import THUMBNAIL_SIZE_PX, perceptual_hash, thumbnail

VERSION = 1
ReasonKind = Literal["uncertain", "flicker", "disagreement", "unseen", "asked"]
"""Why a picture is worth labelling; see docs/collecting.md."""
REASON_KINDS: tuple[ReasonKind, ...] = get_args(ReasonKind)
BoxOrigin = Literal["model", "second model", "tracker"]
"""Who proposes a box."""
ORIGINS: tuple[BoxOrigin, ...] = get_args(BoxOrigin)

MAX_BOXES = 1000
"""Most boxes of a picture."""
MAX_REASONS = 16
MAX_OBJECT_LOOKS = 8
MAX_TEXT = 400
"""Characters of the longest text: the name of a stream or a class, an address, a reason."""
MAX_SIDE_PX = 65_535
"""Of a JPEG."""
MAX_BYTES = MIB
"""Longest JSON file of a picture."""

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Reason:
    """Why a picture was kept."""

    kind: ReasonKind
    """What was noticed."""
    value: float
    """How strongly, 0 to 1."""
    why: str
    """The same in one sentence."""


@dataclass(frozen=True)
class ProposedBox:
    """An object that somebody who labels may take over or correct."""

    class_name: str
    """What it may be."""
    score: float
    """How sure that is, 0 to 1."""
    box_xyxy_px: Corners
    """Left, top, right, bottom in pixels of the picture."""
    origin: BoxOrigin = "model"
    """Who says so."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a picture is recognised by, without a file; see :mod:`streamvision.datasets.fingerprints`."""

    hash: int
    """64-bit perceptual hash."""
    thumbnail: NDArray[np.float32]
    """(16, 16, 3) float32, mean 128 and standard deviation 64, cut to 0..255."""

    @classmethod
    def of(cls, rgb: NDArray[np.uint8]) -> Look:
        """Return the look of (height, width, 3) uint8 RGB, at least one pixel."""
        return cls(perceptual_hash(rgb), np.clip(thumbnail(rgb), 0, 255))

    def as_text(self) -> str:
        """Return it as hash in hexadecimal and thumbnail in base64."""
        levels = np.rint(self.thumbnail).astype(np.uint8)
        return f"{self.hash:016x}:{base64.b64encode(levels.tobytes()).decode('ascii')}"

    @classmethod
    def from_text(cls, text: Any) -> Look | None:
        """Return what :meth:`as_text` wrote; ``None`` for anything else."""
        if not isinstance(text, str) or not _LOOK.fullmatch(text):
            return None
        try:
            levels = base64.b64decode(text[17:], validate=True)
        except binascii.Error:
            return None
        if len(levels) != 3 * THUMBNAIL_SIZE_PX**2:
            return None
        shape = (THUMBNAIL_SIZE_PX, THUMBNAIL_SIZE_PX, 3)
        return cls(int(text[:16], 16), np.frombuffer(levels, np.uint8).reshape(shape).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Looks:
    """What a collected picture and the objects that it was kept for are recognised by."""

    picture: Look
    """Of the whole picture."""
    objects: tuple[Look, ...] = ()
    """Of the objects for whose sake it was kept, at most 8; none where it was kept as a whole."""

    def as_document(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {"picture": self.picture.as_text(), "objects": [one.as_text() for one in self.objects]}

    @classmethod
    def from_document(cls, given: Any) -> Looks | None:
        """Return what :meth:`as_document` wrote; ``None`` for anything else."""
        if not isinstance(given, dict) or (whole := Look.from_text(given.get("picture"))) is None:
            return None
        listed = given.get("objects")
        objects = map(Look.from_text, listed[:MAX_OBJECT_LOOKS] if isinstance(listed, list) else ())
        return cls(whole, tuple(one for one in objects if one is not None))


@dataclass(frozen=True)
class Proposal:
    """All that is known of a collected picture."""

    width_px: int
    """Of the picture."""
    height_px: int
    """Of the picture."""
    stream: str
    """The stream that it comes from."""
    source: str
    """The stream's source, without secrets."""
    reasons: tuple[Reason, ...]
    """Why it was kept, the strongest first."""
    hardness: float
    """How much labelling it is worth, 0 to 1."""
    boxes: tuple[ProposedBox, ...]
    """What may be marked on it."""
    captured_unix_s: float | None = None
    """When it was captured, where the clock is known."""
    pts_s: float | None = None
    """Its time in the stream."""
    frame: int | None = None
    """Its number in the stream."""
    model_name: str = ""
    """The model that ran."""
    model_sha256: str = ""
    """Digest of that model's file; empty where there is none."""
    looks: Looks | None = field(default=None, compare=False)
    """What it is recognised by, so that the like is not collected again."""

    def as_json(self) -> str:
        """Return the text of its JSON file."""
        document = {
            "version": VERSION,
            "image": {"width": self.width_px, "height": self.height_px},
            "stream": self.stream,
            "source": self.source,
            "captured_unix_s": self.captured_unix_s,
            "pts_s": self.pts_s,
            "frame": self.frame,
            "model": {"name": self.model_name, "sha256": self.model_sha256},
            "reasons": [{"kind": one.kind, "value": round(one.value, 4), "why": one.why} for one in self.reasons],
            "hardness": round(self.hardness, 4),
            "boxes": [
                {
                    "class": box.class_name,
                    "score": round(box.score, 4),
                    "box_xyxy_px": [round(side, 2) for side in box.box_xyxy_px],
                    "from": box.origin,
                }
                for box in self.boxes
            ],
            "look": self.looks.as_document() if self.looks is not None else None,
        }
        return json.dumps(document, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class MarkedObject:
    """An object that somebody has marked or confirmed."""

    class_name: str
    """What it is; a class that is new is added to those of the folder."""
    box_xyxy_px: Corners
    """Left, top, right, bottom in pixels of the picture."""


@dataclass(frozen=True)
class Waiting:
    """A picture that waits."""

    name: str
    """What it is called in the folder."""
    proposal: Proposal
    """What is known of it."""


@dataclass(frozen=True)
class Counts:
    """How many pictures there are."""

    waiting: int
    """Nobody has looked at them."""
    labelled: int
    """In the data set."""
    refused: int
    """Thrown away, as far as they are remembered."""


@dataclass(frozen=True)
class Decision:
    """What somebody has decided about a picture, and what it takes to undo that."""

    name: str
    """The picture."""
    kind: Literal["accepted", "refused"]
    """What was decided."""
    jpeg: bytes
    """The picture's file."""
    proposal_json: bytes
    """The file with what was known of it."""


def read_proposal(path: Path) -> Proposal:
    """Read the JSON file of a collected picture.

    Boxes and reasons that are none are left out; corners are kept inside the picture.

    Raises:
        UnreadableError: when it is none; the message is a clause that goes on from the file's name.
    """
    document = read_json(path, limit=MAX_BYTES)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        version = document.get("version") if isinstance(document, dict) else document
        raise UnreadableError(f"is no proposal of version {VERSION} ({shown(version)})")
    size = _part(document, "image")
    width_px, height_px = _side(size.get("width")), _side(size.get("height"))
    model = _part(document, "model")
    reasons = (_reason(one) for one in _listed(document, "reasons", MAX_REASONS))
    boxes = (_box(one, width_px, height_px) for one in _listed(document, "boxes", MAX_BOXES))
    frame = document.get("frame")
    return Proposal(
        width_px,
        height_px,
        text_of(document.get("stream")),
        text_of(document.get("source")),
        tuple(reason for reason in reasons if reason is not None),
        _share(document.get("hardness")) or 0.0,
        tuple(box for box in boxes if box is not None),
        captured_unix_s=finite(document.get("captured_unix_s")),
        pts_s=finite(document.get("pts_s")),
        frame=frame if type(frame) is int and 0 <= frame < 1 << 63 else None,
        model_name=text_of(model.get("name")),
        model_sha256=text_of(model.get("sha256")),
        looks=Looks.from_document(document.get("look")),
    )


def box_inside(corners: Sequence[Any], width_px: int, height_px: int) -> Corners | None:
    """Return left, top, right, bottom cut to a picture; ``None`` where they are no box with a part in it."""
    if len(corners) != 4:
        return None
    sides = [finite(value) for value in corners]
    left, top, right, bottom = (math.nan if side is None else side for side in sides)
    cut = (max(left, 0.0), max(top, 0.0), min(right, float(width_px)), min(bottom, float(height_px)))
    return cut if all(map(math.isfinite, (left, top, right, bottom))) and cut[0] < cut[2] and cut[1] < cut[3] else None


def class_name_of(given: str) -> str:
    """Return what a class is called in a collection.

    Raises:
        ConfigError: when that is no name.
    """
    name = text_of(given).strip()
    if not name:
        raise ConfigError(f"an object has the class {given!r:.80}, which is no name; give it one")
    return name


def labelled_box(marked: MarkedObject, names: Sequence[str], proposal: Proposal) -> LabelledBox:
    """Return a marked object of a picture, cut to it.

    Args:
        marked: the object.
        names: all classes by their ids, the object's among them.
        proposal: of the picture.

    Raises:
        ConfigError: when it has no name, or no part in the picture.
    """
    name = class_name_of(marked.class_name)
    width_px, height_px = proposal.width_px, proposal.height_px
    corners = box_inside(marked.box_xyxy_px, width_px, height_px)
    if corners is None:
        raise ConfigError(f"a box of {name} is {shown(marked.box_xyxy_px)}; draw it within {width_px}x{height_px}")
    return LabelledBox(names.index(name), corners)


def text_of(value: Any) -> str:
    """Return a text of a document on one line, in at most 400 characters; empty for what is none."""
    if not isinstance(value, str):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in value[:MAX_TEXT])


_LOOK = re.compile(rf"[0-9a-f]{{16}}:[A-Za-z0-9+/]{{{4 * THUMBNAIL_SIZE_PX**2}}}")


def _part(document: dict[Any, Any], key: str) -> dict[Any, Any]:
    given = document.get(key)
    return given if isinstance(given, dict) else {}


def _listed(document: dict[Any, Any], key: str, most: int) -> list[Any]:
    given = document.get(key)
    return given[:most] if isinstance(given, list) else []


def _side(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_SIDE_PX:
        raise UnreadableError(f"has an image of {shown(value)} pixels, where 1 to {MAX_SIDE_PX:,} are meant")
    return value


def _share(value: Any) -> float | None:
    number = finite(value)
    return min(max(number, 0.0), 1.0) if number is not None else None


def _reason(given: Any) -> Reason | None:
    if not isinstance(given, dict) or given.get("kind") not in REASON_KINDS:
        return None
    return Reason(given["kind"], _share(given.get("value")) or 0.0, text_of(given.get("why")))


def _box(given: Any, width_px: int, height_px: int) -> ProposedBox | None:
    if not isinstance(given, dict) or not isinstance(given.get("box_xyxy_px"), list):
        return None
    name, corners = text_of(given.get("class")).strip(), box_inside(given["box_xyxy_px"], width_px, height_px)
    if not name or corners is None:
        return None
    origin: BoxOrigin = next((one for one in ORIGINS if one == given.get("from")), "model")
    return ProposedBox(name, _share(given.get("score")) or 0.0, corners, origin)
