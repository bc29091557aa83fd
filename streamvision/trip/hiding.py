"""Faces and plates made unreadable in the pictures and videos of a trip, by the same rules as in a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.stages.blur.mosaic import hide
from pipelines.stages.blur.private_regions import PrivateRegions
from pipelines.stages.blur.stage import Blur
from streamvision.core.detections import Detections
from streamvision.core.files import sha256_of
from streamvision.core.frame import Result
from streamvision.core.picture import Picture
from streamvision.models import model_file

CASCADES = "cascades"
"""What hides where no detector is given."""


class Hiding:
    """Hides what a detector finds and what the trip's own model has found.

    Args:
        regions: the detector.
        names: class names of the trip's model, by class id.
        by: what tells this detector from others: what another one has hidden is made anew.
    """

    def __init__(self, regions: PrivateRegions, names: tuple[str, ...], *, by: str) -> None:
        self._regions = regions
        self._names = names
        self.by = by
        """What tells this detector from others."""

    @classmethod
    @contextmanager
    def open(cls, model: str | None, names: tuple[str, ...]) -> Iterator[Hiding]:
        """Load a detector for the length of the block; ``None``: the cascades.

        Raises:
            StreamVisionError: when it is not there, cannot be run, or knows nothing private.
        """
        regions = PrivateRegions.open(model)
        try:
            yield cls(regions, names, by=CASCADES if model is None else sha256_of([model_file(Path(model))]))
        finally:
            regions.close()

    def picture(self, picture: Picture, found: Detections) -> Picture:
        """Return a single picture in which what is private is unreadable."""
        return hide(picture, self._regions.find(picture, found, self._names))

    def begun(self) -> Callable[[Result], Result]:
        """Return what hides in the pictures of one video, one after the other: also for a moment after it was found."""
        stage = Blur(self._regions, self._names)

        def hidden(result: Result) -> Result:
            stage.process(result)
            return result

        return hidden
