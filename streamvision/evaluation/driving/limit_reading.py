"""The speed limit as it is seen: a detector finds the signs on the frames, a model of text reads their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from streamvision.core.crops import crop_edges, cut
from streamvision.core.errors import ConfigError
from streamvision.core.picture import Picture
from streamvision.inference.model import Model
from streamvision.synthetic.drive.signs import SPEEDS_KM_H
from streamvision.synthetic.driving import Situation

SIGN = "speedlimit"
READABLE_PX = (960, 540)
"""Frames of this size are large enough for signs to be read."""
BEFORE_THE_FIRST_M_S = 50 / 3.6
"""What holds until a sign was read: the limit in towns."""
_EVERY_STEPS = 2
_LOWEST_SCORE = 0.4
_READABLE_PX = 20.0
_LEAST_VOTES = 2
_PASSED_LOOKS = 2
"""After so many looks without it, a sign has been passed."""
_MARGIN = 0.05


class LimitOfSigns:
    """Reads signs as they are passed; it is given frames alone.

    Args:
        detector: finds objects of class ``speedlimit``.
        reader: reads a line of text.

    Raises:
        ConfigError: when the detector knows no such class.
    """

    def __init__(self, detector: Model, reader: Model) -> None:
        if SIGN not in detector.names:
            raise ConfigError(
                f"{detector.describe()} finds {', '.join(detector.names)}; give one that finds {SIGN}, like road_signs"
            )
        self._detector, self._reader = detector, reader
        self._class_id = detector.names.index(SIGN)
        self.begin()

    def begin(self) -> None:
        """Forget what was read."""
        self._limit_m_s = BEFORE_THE_FIRST_M_S
        self._votes: Counter[int] = Counter()
        self._looks_without = self._steps = 0

    def limit_m_s(self, situation: Situation, picture: Callable[[], Picture]) -> float:
        """Return the number of the last sign that was passed, in metres a second."""
        if self._steps % _EVERY_STEPS == 0:
            self.look(picture())
        self._steps += 1
        return self.read_m_s

    @property
    def read_m_s(self) -> float:
        """The number of the last sign that was passed, in metres a second."""
        return self._limit_m_s

    def look(self, picture: Picture) -> None:
        """Find and read signs on a frame, some frames after the last one."""
        (found,) = self._detector.detect([picture])
        signs = found[(found.class_id == self._class_id) & (found.score >= _LOWEST_SCORE)]
        readable = signs[signs.box_xyxy_px[:, 3] - signs.box_xyxy_px[:, 1] >= _READABLE_PX]
        if not len(readable):
            self._looks_without += 1
            if self._looks_without >= _PASSED_LOOKS:
                self._take_over()
            return
        self._looks_without = 0
        largest = int(np.argmax(readable.box_xyxy_px[:, 3] - readable.box_xyxy_px[:, 1]))
        size_px = picture.width_px, picture.height_px
        edges = crop_edges(readable.box_xyxy_px[largest : largest + 1], picture_px=size_px, margin=_MARGIN)
        (read,) = self._reader.find([cut(picture, *edges[0].tolist())])
        text = (read.image_result.text if read.image_result else None) or ""
        if text.strip().isdecimal() and int(text) in SPEEDS_KM_H:
            self._votes[int(text)] += 1

    def _take_over(self) -> None:
        if self._votes:
            speed_km_h, votes = self._votes.most_common(1)[0]
            if votes >= _LEAST_VOTES:
                self._limit_m_s = speed_km_h / 3.6
            self._votes.clear()
