"""A collection that is labelled on the page, by several people at once.

Whoever opens a picture holds it for :data:`HELD_S`, which others see, so that they take another one; where two decide
on the same all the same, the second is told. What is known of a picture is read again only where its files changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.labelling import (
    KeptReason,
    LabelBox,
    LabelOverview,
    OpenedPicture,
    PictureChangedError,
    PictureEntry,
    PictureState,
    UnknownPictureError,
)
from streamvision.core.redaction import short
from streamvision.datasets.collection import Collection
from streamvision.datasets.collection_records import MarkedObject, Proposal, box_inside
from streamvision.datasets.yolo_txt import read_labels

MAX_LISTED = 5000
"""Pictures in the list of all."""
MAX_HELD = 1000
"""Pictures that are held at a time."""
HELD_S = 180.0
"""How long a picture that was opened counts as somebody's."""
LEAST_PX = 1.0
"""Of a side of a box; what is smaller is refused."""
_SAME_PX = 0.01
_DIGITS = 3
"""Of a pixel: label files hold shares of the picture, which are no whole pixels when they are read."""


@dataclass(frozen=True)
class _Known:
    """What the list says of a picture, as long as its files are the same."""

    stamp: tuple[int, int]
    hardness: float
    reasons: tuple[str, ...]
    classes: tuple[str, ...]


class FolderLabelling:
    """Implements :class:`streamvision.core.labelling.Labelling` for the collection in a folder.

    Args:
        folder: a collection.

    Raises:
        ConfigError: when it is none.
    """

    def __init__(self, folder: Path) -> None:
        self._collection = Collection(folder)
        self._lock = threading.Lock()
        self._known: dict[tuple[str, PictureState], _Known] = {}
        self._held: dict[str, tuple[str, float]] = {}

    def overview(self, by: str) -> LabelOverview:
        """Return all pictures."""
        with self._lock:
            classes = self._collection.names()
            found: dict[tuple[str, PictureState], _Known] = {}
            names = self._collection.labelled_names()
            for name in names:
                self._look("labelled", name, classes, found)
            for name in sorted(set(self._collection.waiting_names()) - set(names)):
                self._look("waiting", name, classes, found)
            self._known = found
            entries = [
                (known.hardness, PictureEntry(name, state, known.reasons, known.classes, self._is_taken(name, by)))
                for (name, state), known in found.items()
            ]
        entries.sort(key=lambda one: (-one[0], one[1].name))
        folder = self._collection.folder.resolve()
        return LabelOverview(
            folder.name,
            hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:12],
            classes,
            tuple(entry for _, entry in entries[:MAX_LISTED]),
            max(0, len(entries) - MAX_LISTED),
        )

    def opened(self, name: str, by: str) -> OpenedPicture:
        """Return one picture, which others then see as taken for a while."""
        with self._lock:
            picture = self._opened(name)
            self._hold(name, by)
        return picture

    def let_go(self, by: str) -> None:
        """Let others have the picture that somebody has before them."""
        with self._lock:
            self._held = {name: held for name, held in self._held.items() if held[0] != by}
            if not self._held:
                with contextlib.suppress(StreamVisionError):  # it is tried again with the next decision
                    self._collection.write_annotations()

    def jpeg(self, name: str) -> bytes:
        """Return a picture as a JPEG file."""
        with self._lock:
            return self._collection.picture(name)

    def accept(self, name: str, boxes: Sequence[LabelBox], version: str) -> OpenedPicture:
        """Save what is on a picture; what it is already is no change."""
        with self._lock:
            proposal = self._collection.proposal(name)
            objects = [MarkedObject(box.class_name, _large_enough(box, proposal)) for box in boxes]
            try:
                self._collection.accept(name, objects, version=version)
            except PictureChangedError:
                now = self._opened(name)
                if now.state != "labelled" or not _is_same(now.boxes, objects):
                    raise
            self._held.pop(name, None)
            return self._opened(name)

    def refuse(self, name: str, version: str) -> None:
        """Throw a picture away."""
        with self._lock:
            self._collection.refuse(name, version=version)
            self._held.pop(name, None)

    def close(self) -> None:
        """Write what is written at intervals only."""
        with self._lock:
            self._collection.write_annotations()

    def put_back(self, name: str) -> OpenedPicture:
        """Let a picture wait again that was thrown away since the start."""
        with self._lock:
            if self._collection.undo(name) is None:
                raise UnknownPictureError(
                    f"{short(name)!r} cannot be had back: it was not thrown away since the start, or too much was since"
                )
            return self._opened(name)

    def _opened(self, name: str) -> OpenedPicture:
        version = self._collection.version(name)
        proposal = self._collection.proposal(name)
        names = self._collection.names()
        if version == "waiting":
            boxes = tuple(LabelBox(box.class_name, box.box_xyxy_px, box.score, box.origin) for box in proposal.boxes)
        else:
            boxes = tuple(self._labels(name, names, proposal))
        return OpenedPicture(
            name,
            "waiting" if version == "waiting" else "labelled",
            version,
            proposal.width_px,
            proposal.height_px,
            boxes,
            tuple(KeptReason(one.kind, one.value, one.why) for one in proposal.reasons),
            proposal.stream,
            proposal.source,
            proposal.model_name,
            proposal.captured_unix_s,
        )

    def _labels(self, name: str, names: Sequence[str], proposal: Proposal) -> Iterator[LabelBox]:
        path = self._collection.folder / "labels" / f"{name}.txt"
        for box in read_labels(path, names, proposal.width_px, proposal.height_px):
            corners = tuple(round(side, _DIGITS) for side in box.box_xyxy_px)
            if (cut := box_inside(corners, proposal.width_px, proposal.height_px)) is not None:
                yield LabelBox(names[box.class_id], cut)

    def _look(
        self,
        state: PictureState,
        name: str,
        names: Sequence[str],
        found: dict[tuple[str, PictureState], _Known],
    ) -> None:
        """Add what the list says of a picture; one that somebody decides on at this moment comes the next time."""
        path = self._collection.folder
        path /= f"waiting/{name}.json" if state == "waiting" else f"labels/{name}.txt"
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._known.get((name, state))
            if known is None or known.stamp != stamp:
                proposal = self._collection.proposal(name)
                if state == "waiting":
                    classes = [box.class_name for box in proposal.boxes]
                else:
                    classes = [box.class_name for box in self._labels(name, names, proposal)]
                reasons = tuple(dict.fromkeys(reason.kind for reason in proposal.reasons))
                known = _Known(stamp, proposal.hardness, reasons, tuple(dict.fromkeys(classes)))
            found[name, state] = known
        except (OSError, StreamVisionError):
            return

    def _hold(self, name: str, by: str) -> None:
        self._held = {one: held for one, held in self._held.items() if held[0] != by}
        if len(self._held) < MAX_HELD and not self._is_taken(name, by):
            self._held[name] = (by, time.monotonic())

    def _is_taken(self, name: str, by: str) -> bool:
        holder, since_s = self._held.get(name, (by, 0.0))
        return holder != by and time.monotonic() - since_s < HELD_S


def _large_enough(box: LabelBox, proposal: Proposal) -> tuple[float, float, float, float]:
    """Return the corners of a box, cut to its picture.

    Raises:
        ConfigError: when nothing that could be seen is left.
    """
    cut = box_inside(box.box_xyxy_px, proposal.width_px, proposal.height_px)
    if cut is None or min(cut[2] - cut[0], cut[3] - cut[1]) < LEAST_PX:
        raise ConfigError(
            f"a box of {short(box.class_name)} has less than {LEAST_PX:g} pixel of the picture, which is "
            f"{proposal.width_px}x{proposal.height_px}; draw it larger, or remove it"
        )
    return cut


def _is_same(boxes: Sequence[LabelBox], objects: Sequence[MarkedObject]) -> bool:
    """Whether these are the labels that somebody wants to save: an answer was lost on its way, and they ask again."""
    return len(boxes) == len(objects) and all(
        box.class_name == one.class_name
        and all(abs(a - b) < _SAME_PX for a, b in zip(box.box_xyxy_px, one.box_xyxy_px, strict=True))
        for box, one in zip(boxes, objects, strict=True)
    )
