"""Core ML for iOS and macOS: an ML Program, or the pipeline that the Vision framework reads objects from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.converters import import_converter, quiet
from exporters.coreml.conversion import Conversion, to_ml_program
from exporters.coreml.interpreter import CoreMlInterpreter
from exporters.coreml.vision import check_rows, check_specification
from exporters.onnx.conversion import refuse_loops
from streamvision.checkpoints.base import Source, check_size, with_size
from streamvision.core.config.model_input import Resize
from streamvision.core.errors import ExportError
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.core_ml import SUFFIX
from streamvision.inference.model_card import OBJECT_TASKS, ModelCard

IMAGE_INPUT = "image"
"""Name of the picture input, which Vision knows."""
_CONFIDENCE_NOTE = (
    "In Vision read observation.confidence; labels[0].confidence is scaled to 1 by Vision itself, whatever the model."
)


class CoreMlTarget:
    """Makes ``.mlpackage`` folders for iOS 16 and macOS 13 or later that take one picture.

    The input is an image (RGB, 8 bits), with the scaling inside, so that Vision can feed it. Classifiers whose class
    names differ from each other give a probability by name, as Vision's classification wants it.

    Args:
        input: ``image``, or ``tensor`` for a float32 array 1x3xHxW as the source takes it.
    """

    def __init__(self, *, input: Literal["image", "tensor"] = "image") -> None:
        self._image = input == "image"

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the package; see :meth:`exporters.base.Target.export`.

        With ``options.nms`` it is the pipeline for Vision, whose parts and scores are checked before it is given out.

        Raises:
            ExportError: when the network cannot be converted, or the options ask for what Core ML does not do.
            ParityError: when the finished pipeline's scores are no probabilities.
            MissingDependencyError: when coremltools is not installed.
        """
        self._check(source, options)
        ct = import_converter("coremltools")
        card = with_size(source.card, options.size_px)
        check_size(card)
        card = card.with_input(batch=1, dynamic_batch=False, dynamic_size=False)
        network, card, conversion = self._plan(source, card, options)
        model = to_ml_program(network, (1, 3, card.input.height_px, card.input.width_px), conversion)
        if options.nms:
            from exporters.coreml.vision import vision_pipeline

            model = vision_pipeline(model, card.names, weights=Path(model.weights_dir))
        describe(model, card)
        path = folder / f"{source.path.stem}{SUFFIX}"
        with quiet():
            model.save(str(path))
        if options.nms:
            check_specification(ct.utils.load_spec(str(path)), card.names, path=path)
            noise = np.random.default_rng(0).integers(
                0, 256, (1, card.input.height_px, card.input.width_px, 3), np.uint8
            )
            check_rows(CoreMlInterpreter(path), noise)
        notes = (vision_note(card), *((_CONFIDENCE_NOTE,) if options.nms else ()))
        return UnverifiedArtifact("coreml", options.precision, path, card, notes if self._image else ())

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the saved package, executed operation by operation in torch."""
        return CoreMlInterpreter(artifact.path)

    def _plan(self, source: Source, card: ModelCard, options: ExportOptions) -> tuple[Any, ModelCard, Conversion]:
        """Return what is converted, the card of the file, and how."""
        from exporters.graph.adapters import fed_levels

        network, outputs, classes = source.module(), source.output_names, None
        if options.nms:
            from exporters.coreml.vision import RAW_CONFIDENCE, RAW_COORDINATES, VisionRows

            network, outputs = VisionRows(network, card).eval(), (RAW_CONFIDENCE, RAW_COORDINATES)
        elif self._image and card.head == "classify" and len(set(card.names)) == len(card.names):
            classes = card.names
        if self._image:
            network, card = fed_levels(network, card)
        if options.nms:
            card = card.model_copy(update={"head": "vision_objects", "box_unit": "normalized", "nms_inside": True})
        conversion = Conversion(
            input_name=IMAGE_INPUT if self._image else "pictures",
            image=self._image,
            output_names=outputs,
            precision="fp16" if options.precision == "fp16" else "fp32",
            exact_tail=card.task in OBJECT_TASKS,
            class_names=classes,
        )
        return network, card, conversion

    def _check(self, source: Source, options: ExportOptions) -> None:
        refuse_loops(source.card, "Core ML")
        if not options.nms:
            return
        from exporters.coreml.vision import HEADS

        if source.card.head not in HEADS or not self._image:
            raise ExportError(
                f"Vision reads plain objects from images; a model with the head {source.card.head!r} "
                f"{'and an image input ' if self._image else 'and a tensor input '}cannot have --nms in Core ML (the "
                f"heads {' and '.join(HEADS)} can, with an image input); leave --nms out"
            )


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
