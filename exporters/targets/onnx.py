"""ONNX for ONNX Runtime, OpenVINO, TensorRT, OpenCV and browsers."""

from __future__ import annotations

from pathlib import Path

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.float_layers import last_in_float, last_in_words
from exporters.onnx.conversion import save, to_onnx
from exporters.pictures import calibration_tensors, check_calibration
from streamvision.checkpoints.base import Source
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend


class OnnxTarget:
    """Makes ``.onnx`` files whose input and outputs are float32 (or uint8 pictures, where asked for)."""

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the file; see :meth:`exporters.base.Target.export`.

        Raises:
            ExportError: when the network cannot be converted, or ``int8`` is asked for without pictures.
            MissingDependencyError: when ONNX's packages are not installed.
        """
        check_calibration(options.precision, options.calibration)
        model, card = to_onnx(source, options)
        notes: tuple[str, ...] = ()
        if options.precision == "fp16":
            from exporters.onnx.half import to_half

            model = to_half(model)
            notes = (
                "Half the size; CPUs compute it in float32 and gain nothing, and what follows the last learned layer "
                "is in float32 everywhere.",
            )
        elif options.precision == "int8":
            from exporters.onnx.float_depths import find_float_depths
            from exporters.onnx.quantise import Quantiser

            pictures = calibration_tensors(options.calibration, card.input)
            quantiser = Quantiser(model, pictures, float_layers=last_in_float(card))
            found = find_float_depths(quantiser, model, card, options)
            model = quantiser.quantised(in_float=found.in_float)
            notes = (
                f"{last_in_words(card)} in float, as 8 bits cannot hold results; weights take 7 bits, so that every "
                "processor computes the same.",
                found.note(quantiser.depths),
                *pictures.notes(),
            )
        if options.pixel_format is not None:
            from exporters.graph.picture_input import with_picture_input

            model, card = with_picture_input(model, card, options.pixel_format)
        path = save(model, card, folder / f"{source.path.stem}.onnx")
        return UnverifiedArtifact("onnx", options.precision, path, card, notes)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the file in ONNX Runtime on the CPU."""
        return OnnxRuntimeBackend(artifact.path, device="cpu")
