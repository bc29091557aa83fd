"""Shows a model the parts of pictures that their plans name, and puts together what it finds there.

The parts of all pictures go through the network together: in few calls where the device gains by batches, and on a CPU
one by one, in as many threads as the model takes requests that nobody else uses at the moment.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np

from streamvision.core.crops import part_of
from streamvision.core.inference_plan import InferencePlan
from streamvision.core.picture import Picture
from streamvision.core.resampling import Window
from streamvision.inference.input_sizes import Size
from streamvision.inference.model import Model, Prediction
from streamvision.inference.score_limits import ScoreLimits
from streamvision.inference.slicing.merging import merged
from streamvision.inference.slicing.seams import whole_first
from streamvision.inference.slicing.tiles import Tiling

Spare = Callable[[], AbstractContextManager[None] | None]
"""Gives the right to one more call at the same time, for as long as what it returns is entered; ``None``: not now."""


class _Part(NamedTuple):
    """One input of the network."""

    picture: Picture
    """What it shows."""
    size: Size | None
    """The size that it is given there; ``None`` for the one that fits its aspect."""
    limits: ScoreLimits
    """Which objects of it are reported."""


def find_planned(
    model: Model,
    pictures: Sequence[Picture],
    plans: Sequence[InferencePlan],
    *,
    limits: Sequence[ScoreLimits] | None = None,
    spare: Spare | None = None,
) -> list[Prediction]:
    """Return what the network finds on each picture, as far as its plan shows it, in pixels of the whole picture.

    Args:
        model: the model.
        pictures: the pictures.
        plans: which parts of each are shown; all of them call the network.
        limits: which objects of each are reported; by default what the model's configuration says.
        spare: gives calls that may go on beside this one; ``None``: there are none.

    Raises:
        ModelError: when the runtime fails, or the model returns something else than its card says.
    """
    parts = [
        _Part(picture if window is None else part_of(picture, window), plan.size, limit)
        for picture, plan, limit in zip(pictures, plans, limits or [model.limits] * len(plans), strict=True)
        for window in plan.windows
    ]
    found = iter(_find(model, parts, spare))
    return [_together(model, picture, plan, found) for picture, plan in zip(pictures, plans, strict=True)]


def find_sliced(model: Model, pictures: Sequence[Picture], tiling: Tiling | None) -> list[Prediction]:
    """Return what a model says about each picture, which it is shown in tiles, too, where it is cut.

    Args:
        model: the model.
        pictures: the pictures.
        tiling: what cuts them; ``None`` where they are shown whole.

    Raises:
        ModelError: when the runtime fails, or the model returns something else than its card says.
    """
    if tiling is None:
        return model.find(pictures)
    plans = [tiling.plan_of(picture.width_px, picture.height_px) for picture in pictures]
    return find_planned(model, pictures, plans)


def _together(model: Model, picture: Picture, plan: InferencePlan, found: Iterator[Prediction]) -> Prediction:
    """Return what was found on one picture, taking what there is of each of its parts."""
    predictions = [_in_picture(next(found), window, picture) for window in plan.windows]
    if plan.slices is None:
        return predictions[0]
    windows = [window or Window(0, 0, picture.width_px, picture.height_px) for window in plan.windows]
    parts = [found for found, _ in predictions]
    everything = whole_first(parts, windows, picture_px=(picture.width_px, picture.height_px), agnostic=model.agnostic)
    objects = merged(everything, plan.slices, agnostic=model.agnostic, max_detections=model.max_detections)
    return Prediction(objects, None)


def _in_picture(prediction: Prediction, window: Window | None, picture: Picture) -> Prediction:
    if window is None:
        return prediction
    origin = np.array(window[:2], np.float32)
    size_px = (picture.width_px, picture.height_px)
    return Prediction(prediction.detections.shifted(origin, picture_px=size_px), prediction.image_result)


def _find(model: Model, parts: Sequence[_Part], spare: Spare | None) -> list[Prediction]:
    """Return what the model says about each part."""
    step = model.useful_batch
    if spare is None or len(parts) <= step:
        return _call(model, parts)
    return _SharedCalls(model, [parts[at : at + step] for at in range(0, len(parts), step)], spare).run()


def _call(model: Model, parts: Sequence[_Part]) -> list[Prediction]:
    pictures, sizes, limits = zip(*parts, strict=True)
    return model.find(pictures, sizes=sizes, limits=limits)


class _SharedCalls:
    """Calls that this thread makes one after another, and others beside it as long as there is room for them."""

    def __init__(self, model: Model, calls: Sequence[Sequence[_Part]], spare: Spare) -> None:
        self._model = model
        self._spare = spare
        self._left = deque(enumerate(calls))
        self._found: list[list[Prediction]] = [[] for _ in calls]
        self._errors: list[BaseException] = []

    def run(self) -> list[Prediction]:
        """Return what all calls find, in their order.

        Raises:
            ModelError: when one fails; those that are not begun are left out then.
        """
        helpers: list[threading.Thread] = []
        while self._left:
            while len(self._left) > 1 and (right := self._spare()) is not None:
                helper = threading.Thread(target=self._one, args=(right,), name="inference-tile", daemon=True)
                helpers.append(helper)
                helper.start()
            self._one(nullcontext())
        for helper in helpers:
            helper.join()  # a call that hangs is noticed by whoever watches over this one
        if self._errors:
            raise self._errors[0]
        return [prediction for found in self._found for prediction in found]

    def _one(self, right: AbstractContextManager[None]) -> None:
        with right:
            try:
                place, parts = self._left.popleft()
            except IndexError:
                return
            try:
                self._found[place] = _call(self._model, parts)
            except BaseException as error:  # sys.exit() in somebody's backend must reach the thread that asked
                self._errors.append(error)
                self._left.clear()
