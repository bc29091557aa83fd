"""Chooses which frames of a run are kept to be labelled, and writes them: one for all streams.

The stream's own thread notices what is cheap to notice; all that costs (a second model, describing pictures, coding and
writing them) is done here, in the thread of the stream's output, for the few frames that were held.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pipelines.outputs.collecting.kept_before import kept_before
from pipelines.outputs.collecting.second_model import SecondModel
from pipelines.outputs.collecting.windows import Candidate
from pipelines.rendering.renderer import JpegEncoder
from streamvision.collecting.appearance import EMBEDDING_SCALE, F32, LAYOUT_SCALE, SIDE_PX, Coverage, layout
from streamvision.collecting.finding import Finding, reasons, strongest
from streamvision.collecting.near_duplicates import MAX_KNOWN, KnownLooks
from streamvision.collecting.uncertainty import SAME_PLACE_IOU
from streamvision.core.boxes import overlapping
from streamvision.core.config.collect import CollectConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.crops import crop_edges, part_of
from streamvision.core.detections import class_name
from streamvision.core.errors import OutputError, StreamVisionError
from streamvision.core.files import exists, sha256_of, writing
from streamvision.core.model_location import files_of
from streamvision.core.picture import Picture
from streamvision.core.redaction import redact_outside
from streamvision.core.resampling import Window
from streamvision.core.words import counted
from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_files import is_collection
from streamvision.datasets.collection_records import (
    MAX_BOXES,
    MAX_OBJECT_LOOKS,
    Look,
    Looks,
    Proposal,
    ProposedBox,
    ReasonKind,
    box_inside,
)
from streamvision.models import find_model
from streamvision.search.embedder import Embedder

_log = logging.getLogger(__name__)

JPEG_QUALITY = 95
"""Of what is trained on."""
HARDER = 0.05
"""How much harder a frame must be to take another's place."""
FIRST_NOVELTY = 0.5
"""How new a picture is where nothing is kept yet."""
LEAST_NOVELTY = 0.3
"""A picture that is less new is none that was not seen before."""
CROP_MARGIN = 0.25


@runtime_checkable
class CollectedStream(Protocol):
    """What is asked of a stream."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def safe_source(self) -> str:
        """Where its frames come from, without secrets."""

    @property
    def config(self) -> StreamConfig:
        """What is set for it."""

    @property
    def model_config(self) -> ModelConfig:
        """The model that its frames go through now, and what counts as found."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names of its model, by class id."""


@dataclass
class Tally:
    """What was looked at and kept so far."""

    folder: Path
    """Where it is kept."""
    frames: int = 0
    """Frames that were looked at."""
    kept: int = 0
    """Frames that wait in the folder, or were labelled meanwhile."""
    near_duplicates: int = 0
    """Frames that were hard and looked like one that is known."""
    replaced: int = 0
    """Frames whose place a harder one took."""
    by_reason: Counter[str] = field(default_factory=Counter)
    """Kept frames by their first reason."""

    def describe(self) -> str:
        """Return it on one line."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.by_reason.most_common())
        return f"kept {self.kept:,} of {counted(self.frames, 'frames')}{f': {kinds}' if kinds else ''}"

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {
            "folder": str(self.folder),
            "frames": self.frames,
            "kept": self.kept,
            "near_duplicates": self.near_duplicates,
            "replaced": self.replaced,
            "by_reason": dict(self.by_reason),
        }


@dataclass(slots=True)
class _Kept:
    name: str
    hardness: float
    kind: ReasonKind


class Collector:
    """Of one run; any thread may hand over frames, one at a time is worked on.

    Args:
        config: what is kept, and where.
    """

    def __init__(self, config: CollectConfig) -> None:
        self.config = config
        """What is set."""
        self.tally = Tally(config.folder)
        """What was looked at and kept so far."""
        self.reason = ""
        """Why the second model or the embedding model is not asked any more; empty while it is."""
        self._encode = JpegEncoder(JPEG_QUALITY)
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._counting = threading.Lock()
        self._users = 0
        self._is_loaded = False
        self._collection: Collection | None = None
        self._known = KnownLooks()
        self._coverage = Coverage(scale=LAYOUT_SCALE if config.embedding_model is None else EMBEDDING_SCALE)
        self._kept: list[_Kept] = []
        self._second: SecondModel | None = None
        self._embedder: Embedder | None = None

    def check(self) -> None:
        """Find out whether the folder may be written to and the models are there, before anything slow begins.

        Raises:
            ConfigError: when the folder holds something else.
            StreamVisionError: when a model is not there.
        """
        folder = self.config.folder
        with writing(folder, instead="give another folder"):
            if folder.exists() and not is_collection(folder) and (not folder.is_dir() or any(folder.iterdir())):
                raise OutputError(f"{folder} holds something else than collected frames; give an empty or a new folder")
        for path in (self.config.second_model, self.config.embedding_model):
            if path is not None and isinstance(found := find_model(path), Path) and not exists(found):
                raise OutputError(f"there is no model {path}; give the file of a model")

    def open(self, stream: CollectedStream) -> None:
        """Begin with a stream; the folder and the models are opened with the first.

        Raises:
            StreamVisionError: when the folder cannot be written, or a model cannot be run or compared.
        """
        with self._opening:
            try:
                if not self._users:
                    self._open(stream.names)
                if (second := self._second) is not None:
                    second.check(stream.names)
            except BaseException:
                if not self._users:
                    self._close()
                raise
            self._users += 1

    def close(self, *, for_good: bool) -> None:
        """End with a stream; the models are released with the last, unless it is to come back at once."""
        with self._opening:
            self._users -= 1
            if not self._users and for_good:
                with self._lock:
                    self._close()

    def note_frame(self) -> None:
        """Count a frame that was looked at."""
        with self._counting:
            self.tally.frames += 1

    def keep(self, stream: CollectedStream, candidates: Sequence[Candidate], names: tuple[str, ...]) -> None:
        """Keep the hardest of some frames that is new and hard enough.

        Raises:
            OutputError: when it cannot be written.
        """
        with self._lock:
            if self._collection is None:
                return
            if not self._is_loaded:
                self._load(self._collection)
            judged = [self._judged(stream, one, names) for one in candidates]
            for candidate, description in sorted(judged, key=lambda one: -one[0].hardness):
                hard = candidate.hardness
                frame = candidate.result.frame
                _log.debug("%s frame %d: %.2f", frame.stream_id, frame.index, hard)
                if hard < self.config.least or not self._has_room(hard):
                    return
                looks = _looks(candidate)
                if self._known.is_near(looks):
                    self.tally.near_duplicates += 1
                    continue
                if self._write(self._collection, stream, candidate, looks, names):
                    self._known.add(looks)
                    if description is not None:
                        self._coverage.add(description)
                return

    def _open(self, names: tuple[str, ...]) -> None:
        config = self.config
        self._collection = create_collection(config.folder, names)
        if self._second is None and config.second_model is not None and "disagreement" in config.reasons:
            self._second = SecondModel(config.second_model, score=config.second_score)
        if self._embedder is None and config.embedding_model is not None and "unseen" in config.reasons:
            self._embedder = Embedder.open(config.embedding_model)

    def _load(self, collection: Collection) -> None:
        """Look at what is there, which takes its time, so that no stream waits for it to begin or to end."""
        for known in collection.looks(most=MAX_KNOWN // 3):
            self._known.add(known)
        if "unseen" in self.config.reasons:
            for picture in kept_before(collection):
                if not self._users:
                    return
                self._coverage.add(self._describe(picture))
        self._is_loaded = True

    def _close(self) -> None:
        for one in (self._second, self._embedder):
            if one is not None:
                one.close()
        self._second = self._embedder = None

    def _judged(
        self, stream: CollectedStream, candidate: Candidate, names: tuple[str, ...]
    ) -> tuple[Candidate, F32 | None]:
        """Return a frame with what a second model and its looks add, and its description."""
        findings = list(candidate.findings)
        description = None
        try:
            if self._second is not None:
                other = self._second.compare(
                    candidate.result, names=names, model=stream.model_config, stream=stream.config
                )
                findings += [other] if other is not None else []
            if "unseen" in self.config.reasons:
                description = self._describe(candidate.result.frame.picture)
                findings += self._novelty(description)
        except StreamVisionError as error:
            if not self.reason:
                self.reason = redact_outside(str(error))
                _log.warning("frames are collected without a second or an embedding model: %s", self.reason)
            self._close()
        return Candidate(candidate.result, findings), description

    def _describe(self, picture: Picture) -> F32:
        if self._embedder is not None:
            described = self._embedder.describe([picture])
            if len(described):
                return np.asarray(described[0], np.float32)
        return layout(_small(picture, SIDE_PX))

    def _novelty(self, description: F32) -> list[Finding]:
        novelty = self._coverage.novelty(description)
        if novelty is None:
            return [Finding("unseen", FIRST_NOVELTY, "nothing is kept yet that it could be like")]
        if novelty < LEAST_NOVELTY:
            return []
        return [Finding("unseen", novelty, f"it looks like nothing that was kept so far ({novelty:.2f})")]

    def _has_room(self, hard: float) -> bool:
        return len(self._kept) < self.config.most or hard > min(one.hardness for one in self._kept) + HARDER

    def _write(
        self,
        collection: Collection,
        stream: CollectedStream,
        candidate: Candidate,
        looks: Looks,
        names: tuple[str, ...],
    ) -> bool:
        """Write a frame, in the place of the easiest where there is no other; return whether it did."""
        if len(self._kept) >= self.config.most:
            easiest = min(self._kept, key=lambda one: one.hardness)
            if not collection.withdraw(easiest.name):
                easiest.hardness = 1.0  # somebody has labelled it
                return False
            self._kept.remove(easiest)
            self.tally.replaced += 1
            self.tally.kept -= 1
            self.tally.by_reason[easiest.kind] -= 1
        frame = candidate.result.frame
        model = stream.model_config
        proposal = Proposal(
            frame.picture.width_px,
            frame.picture.height_px,
            stream.id,
            stream.safe_source,
            reasons(candidate.findings),
            candidate.hardness,
            _boxes(candidate, names, least=model.score / 2),
            captured_unix_s=frame.time_unix_s,
            pts_s=frame.pts_s,
            frame=frame.index,
            model_name=Path(str(model.path)).stem,
            model_sha256=_digest(str(model.path)),
            looks=looks,
        )
        name = collection.add(self._encode(frame.picture.to_canvas()), proposal)
        kind = strongest(candidate.findings)[0].kind
        self._kept.append(_Kept(name, candidate.hardness, kind))
        self.tally.kept += 1
        self.tally.by_reason[kind] += 1
        return True


def _small(picture: Picture, side_px: int) -> Any:
    """Return a picture as (side, side, 3) uint8 RGB, every pixel counted."""
    return picture.resize_rgb_smoothly(side_px, side_px, Window(0, 0, side_px, side_px))


def _looks(candidate: Candidate) -> Looks:
    """Return what a frame and the objects that it is kept for look like."""
    picture = candidate.result.frame.picture
    boxes = [box for one in strongest(candidate.findings) for box in one.boxes][:MAX_OBJECT_LOOKS]
    objects = []
    if boxes:
        corners = np.array([box.box_xyxy_px for box in boxes], np.float32)
        edges = crop_edges(corners, picture_px=(picture.width_px, picture.height_px), margin=CROP_MARGIN)
        for left, top, right, bottom in edges.tolist():
            if right - left > 1 and bottom - top > 1:
                objects.append(Look.of(_small(part_of(picture, Window(left, top, right, bottom)), SIDE_PX)))
    return Looks(Look.of(_small(picture, SIDE_PX)), tuple(objects))


def _boxes(candidate: Candidate, names: tuple[str, ...], *, least: float) -> tuple[ProposedBox, ...]:
    """Return what is proposed to be marked: what is shown, and what the findings are about, each object once.

    Of weak boxes those that score less than ``least`` are noise as a rule, and left out.
    """
    result = candidate.result
    shown = [
        ProposedBox(class_name(class_id, names), score, (box[0], box[1], box[2], box[3]))
        for box, class_id, score in zip(
            result.detections.box_xyxy_px.tolist(),
            result.detections.class_id.tolist(),
            result.detections.score.tolist(),
            strict=True,
        )
    ]
    more = [box for one in strongest(candidate.findings) for box in one.boxes if box.score >= least]
    kept: list[ProposedBox] = []
    for box in (*shown, *more):
        inside = box_inside(box.box_xyxy_px, result.frame.picture.width_px, result.frame.picture.height_px)
        known = np.array([one.box_xyxy_px for one in kept], np.float64).reshape(-1, 4)
        if inside is None or (overlapping(np.array([inside]), known).iou >= SAME_PLACE_IOU).any():
            continue
        kept.append(ProposedBox(box.class_name, box.score, inside, box.origin))
    return tuple(kept[:MAX_BOXES])


@lru_cache(maxsize=16)
def _digest(path: str) -> str:
    """Return the digest of a model's file; empty for one on a server."""
    try:
        found = find_model(path)
        return sha256_of(files_of(found)) if isinstance(found, Path) and found.is_file() else ""
    except (OSError, StreamVisionError):
        return ""
