"""The shadow run: a new model sees a share of the frames while the present one rules, and both are compared."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipelines.first_model import FirstModel
from pipelines.model_group import ModelGroup
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import ModelShadow
from streamvision.service.models.calls import Caller, GivenUpError
from streamvision.service.models.comparison import Comparison
from streamvision.service.models.examples import Examples
from streamvision.service.models.proving import asked, at_work
from streamvision.service.models.tap import FrameTap

POLL_S = 0.1
LONGEST_S = 86_400.0
"""How long it goes on where too few objects come to judge by."""


class Shadow:
    """Run by one thread; any may ask for the figures.

    Args:
        request: what is asked for.
        new: the new model.
        group: the streams of the present one.
        caller: makes the calls of the new model.
        given_up: says whether nobody waits any more.
        keeps_pictures: whether examples may be kept.
    """

    def __init__(
        self,
        request: ModelRequest,
        new: FirstModel,
        group: ModelGroup,
        *,
        caller: Caller,
        given_up: Callable[[], bool],
        keeps_pictures: bool,
    ) -> None:
        self._request = request
        self._new = new
        self._group = group
        self._caller = caller
        self._given_up = given_up
        self.comparison = Comparison(new.model.card.task, min_iou=request.min_iou)
        """What was compared so far."""
        self._tap = FrameTap(share=request.shadow_share)
        self._begin_s = time.monotonic()
        self._ended_s: float | None = None
        self.examples = Examples(allowed=keeps_pictures)
        """Pictures on which both differ most."""

    def run(self, *, accepted: Callable[[], bool]) -> None:
        """Compare until the time is over; where it takes over by itself, until enough was compared, too.

        Args:
            accepted: says whether somebody has let the new model take over, which ends it.

        Raises:
            ConfigError: when it does not agree enough to take over by itself.
            ModelError: when it fails on a picture.
            GivenUpError: when nobody waits any more.
        """
        self._group.observe(self._tap)
        try:
            while not accepted():
                if self._given_up():
                    raise GivenUpError
                if self._passed_s() >= self._request.shadow_s and self._may_end():
                    return
                self._compare_next()
        finally:
            self._ended_s = time.monotonic()
            self._group.observe(None)
            self._tap.close()

    def figures(self) -> ModelShadow:
        """Return the figures so far."""
        return ModelShadow(
            share=self._request.shadow_share,
            asked_s=self._request.shadow_s,
            for_s=round(self._passed_s(), 1),
            skipped=self._tap.skipped,
            comparison=self.comparison.figures(),
            examples=self.examples.all(),
        )

    def _passed_s(self) -> float:
        return (self._ended_s or time.monotonic()) - self._begin_s

    def _may_end(self) -> bool:
        """Say whether enough was compared, and refuse what differs too much to take over by itself."""
        request = self._request
        if request.take_over == "ask":
            return True
        objects, agreement = self.comparison.objects, self.comparison.agreement
        if agreement is None or objects < max(request.min_objects, 1):
            if self._passed_s() > LONGEST_S:
                raise ConfigError(
                    f"objects compared within {LONGEST_S / 3600:.0f} h: {objects}, and {request.min_objects} "
                    "are asked for before a model takes over by itself"
                )
            return False
        if agreement < request.min_agreement:
            raise ConfigError(
                f"the new model agrees with the present one by {agreement:.2f} on {objects} objects of live frames, "
                f"and at least {request.min_agreement:.2f} is asked for"
            )
        return True

    def _compare_next(self) -> None:
        shown = self._tap.get(POLL_S)
        if shown is None:
            return
        limits, current = at_work(self._group, self._new.model, shown.stream.settings.run.model, shown.found)
        found, seconds = asked(self._caller, self._new.model, shown.frame.picture, limits, shown.plan)
        if self._new.model.pictures_without_numbers:
            raise ConfigError(
                "the new model gave values that are no numbers on a live frame; use another precision or check the file"
            )
        compared = self.comparison.add(
            current, found, names=self._group.models.names, current_s=shown.seconds, new_s=seconds
        )
        self.examples.consider(shown, current, found, compared)
