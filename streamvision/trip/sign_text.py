"""What a second model reads on objects: it is shown the best views of each identity, and these vote."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.stages.secondary.attributes import attributes_of
from pipelines.stages.secondary.model_worker import open_auxiliary
from streamvision.core.config.secondary import SecondaryModelConfig
from streamvision.core.crops import crop_edges, cut
from streamvision.core.files import sha256_of
from streamvision.core.picture import Picture
from streamvision.geolocation.records import TrackBoxes
from streamvision.models import model_file
from streamvision.trip.following import BestPicture
from streamvision.trip.index import TripIndex
from streamvision.trip.stills import Moment, stills

SMALLEST_PX = 16
"""What is smaller is read by nobody."""


class SignReader:
    """Reads objects, each view of them once: what was read is kept in the index. Use it in a ``with`` block.

    Args:
        model: the model's file, or ``package:NAME/FILE``: one of text, of classes, or of objects such as digits.
        index: where it is kept.

    Raises:
        StreamVisionError: when the model is not there, or cannot be run.
    """

    def __init__(self, model: str, index: TripIndex) -> None:
        self._config = SecondaryModelConfig(model=model, name="text")
        self._model = open_auxiliary(self._config, max_batch=1)
        self._index = index
        self._mark = sha256_of([model_file(model)])[:12]

    def __enter__(self) -> SignReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._model.close()

    def read(self, tracks: Sequence[TrackBoxes]) -> list[TrackBoxes]:
        """Return the identities with what was read on them.

        Raises:
            StreamVisionError: when the model fails, or what was read cannot be kept.
        """
        views = {self._name(view): view for track in tracks for view in track.details["views"]}
        known = self._index.texts(views)
        new = {name: view for name, view in views.items() if name not in known}
        read = {self._name(view): self._text_of(picture, view) for view, picture in _decoded(new.values())}
        self._index.keep_texts(read)
        known |= read
        return [
            replace(track, text=voted(known.get(self._name(view), ("", 0.0)) for view in track.details["views"]))
            for track in tracks
        ]

    def _name(self, view: BestPicture) -> str:
        corners = ",".join(f"{at:.1f}" for at in view.box_xyxy_px)
        return f"{self._mark}:{view.key}:{view.file_frame}:{corners}"

    def _text_of(self, picture: Picture, view: BestPicture) -> tuple[str, float]:
        """Return what is read, and how sure that is; nothing where it is too small or not sure enough."""
        size_px = picture.width_px, picture.height_px
        edges = crop_edges(np.array([view.box_xyxy_px], np.float32), picture_px=size_px, margin=self._config.margin)
        left, top, right, bottom = edges[0].tolist()
        if min(right - left, bottom - top) < SMALLEST_PX:
            return "", 0.0
        (found,) = self._model.find([cut(picture, left, top, right, bottom)])
        attributes = attributes_of(
            found,
            names=self._model.names,
            origin_px=(left, top),
            box_xyxy_px=view.box_xyxy_px,
            least_score=self._config.score,
        )
        return _words(attributes or {})


def voted(read: Iterable[tuple[str, float]]) -> str | None:
    """Return the text that several views say with the most confidence together; ``None`` where none says any.

    >>> voted([("60", 0.9), ("80", 0.95), ("60", 0.8), ("", 0.0)])
    '60'
    """
    votes: Counter[str] = Counter()
    for text, score in read:
        if text:
            votes[text] += score  # type: ignore[assignment]  # a Counter adds up any numbers
    return max(votes, key=lambda text: (votes[text], text)) if votes else None


def _words(attributes: dict[str, Any]) -> tuple[str, float]:
    """Return attributes as one text: what was read, the class, or the names of the parts from left to right."""
    if parts := attributes.get("objects"):
        in_order = sorted(parts, key=lambda one: float(one["box_xyxy"][0]))
        return "".join(str(one["class_name"]) for one in in_order), min(float(one["score"]) for one in in_order)
    text = str(attributes.get("text") or attributes.get("class_name") or "").strip()
    if len(text) == 1 and not text.isascii():  # models of text take a pictogram for a letter of some alphabet
        return "", 0.0
    return text, float(attributes.get("score") or 0.0)


def _decoded(views: Iterable[BestPicture]) -> Iterable[tuple[BestPicture, Picture]]:
    """Yield views with their pictures, clip by clip; what cannot be decoded is left out."""
    by_clip: defaultdict[Path, defaultdict[Moment, list[BestPicture]]] = defaultdict(lambda: defaultdict(list))
    for view in views:
        by_clip[view.clip.clip.path][Moment(view.pts_s, view.file_frame)].append(view)
    for clip, by_moment in by_clip.items():
        for moment, picture in stills(clip, by_moment):
            for view in by_moment[moment]:
                yield view, picture
