"""ONNX files that TensorRT builds engines from on the device, in the precision that the types in the file say.

An engine only runs on the kind of GPU that it was built on, so ``--device tensorrt`` builds it there, once.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.float_layers import last_in_float, last_in_words
from exporters.onnx.conversion import describe, to_onnx
from exporters.pictures import calibration_tensors, check_calibration
from streamvision.checkpoints.base import Source
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.model_card import ModelCard


class TensorRtTarget:
    """Makes ``.onnx`` files whose learned layers are in float32, in float16 behind float32 inputs, or quantised."""

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the file; see :meth:`exporters.base.Target.export`.

        Raises:
            ExportError: when the network cannot be converted, or ``int8`` is asked for without pictures.
            MissingDependencyError: when ONNX's packages are not installed.
        """
        check_calibration(options.precision, options.calibration)
        model, card = to_onnx(source, options)
        notes = _notes(options, card)
        import onnx

        if options.precision == "fp16":
            from exporters.onnx.half import to_half

            model = to_half(model)
        elif options.precision == "int8":
            from exporters.tensorrt.quantise import quantise

            pictures = calibration_tensors(options.calibration, card.input)
            model = quantise(model, pictures, float_layers=last_in_float(card))
            notes += pictures.notes()
        if options.pixel_format is not None:
            from exporters.graph.picture_input import with_picture_input

            model, card = with_picture_input(model, card, options.pixel_format)
        describe(model, card)
        path = folder / f"{source.path.stem}.onnx"
        onnx.save(model, path)
        return UnverifiedArtifact("tensorrt", options.precision, path, card, notes)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the file in ONNX Runtime on the CPU, with its float16 tensors rounded as a GPU rounds them."""
        if artifact.precision == "fp32":
            return OnnxRuntimeBackend(artifact.path, device="cpu")
        import onnx

        from exporters.onnx.half import rounding_model

        with tempfile.TemporaryDirectory(prefix="streamvision-") as scratch:
            rounding = Path(scratch) / artifact.path.name
            onnx.save(rounding_model(onnx.load(artifact.path)), rounding)
            return OnnxRuntimeBackend(rounding, device="cpu")


def _notes(options: ExportOptions, card: ModelCard) -> tuple[str, ...]:
    notes = ["The first start with --device tensorrt builds engines for that device, which takes minutes."]
    if options.precision == "fp16":
        notes.append("What follows the last learned layer is in float32, as half precision steps by 0.5 px.")
    if options.precision == "int8":
        notes.append(
            f"{last_in_words(card)} in float, and so do the first and depthwise ones: 8 bits cannot hold what "
            "they tell apart."
        )
    return tuple(notes)
