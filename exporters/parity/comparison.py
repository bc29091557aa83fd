"""All stages of one comparison: first the card as the runtime reads it back, then picture by picture at one size."""

from __future__ import annotations

from exporters.base import ExportOptions
from exporters.parity.image_results import FinalPictures, RawOutputs
from exporters.parity.inputs import InputBytes, InputTensor, Reference
from exporters.parity.model_run import Trace
from exporters.parity.objects import DecodedObjects, FinalObjects
from exporters.parity.tolerances import Tolerance
from exporters.parity.verdict import ImageComparison, ParityStage
from streamvision.core.picture import Picture
from streamvision.inference.model_card import CARD_KEY, ModelCard


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
        self._failure: ParityStage | None = None

    @property
    def image_comparisons(self) -> list[ImageComparison]:
        """The results on each picture so far."""
        return self._final.image_comparisons

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
        self._failure = ParityStage("decoded", faults=(f"the export fails on a picture: {reason}",))

    def stages(self) -> list[ParityStage]:
        """Return the verdict on every stage."""
        inputs = [self._bytes.finish(), self._tensor.finish()]
        if self._failure is not None:
            return [*inputs, self._failure]
        return [*inputs, self._decoded.finish(), self._final.finish()]


def compare_cards(source: ModelCard, export: ModelCard, options: ExportOptions) -> ParityStage:
    """Return the verdict on what the card says beyond the input, whose stages follow.

    Args:
        source: card of the source.
        export: card that was read back from the artefact.
        options: what was asked for.
    """
    faults = []
    if source.task != export.task:
        faults.append(f"the export's card says that its task is {export.task}, the source's is {source.task}")
    if source.names != export.names:
        faults.append(_names_fault(source.names, export.names))
    if source.keypoints != export.keypoints:
        faults.append("the export's card describes other keypoints than the source's")
    if options.nms and not export.nms_inside:
        faults.append("suppression inside was asked for, but the export's card says that there is none")
    if options.uint8_input and export.input.dtype != "uint8":
        faults.append(f"a uint8 input was asked for, but the export's card says {export.input.dtype}")
    if options.pixel_format != export.input.pixel_format:
        taken = "no whole pictures" if export.input.pixel_format is None else export.input.pixel_format
        faults.append(f"--pixel-format was {options.pixel_format}, but the export's card says that it takes {taken}")
    if options.dynamic_batch and not export.input.dynamic_batch:
        faults.append("a free batch was asked for, but the export's card says that it is fixed")
    if options.dynamic_size and not export.input.dynamic_size:
        faults.append("a free size was asked for, but the export's card says that it is fixed")
    if source.licence != export.licence:
        faults.append(f"the export's card names the licence {export.licence!r}, the source's is {source.licence!r}")
    return ParityStage("card", faults=tuple(faults))


def missing_card() -> ParityStage:
    """Return the verdict on an artefact without a card of ours."""
    return ParityStage("card", faults=(f"the export carries no model card (metadata key {CARD_KEY!r})",))


def _names_fault(source: tuple[str, ...], export: tuple[str, ...]) -> str:
    if len(source) != len(export):
        return f"the export's card names {len(export)} classes, the source has {len(source)}"
    at = next(i for i, (a, b) in enumerate(zip(source, export, strict=True)) if a != b)
    return f"the export's card calls class {at} {export[at]!r}, the source {source[at]!r}"
