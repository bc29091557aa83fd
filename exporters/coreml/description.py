"""What a Core ML package says of itself to Xcode, to apps and to the runtime."""

from __future__ import annotations

from typing import Any

from streamvision.inference.model_card import ModelCard, Resize

AUTHOR = "exported by StreamVision"
CLASSES_KEY = "classes"
"""Class names joined by commas, as Apple's own object detectors have them; the card is exact."""
VISION_KEY = "streamvision.vision_crop_and_scale"
"""The ``imageCropAndScaleOption`` under which Vision feeds the model as its card says."""
VISION_OPTIONS: dict[Resize, str] = {
    "letterbox_center": "scaleFit",
    "stretch": "scaleFill",
    "crop_center": "centerCrop",
}
"""By resize rule, Vision's option; it has none for a letterbox at the top left."""
_FINDS = {
    "detect": "Finds objects",
    "segment": "Finds objects and their masks",
    "pose": "Finds objects and their keypoints",
    "obb": "Finds objects and their oriented boxes",
    "classify": "Names pictures",
    "semantic": "Names each pixel",
}


def describe(model: Any, card: ModelCard) -> None:
    """Write card, licence and descriptions into coremltools' model."""
    model.author = AUTHOR
    model.license = card.licence or "not stated"
    model.short_description = short_description(card)
    model.user_defined_metadata.update(card.to_metadata())
    model.user_defined_metadata[CLASSES_KEY] = ",".join(card.names)
    if card.input.resize in VISION_OPTIONS:
        model.user_defined_metadata[VISION_KEY] = VISION_OPTIONS[card.input.resize]
    spec = model.get_spec()
    picture = spec.description.input[0]
    form = "RGB image" if picture.type.WhichOneof("Type") == "imageType" else "float32 array 1x3xHxW"
    model.input_description[picture.name] = (
        f"{form} of {card.input.width_px}x{card.input.height_px} px, fitted by {card.input.resize}"
    )


def short_description(card: ModelCard) -> str:
    """Return one or two sentences on what the model does and how Vision is to feed it."""
    does = _FINDS.get(card.task, card.task)
    sentence = f"{does}: {len(card.names)} classes, {card.head}, made from {card.source or 'an unnamed model'}."
    option = VISION_OPTIONS.get(card.input.resize)
    return f"{sentence} In Vision: imageCropAndScaleOption = .{option}." if option else sentence


def vision_note(card: ModelCard) -> str:
    """Return what an app has to know so that Vision feeds the model as it was proven."""
    resize = card.input.resize
    if resize not in VISION_OPTIONS:
        return f"Vision has no rule like {resize}: the app must fit pictures into the input itself."
    note = f"In Vision set imageCropAndScaleOption to .{VISION_OPTIONS[resize]}, which is {resize} of the card"
    if resize == "letterbox_center":
        return (
            f"{note}; its border may be another grey than {card.input.pad_value}, which was not verified on a device."
        )
    short_px = card.input.crop_short_side_px
    if resize == "crop_center" and short_px not in (None, min(card.input.width_px, card.input.height_px)):
        return f"{note}, except that Vision does not first scale the shorter side to {short_px} px: it crops less."
    return f"{note}."
