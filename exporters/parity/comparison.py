"""All stages of one comparison at one input size, fed picture by picture."""

from __future__ import annotations

from exporters.parity.findings import ImageComparison, Stage
from exporters.parity.image_results import FinalPictures, RawOutputs
from exporters.parity.inputs import InputBytes, InputTensor, Reference
from exporters.parity.model_run import Trace
from exporters.parity.objects import DecodedObjects, FinalObjects
from exporters.parity.tolerances import Tolerance
from streamvision.core.picture import Picture
from streamvision.inference.model_card import ModelCard


class Comparison:
    """Collects what source and export make of pictures.

    Args:
        source: card by which the source is fed and read.
        export: card by which the export is.
        finds_objects: whether the models find objects, in contrast to judging pictures as a whole.
        meant: fields of the input card that the target changes on purpose.
        tolerance: the limits.
        score: objects from here up count.
        reference: how the source's own library prepares pictures.
    """

    def __init__(
        self,
        source: ModelCard,
        export: ModelCard,
        *,
        finds_objects: bool,
        meant: frozenset[str],
        tolerance: Tolerance,
        score: float,
        reference: Reference | None,
    ) -> None:
        self._input_px = [(card.input.width_px, card.input.height_px) for card in (source, export)]
        self._bytes = InputBytes(source.input, export.input, reference=reference)
        self._tensor = InputTensor(source.input, export.input, meant=meant)
        self._decoded: DecodedObjects | RawOutputs
        self._final: FinalObjects | FinalPictures
        if finds_objects:
            self._decoded = DecodedObjects(source, export, tolerance, score=score)
            self._final = FinalObjects(source.names, tolerance, score=score)
        else:
            self._decoded = RawOutputs(tolerance)
            self._final = FinalPictures(source.names, tolerance)
        self._failure: Stage | None = None

    @property
    def contrasts(self) -> list[ImageComparison]:
        """The results on each picture so far."""
        return self._final.contrasts

    @property
    def found_nothing(self) -> bool:
        """Whether the source has found no object on any picture, so that nothing was compared."""
        return self._failure is None and isinstance(self._final, FinalObjects) and self._final.source_objects == 0

    def add(self, name: str, picture: Picture, source: Trace, export: Trace) -> None:
        """Compare one picture on every stage."""
        self._bytes.add(name, picture, source, export)
        self._tensor.add(name, source, export)
        if self._input_px[0] == self._input_px[1]:
            self._decoded.add(name, source, export)
        if isinstance(self._final, FinalObjects):
            width_px, height_px = self._input_px[0]
            self._final.add(name, source, export, px=min(width_px / picture.width_px, height_px / picture.height_px))
        else:
            self._final.add(name, source, export)

    def fail(self, reason: str) -> None:
        """Note that the export cannot be executed, or not be read by its card."""
        self._failure = Stage("decoded", faults=(f"the export fails on a picture: {reason}",))

    def stages(self) -> list[Stage]:
        """Return the verdict on every stage."""
        inputs = [self._bytes.finish(), self._tensor.finish()]
        if self._failure is not None:
            return [*inputs, self._failure]
        return [*inputs, self._decoded.finish(), self._final.finish()]
