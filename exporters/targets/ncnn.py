"""NCNN for processors of small boards and phones, such as the Raspberry Pi's."""

from __future__ import annotations

from pathlib import Path

import yaml

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.onnx.conversion import refuse_loops, to_onnx, ultralytics_metadata
from streamvision.checkpoints.base import Source
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.metadata_file import METADATA_FILE
from streamvision.inference.backends.ncnn_runtime import NcnnBackend

_PARAM = "model.ncnn.param"
"""As ultralytics names it, whose tools run the folder, too."""


class NcnnTarget:
    """Makes a folder with a ``.param`` file, its ``.bin``, and a ``metadata.yaml`` that holds the card."""

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the files; see :meth:`exporters.base.Target.export`.

        Raises:
            ExportError: when the network cannot be converted.
            MissingDependencyError: when ONNX's packages or pnnx are not installed.
        """
        from exporters.ncnn.conversion import find_converter, to_ncnn

        find_converter()
        refuse_loops(source.card, "NCNN")
        model, card = to_onnx(source, options)
        card = card.with_input(batch=1, dynamic_batch=False, dynamic_size=False)
        made = folder / f"{source.path.stem}_ncnn_model"
        made.mkdir()
        to_ncnn(model, card.input, made / _PARAM, half=options.precision == "fp16", network=source.path.name)
        metadata = ultralytics_metadata(card) | card.to_metadata()
        (made / METADATA_FILE).write_text(yaml.safe_dump(metadata, allow_unicode=True), encoding="utf-8")
        notes: tuple[str, ...] = ()
        if options.precision == "fp16":
            notes = ("Only the weights are stored in float16; on Arm --precision fp16 computes in it, too.",)
        return UnverifiedArtifact("ncnn", options.precision, made, card, notes)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the model in NCNN on the CPU, which computes in float32."""
        return NcnnBackend(artifact.path / _PARAM, device="cpu")
