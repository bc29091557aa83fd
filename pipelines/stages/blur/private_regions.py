"""Where faces and plates are on a picture: by a detector, and by what the running model has found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.stages.blur.cascades import CascadeDetector
from pipelines.stages.blur.mosaic import U8, hide
from pipelines.stages.blur.parts import F64, are_private, private_parts
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections, class_name
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import model_location
from streamvision.core.picture import Picture, YuvPicture
from streamvision.inference.model import Model
from streamvision.inference.model_card import OBJECT_TASKS

log = logging.getLogger(__name__)
SCORE = 0.2
"""A detector's lowest score: a part too many is hidden rather than one too few."""


class PrivateRegions:
    """Finds what is to be hidden. One thread may use it at a time.

    Args:
        model: a detector, already open; :meth:`close` closes it. ``None``: the cascades that OpenCV ships.

    Raises:
        ConfigError: when the detector knows nothing private.
    """

    def __init__(self, model: Model | None = None) -> None:
        if model is not None and model.card.task not in OBJECT_TASKS:
            raise ConfigError(
                f"the model for blur is one for {model.card.task}, which finds no objects: give a detector of faces, "
                "heads, plates, people or vehicles"
            )
        if model is not None and not are_private(model.names):
            known = ", ".join(model.names[:8])
            raise ConfigError(
                f"the model for blur finds {known}: give one that finds faces, heads, plates, people or vehicles"
            )
        self._model = model
        self._cascades = CascadeDetector() if model is None else None

    @classmethod
    def open(cls, model_file: str | Path | None) -> PrivateRegions:
        """Load a detector; ``None``: the cascades.

        Raises:
            StreamVisionError: when it is not there, cannot be run, or knows nothing private.
        """
        if model_file is None:
            log.warning(
                "blur: without a detector only upright faces and plates nearby are found, slowly; give one of faces, "
                "plates or people and vehicles by --blur-model"
            )
            return cls()
        model = Model.open(ModelConfig(path=model_location(model_file), score=SCORE))
        try:
            return cls(model)
        except ConfigError:
            model.close()
            raise

    def find(self, picture: Picture, found: Detections | None = None, names: Sequence[str] = ()) -> F64:
        """Return the (N, 4) private parts of a picture, in its pixels.

        Args:
            picture: as it was taken.
            found: objects that are known already.
            names: class names of these.
        """
        parts = [] if found is None else [_parts_of(found, tuple(names))]
        if self._model is not None:
            (own,) = self._model.detect([picture])
            parts.append(_parts_of(own, self._model.names))
        elif self._cascades is not None:
            parts.append(self._cascades.find(_luma(picture)))
        return np.concatenate(parts) if parts else np.zeros((0, 4))

    def hidden(self, picture: Picture) -> Picture:
        """Return a picture in which what is private is unreadable."""
        return hide(picture, self.find(picture))

    def close(self) -> None:
        """Release the detector."""
        if self._model is not None:
            self._model.close()


def _parts_of(found: Detections, names: tuple[str, ...]) -> F64:
    called = [class_name(class_id, names) for class_id in found.class_id.tolist()]
    return private_parts(called, found.box_xyxy_px.astype(np.float64))


def _luma(picture: Picture) -> U8:
    if isinstance(picture, YuvPicture):
        return picture.y
    return picture.to_canvas().y
