"""TFLite for LiteRT on Android, on small boards and in browsers, and for MediaPipe Tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.converters import import_converter
from exporters.onnx.conversion import refuse_loops
from exporters.pictures import calibration_tensors
from exporters.tflite.conversion import card_file, convert, with_buffer, with_files
from exporters.tflite.mediapipe import BUFFER, labels_file, object_detector_metadata
from exporters.tflite.quantisation import FLOAT_FIRST, FLOAT_LAST, quantise
from streamvision.checkpoints.base import Source, check_size, with_size
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.cores import network_threads
from streamvision.inference.backends.lite_rt import LiteRtBackend
from streamvision.inference.model_card import ModelCard

MEDIAPIPE_INPUT = {"resize": "stretch", "sampling": "pixel_corner"}
"""How MediaPipe feeds a detector, whatever it was trained with."""
MEDIAPIPE_ROWS = 100
"""Boxes in the output for MediaPipe, which goes through all of them."""


class TfliteTarget:
    """Makes ``.tflite`` files that take one NHWC picture and use built-in operations only.

    Boxes are fractions of the input. The card is in the zip at the end of the file.
    """

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the file; see :meth:`exporters.base.Target.export`.

        Raises:
            ExportError: when the network cannot be converted, or ``int8`` is asked for without pictures.
            MissingDependencyError: when litert-torch is not installed.
        """
        refuse_loops(source.card, "TFLite")
        card = with_size(source.card, options.size_px)
        check_size(card)
        import_converter("litert_torch")
        network, card = _network(source, card, options)
        pictures = calibration_tensors(options.calibration, card.input) if options.precision == "int8" else None
        shape = (card.input.batch, card.input.height_px, card.input.width_px, 3)
        model = convert(network, shape, dtype=card.input.dtype)
        model = quantise(model, options.precision, calibration=pictures or (), threads=network_threads(None))
        notes = _notes(options) + (pictures.notes() if pictures else ())
        files = card_file(card)
        if options.mediapipe:
            model = with_buffer(model, BUFFER, object_detector_metadata(card))
            files = labels_file(card) | files
        path = folder / f"{source.path.stem}.tflite"
        path.write_bytes(with_files(model, files))
        changes = frozenset(MEDIAPIPE_INPUT if options.mediapipe else ())
        return UnverifiedArtifact("tflite", options.precision, path, card, notes, changes)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the file in LiteRT on the CPU."""
        return LiteRtBackend(artifact.path, device="cpu")


def _network(source: Source, card: ModelCard, options: ExportOptions) -> tuple[Any, ModelCard]:
    """Return what is converted, and the card of the file."""
    from exporters.graph.adapters import boxes_in_fractions, fed_nhwc
    from exporters.graph.nms import SelectBoxes, longer_side, with_four_outputs, with_suppression

    network, card = boxes_in_fractions(source.module(), card)
    if options.mediapipe:
        select = SelectBoxes(side=longer_side(card), rows=MEDIAPIPE_ROWS)
        network, card = with_four_outputs(network, card, select)
        card = card.with_input(**MEDIAPIPE_INPUT)
    elif options.nms:
        network, card = with_suppression(network, card)
    single = card.with_input(batch=1, dynamic_batch=False)
    return fed_nhwc(network, single, uint8=options.uint8_input)


def _notes(options: ExportOptions) -> tuple[str, ...]:
    notes = []
    if options.mediapipe:
        notes.append("MediaPipe stretches pictures to the input's size, so small and thin objects may get lost.")
    if options.precision == "int8":
        notes.append(
            f"The first {FLOAT_FIRST} and the last {FLOAT_LAST} convolutions on each way through the network stay in "
            "float, as 8 bits cannot hold their values; accelerators that take integers alone cannot run it whole."
        )
    return tuple(notes)
