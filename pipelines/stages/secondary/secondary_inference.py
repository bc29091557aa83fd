"""The side of one stream: which of its objects are worth a second look, and what is known of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.secondary.attributes import parts_of, placed
from pipelines.stages.secondary.key_frames import KeyFrames
from pipelines.stages.secondary.model_worker import Crop
from pipelines.stages.secondary.secondary_model import SecondaryModel
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.stage_output import MAX_MARKS
from streamvision.core.status import StageStatus


class SecondaryInference:
    """Adds the attributes of objects, from the lane's thread. Only those with an identity are looked at.

    Args:
        looks: the models, shared by all streams.
        names: class names of the first model, by class id.
        patient: wait for the findings on each frame, as files do.
        draw: outline the objects and skeletons that they find on objects.
        key_frames: models that look at whole frames now and then; ``None`` for none.
    """

    def __init__(
        self,
        looks: Sequence[SecondaryModel],
        *,
        names: tuple[str, ...],
        patient: bool,
        draw: bool = True,
        key_frames: KeyFrames | None = None,
    ) -> None:
        self._looks = looks
        self._draw = draw
        self._key_frames = key_frames
        self._skeletons = {look.config.name: look.skeleton for look in looks}
        self._patient = patient
        self._class_ids = [
            None if look.config.classes is None else np.array([names.index(name) for name in look.config.classes])
            for look in looks
        ]

    def apply(self, result: Result) -> Result:
        """Return the result with what is known of its objects, and of the last key frames."""
        if self._key_frames is not None:
            result = self._key_frames.apply(result)
        if not self._looks:
            return result
        found = result.detections
        attributes = np.empty(len(found), np.object_)
        if found.track_id is not None:
            for look, class_ids in zip(self._looks, self._class_ids, strict=True):
                self._attach(attributes, look, class_ids, result.frame, found)
        marks = [mark for one in attributes if one for mark in parts_of(one, self._skeletons)] if self._draw else []
        return replace(
            result, detections=replace(found, attributes=attributes), marks=(*result.marks, *marks[:MAX_MARKS])
        )

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how each model is doing now."""
        own = tuple(look.status() for look in self._looks)
        return own if self._key_frames is None else (*own, *self._key_frames.statuses())

    def _attach(
        self,
        attributes: NDArray[np.object_],
        look: SecondaryModel,
        class_ids: NDArray[Any] | None,
        frame: Frame,
        found: Detections,
    ) -> None:
        assert found.track_id is not None
        wanted = ~np.ma.getmaskarray(found.track_id)
        if class_ids is not None:
            wanted &= np.isin(found.class_id, class_ids)
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return
        keys: list[Hashable] = [
            (frame.stream_id, frame.segment, identity) for identity in found.track_id.data[rows].tolist()
        ]
        submitted = _submit(look, keys, frame, found[rows])
        if self._patient and submitted:
            look.wait(submitted)
        for row, kept in zip(rows.tolist(), look.known(keys), strict=True):
            if kept is not None and kept.finding is not None:
                left, top, right, bottom = found.box_xyxy_px[row].tolist()
                finding = placed(kept.finding, (left, top, right, bottom))
                attributes[row] = {**(attributes[row] or {}), look.config.name: finding}


def _submit(look: SecondaryModel, keys: list[Hashable], frame: Frame, found: Detections) -> list[Hashable]:
    """Hand over the objects that are new, or show better than before; return whose they are."""
    config, picture = look.config, frame.picture
    edges = crop_edges(found.box_xyxy_px, picture_px=(picture.width_px, picture.height_px), margin=config.margin)
    side_px = edges[:, 2:] - edges[:, :2]
    quality = side_px.prod(axis=1) * found.score
    seen = np.array([-1.0 if kept is None else kept.quality for kept in look.known(keys)])
    due = (side_px.min(axis=1) >= config.min_side_px) & (quality > seen * config.refresh)
    rows = np.flatnonzero(due | ((seen < 0) & (side_px.min(axis=1) >= config.min_side_px))).tolist()
    crops = []
    for row in rows:
        left, top, right, bottom = edges[row].tolist()
        x0, y0, x1, y1 = found.box_xyxy_px[row].tolist()
        part = cut(picture, left, top, right, bottom)
        crops.append(Crop(keys[row], part, float(quality[row]), left, top, (x0, y0, x1, y1)))
    look.submit(crops)
    return [keys[row] for row in rows]
