"""The first stage: an export's card as the runtime reads it back, against the source's card and what was asked for."""

from __future__ import annotations

from exporters.base import ExportOptions
from exporters.parity.findings import Stage
from streamvision.inference.model_card import CARD_KEY, ModelCard


def compare_cards(source: ModelCard, export: ModelCard, options: ExportOptions) -> Stage:
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
    if options.dynamic_batch and not export.input.dynamic_batch:
        faults.append("a free batch was asked for, but the export's card says that it is fixed")
    if options.dynamic_size and not export.input.dynamic_size:
        faults.append("a free size was asked for, but the export's card says that it is fixed")
    if source.licence != export.licence:
        faults.append(f"the export's card names the licence {export.licence!r}, the source's is {source.licence!r}")
    return Stage("card", faults=tuple(faults))


def missing_card() -> Stage:
    """Return the verdict on an artefact without a card of ours."""
    return Stage("card", faults=(f"the export carries no model card (metadata key {CARD_KEY!r})",))


def _names_fault(source: tuple[str, ...], export: tuple[str, ...]) -> str:
    if len(source) != len(export):
        return f"the export's card names {len(export)} classes, the source has {len(source)}"
    at = next(i for i, (a, b) in enumerate(zip(source, export, strict=True)) if a != b)
    return f"the export's card calls class {at} {export[at]!r}, the source {source[at]!r}"
