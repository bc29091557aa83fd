"""The proof of a new model before it sees live frames: on pictures of its streams, or of a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from exporters.pictures import pictures_in
from pipelines.first_model import FirstModel
from pipelines.model_group import ModelGroup
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import ConfigError
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.model_control import ModelComparison
from streamvision.core.picture import Picture
from streamvision.inference.model import Model, Prediction
from streamvision.inference.score_limits import ScoreLimits
from streamvision.inference.slicing.planned import find_planned
from streamvision.inference.slicing.tiles import can_slice
from streamvision.service.models.calls import Caller
from streamvision.service.models.comparison import Comparison
from streamvision.service.models.tap import FrameTap

EVERY_S = 0.2
"""Shortest time between two pictures of one stream, so that they differ."""
LONGEST_S = 120.0
"""Longest wait for pictures of the streams; what has come by then must do."""
CALL_TIMEOUT_S = 60.0
"""Longest time for one call of a model in the proof; the first may prepare much."""
MOST_FILES = 100_000
"""Most files and folders below one whose pictures prove a model: more are a disk, not a set of pictures."""
AWAY_S = 60.0
"""Longest wait for the server of a model, in the proof and in the shadow run."""


class Sample(NamedTuple):
    """A picture, and what the present model says of it."""

    picture: Picture
    current: Prediction
    current_s: float
    limits: ScoreLimits
    """Which objects of the new model count."""
    plan: InferencePlan = FULL
    """In which tiles beside the whole the present one was shown it."""


class Proof:
    """Shows pictures to both models and counts up how far they agree.

    Args:
        request: what is asked for.
        new: the new model.
        group: the streams of the present one.
        caller: makes the calls of the models.
        given_up: says whether nobody waits any more.
    """

    def __init__(
        self,
        request: ModelRequest,
        new: FirstModel,
        group: ModelGroup,
        *,
        caller: Caller,
        given_up: Callable[[], bool],
    ) -> None:
        self._request = request
        self._new = new
        self._group = group
        self._caller = caller
        self._given_up = given_up
        self.comparison = Comparison(new.model.card.task, min_iou=request.min_iou)
        """What was compared so far."""
        self.notes: tuple[str, ...] = ()
        """What is worth knowing without being a fault."""

    def run(self) -> None:
        """Prove the model.

        Raises:
            ConfigError: when it does not pass, or there was nothing to prove it on.
            ModelError: when it fails on a picture.
            GivenUpError: when nobody waits any more.
        """
        samples = self._of_folder() if self._request.data is not None else self._of_streams()
        for sample in samples:
            found, seconds = asked(self._caller, self._new.model, sample.picture, sample.limits, sample.plan)
            self.comparison.add(
                sample.current, found, names=self._group.models.names, current_s=sample.current_s, new_s=seconds
            )
        self._judge()

    @property
    def objects(self) -> int:
        """How many objects of the present model were compared."""
        return self.comparison.objects

    @property
    def agreement(self) -> float | None:
        """How far both agree so far."""
        return self.comparison.agreement

    def figures(self) -> ModelComparison:
        """Return the figures so far."""
        return self.comparison.figures()

    def _judge(self) -> None:
        pictures, agreement = self.comparison.figures().pictures, self.comparison.agreement
        if not pictures:
            raise ConfigError(
                f"no picture came from its streams within {LONGEST_S:.0f} s, so the new model could not be proven; "
                "prove it on a folder, by its report, or not at all"
            )
        if count := self._new.model.pictures_without_numbers:
            raise ConfigError(
                f"the new model gave values that are no numbers on {count} of {pictures} pictures; use another "
                "precision or check the file"
            )
        if agreement is None:
            self.notes = ("Neither model found anything on these pictures, so they prove little.",)
        elif agreement < self._request.min_agreement:
            raise ConfigError(
                f"the new model agrees with the present one by {agreement:.2f} on {pictures} pictures, and at least "
                f"{self._request.min_agreement:.2f} is asked for"
            )

    def _of_streams(self) -> Iterator[Sample]:
        tap = FrameTap(share=1.0, every_s=EVERY_S)
        self._group.observe(tap)
        deadline_s = time.monotonic() + LONGEST_S
        left = self._request.pictures
        try:
            while left and time.monotonic() < deadline_s and not self._given_up():
                shown = tap.get(EVERY_S)
                if shown is not None:
                    left -= 1
                    limits, current = at_work(
                        self._group, self._new.model, shown.stream.settings.run.model, shown.found
                    )
                    yield Sample(shown.frame.picture, current, shown.seconds, limits, shown.plan)
        finally:
            self._group.observe(None)
            tap.close()

    def _of_folder(self) -> Iterator[Sample]:
        chosen = pictures_in(Path(self._request.data or ""), count=self._request.pictures, most=MOST_FILES)
        self.notes = (f"{chosen.origin}.",)
        limits = self._new.model.limits_of(self._group.models.current.config, score_floor=None)
        for one in chosen.pictures:
            picture = one.load()
            current, seconds = self._caller.call_patiently(
                lambda picture=picture: self._timed_current(picture),  # type: ignore[misc]
                timeout_s=CALL_TIMEOUT_S,
                away_s=AWAY_S,
                what="the present model",
            )
            yield Sample(picture, current, seconds, limits)

    def _timed_current(self, picture: Picture) -> tuple[Prediction, float]:
        present = self._group.models.current
        limits = present.model.limits_of(present.config, score_floor=None)
        begin_s = time.perf_counter()
        (found,) = present.find([picture], limits=[limits])
        return found, time.perf_counter() - begin_s


def at_work(group: ModelGroup, new: Model, config: ModelConfig, found: Prediction) -> tuple[ScoreLimits, Prediction]:
    """Return which objects of the new model count on a stream, and those of the present one that do.

    The present one was asked for weak objects, too, for the tracker.
    """
    lowest = group.models.first.limits_of(config, score_floor=None).lowest
    detections = found.detections
    known = detections.class_id < len(lowest)  # another model may have taken over since
    counts = known.copy()
    counts[known] = detections.score[known] >= lowest[detections.class_id[known]]
    return new.limits_of(config, score_floor=None), found._replace(detections=detections[counts])


def asked(
    caller: Caller, new: Model, picture: Picture, limits: ScoreLimits, plan: InferencePlan = FULL
) -> tuple[Prediction, float]:
    """Return what a new model says of a picture, and how many seconds it took.

    Args:
        caller: makes the call.
        new: the model.
        picture: the picture.
        limits: which objects are reported.
        plan: in which tiles beside the whole it is shown.

    Raises:
        ModelError: when it fails, does not come back in time, or its server is away for long.
        GivenUpError: when nobody waits any more.
    """

    def find() -> tuple[Prediction, float]:
        begin_s = time.perf_counter()
        (found,) = find_planned(new, [picture], [plan if can_slice(new.card) else FULL], limits=[limits])
        return found, time.perf_counter() - begin_s

    return caller.call_patiently(find, timeout_s=CALL_TIMEOUT_S, away_s=AWAY_S, what="the new model")
