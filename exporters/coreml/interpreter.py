"""A saved Core ML package, executed in torch instead of Core ML, as a backend for the parity gate.

Apple documents its NonMaximumSuppression model in the comments of ``NonMaximumSuppression.proto`` in
https://github.com/apple/coremltools. By its method PickTop boxes below the confidence threshold are discarded; the most
confident one is kept and those that overlap it too much are discarded, again and again; with ``perClass``, only boxes
with the same best class suppress each other. Rows keep all their class confidences.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.converters import import_converter, quiet
from exporters.coreml.program import Program
from streamvision.core.errors import ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.core_ml import CONFIDENCE_THRESHOLD, CoreMlPackage
from streamvision.inference.heads.base import Candidates
from streamvision.inference.nms import suppress
from streamvision.inference.tensors import last_line


class CoreMlInterpreter(LoadedBackend):
    """What stands in the package, operation by operation: the ML Program, then the suppression where there is one.

    Half precision is rounded as the program says; see :mod:`exporters.coreml.program`.
    """

    name = "coreml-interpreter"
    runtime = "the interpreter of ML Programs"

    def __init__(self, path: Path, *, confidence_threshold: float | None = CONFIDENCE_THRESHOLD) -> None:
        """Load the package.

        Args:
            path: an ``.mlpackage`` folder.
            confidence_threshold: for packages with suppression inside; ``None`` for what the package itself says.

        Raises:
            ModelError: when it is no Core ML package, or has parts or operations that are not known, naming them.
            MissingDependencyError: when coremltools is not installed.
        """
        coremltools = import_converter("coremltools")
        try:
            with quiet():
                model = coremltools.models.MLModel(str(path), skip_model_load=True)
                spec = model.get_spec()
        except Exception as error:  # the reader raises what it likes
            raise ModelError(
                f"{path} is not a Core ML package or is damaged ({last_line(error)}); export it again"
            ) from error
        program, suppression = split_pipeline(spec, path=path)
        package = CoreMlPackage.read(spec, path=path)
        self._package = package
        self._suppression = Suppression.read(suppression) if suppression is not None else None
        self._confidence_threshold = confidence_threshold
        with quiet():
            engine = Program(program, Path(model.weights_dir), path=path)
        facts = ModelFacts(
            path=path,
            device="cpu",
            precision=package.precision,
            input=package.input,
            outputs=package.outputs,
            metadata=package.metadata,
        )
        super().__init__(facts, engine)

    @property
    def path(self) -> Path:
        """The package."""
        return self._package.path

    @property
    def suppression(self) -> Suppression | None:
        """The suppression behind the network, where there is one."""
        return self._suppression

    def before_suppression(self, tensor: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the outputs of the ML Program by its own names, as the suppression gets them."""
        return self._program_outputs(self._engine, tensor)

    def _execute(self, engine: Program, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        found = self._program_outputs(engine, tensor)
        if self._suppression is not None:
            found = self._suppression.run(
                found[self._suppression.confidence_input],
                found[self._suppression.coordinates_input],
                confidence_threshold=self._confidence_threshold,
            )
        elif self._package.probabilities is not None:
            return [found[engine.output_names[0]]]
        return [found[spec.name].astype(spec.dtype) for spec in self.outputs]

    def _program_outputs(self, engine: Program, tensor: NDArray[Any]) -> dict[str, NDArray[Any]]:
        # Core ML hands an image to the program as 1x3xHxW levels.
        given = np.moveaxis(tensor, 3, 1).astype(np.float32) if self._package.takes_image else tensor
        return engine.run({self.input.name: given})


def split_pipeline(spec: Any, *, path: Path) -> tuple[Any, Any | None]:
    """Return the ML Program of a package, and the suppression behind it where there is one.

    Raises:
        ModelError: when the package is made of other parts.
    """
    kind = spec.WhichOneof("Type")
    parts = list(spec.pipeline.models) if kind == "pipeline" else [spec]
    kinds = [part.WhichOneof("Type") for part in parts]
    if kinds == ["mlProgram"]:
        return parts[0], None
    if kinds == ["mlProgram", "nonMaximumSuppression"]:
        return parts[0], parts[1]
    raise ModelError(
        f"{path} is made of {' and '.join(str(k) for k in kinds)}; an mlProgram, or an mlProgram and a "
        "nonMaximumSuppression, can be executed here"
    )


F32 = NDArray[np.float32]
_SCALE = np.float32(4096)
"""From fractions of the input to numbers of the size of pixels, which :func:`suppress` expects; exact."""


@dataclass(frozen=True)
class Suppression:
    """What a NonMaximumSuppression model says of itself."""

    confidence_input: str
    """Name of the input (N, classes)."""
    coordinates_input: str
    """Name of the input (N, 4) centre and size."""
    confidence_output: str
    """Name of the output (kept, classes)."""
    coordinates_output: str
    """Name of the output (kept, 4)."""
    confidence_threshold: float
    """Lowest confidence of a box, of its best class."""
    iou_threshold: float
    """Overlap above which the less confident of two boxes goes."""
    per_class: bool
    """Whether only boxes with the same best class suppress each other."""
    labels: tuple[str, ...]
    """Class names."""

    @classmethod
    def read(cls, spec: Any) -> Suppression:
        """Read Core ML's protobuf message of such a model.

        Raises:
            ModelError: when it suppresses by another method.
        """
        nms = spec.nonMaximumSuppression
        if nms.WhichOneof("SuppressionMethod") != "pickTop":
            raise ModelError("the NonMaximumSuppression model suppresses by another method than PickTop")
        return cls(
            confidence_input=nms.confidenceInputFeatureName,
            coordinates_input=nms.coordinatesInputFeatureName,
            confidence_output=nms.confidenceOutputFeatureName,
            coordinates_output=nms.coordinatesOutputFeatureName,
            confidence_threshold=nms.confidenceThreshold,
            iou_threshold=nms.iouThreshold,
            per_class=nms.pickTop.perClass,
            labels=tuple(nms.stringClassLabels.vector),
        )

    def run(self, confidence: F32, coordinates: F32, *, confidence_threshold: float | None = None) -> dict[str, F32]:
        """Return the outputs by name, the most confident box first.

        Args:
            confidence: (N, classes) confidence of each class.
            coordinates: (N, 4) centre x, centre y, width, height.
            confidence_threshold: instead of the model's own.
        """
        lowest = self.confidence_threshold if confidence_threshold is None else confidence_threshold
        score = confidence.max(axis=1)
        likely = np.flatnonzero(score >= lowest)
        center, half = coordinates[likely, :2], coordinates[likely, 2:] / 2
        boxes = np.concatenate([center - half, center + half], axis=1) * _SCALE
        candidates = Candidates(boxes, score[likely], confidence[likely].argmax(axis=1).astype(np.int32))
        most = max(len(likely), 1)
        rows = suppress(candidates, iou=self.iou_threshold, agnostic=not self.per_class, max_detections=most)
        kept = likely[rows]
        return {self.confidence_output: confidence[kept], self.coordinates_output: coordinates[kept]}
