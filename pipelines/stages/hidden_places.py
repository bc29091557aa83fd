"""The stage that leaves out where the camera was, near places that nobody shall learn of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.frame import Result
from streamvision.core.hidden_place import HiddenPlace


class HidePlaces(FrameStage):
    """Takes the position from frames that were taken near one of several places.

    Args:
        places: the places.
    """

    name = "hidden_places"
    waits = False

    def __init__(self, places: Sequence[HiddenPlace]) -> None:
        self._places = tuple(places)

    def process(self, result: Result) -> None:
        """Leave out the position where it is near one of them."""
        position = result.frame.position
        if position is not None and any(
            place.hides(position.latitude_deg, position.longitude_deg) for place in self._places
        ):
            result.frame = replace(result.frame, position=None)


def hidden_places(context: StageContext) -> HidePlaces | None:
    """Return the stage of one stream; ``None`` where no place is hidden."""
    places = context.config.privacy.hidden_places
    return HidePlaces(places) if places else None
