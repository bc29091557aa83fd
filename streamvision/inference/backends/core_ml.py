"""Core ML packages on macOS, through coremltools, and what such a package says of itself, wherever it is executed.

Core ML decides for each operation where it runs, among the units that it may use, and does not say where; the device
that is reported is that choice. Written after coremltools' documentation
(https://apple.github.io/coremltools/source/coremltools.models.html) and Core ML's protobuf messages
(https://apple.github.io/coremltools/mlmodel/index.html); it has not been run on a Mac yet.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, MissingDependencyError, ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.model_card import CARD_KEY, ModelCard
from streamvision.inference.tensors import TensorSpec, last_line, picture_input

SUFFIX = ".mlpackage"
CONFIDENCE_THRESHOLD = 0.05
"""Given to models with suppression inside, instead of what they show to apps by default: the runtime applies its own
thresholds, and trackers have use for weak boxes."""
_DTYPES = {65552: "float16", 65568: "float32", 65600: "float64", 131104: "int32"}
"""By number of ``ArrayFeatureType.ArrayDataType``."""
_PROGRAM_FLOAT16 = 10
"""Number of half precision among the types of ML Programs (``MILSpec.DataType``)."""


@dataclass(frozen=True)
class CoreMlPackage:
    """Inputs, outputs and metadata of a model."""

    path: Path
    """The package, for messages."""
    takes_image: bool
    """Whether the input is an image (RGB, 8 bits) to Core ML, and not an array."""
    input: TensorSpec
    """The picture input; images as 1xHxWx3 uint8."""
    outputs: tuple[TensorSpec, ...]
    """The outputs that are numbers, in the model's own order; a classifier's label is left out."""
    confidence_threshold_input: str | None
    """Name of the input that sets the lowest confidence, where suppression is inside."""
    probabilities: str | None
    """Name of a classifier's dictionary of probabilities by class name."""
    class_names: tuple[str, ...]
    """A classifier's class names, in the order of its output; empty for other models."""
    precision: str
    """``fp16`` where any operation computes so, otherwise ``fp32``."""
    metadata: Mapping[str, str]
    """The user-defined key-value pairs."""

    @classmethod
    def read(cls, spec: Any, *, path: Path) -> CoreMlPackage:
        """Read the protobuf message of a model.

        Raises:
            ModelError: when it has no picture input, or is a classifier without a model card.
        """
        description = spec.description
        metadata = dict(description.metadata.userDefined)
        pictures = [f for f in description.input if f.type.WhichOneof("Type") in ("imageType", "multiArrayType")]
        input_spec = picture_input(tuple(_input(feature) for feature in pictures), path=path)
        thresholds = [f.name for f in description.input if "confidence" in f.name.lower() and f not in pictures]
        probabilities = description.predictedProbabilitiesName or None
        names = _class_names(metadata, path) if probabilities else ()
        return cls(
            path=path,
            takes_image=pictures[0].type.WhichOneof("Type") == "imageType",
            input=input_spec,
            outputs=tuple(_outputs(description.output, probabilities, len(names))),
            confidence_threshold_input=thresholds[0] if thresholds else None,
            probabilities=probabilities,
            class_names=names,
            precision="fp16" if _computes_in_half(spec) else "fp32",
            metadata=metadata,
        )

    def in_order(self, found: Mapping[str, Any]) -> list[NDArray[Any]]:
        """Return what Core ML's prediction gives by name, in the order and types of :attr:`outputs`.

        Raises:
            ModelError: when an output is missing, or a classifier leaves out a class.
        """
        try:
            return [self._array(spec, found[spec.name]) for spec in self.outputs]
        except KeyError as error:
            raise ModelError(f"{self.path} returned no {error}; export it again") from error

    def _array(self, spec: TensorSpec, value: Any) -> NDArray[Any]:
        if spec.name == self.probabilities:
            value = [[value[name] for name in self.class_names]]
        return np.asarray(value, spec.dtype)


def _input(feature: Any) -> TensorSpec:
    if feature.type.WhichOneof("Type") == "imageType":
        image = feature.type.imageType
        return TensorSpec(feature.name, (1, image.height, image.width, 3), "uint8")
    return _array_spec(feature)


def _array_spec(feature: Any) -> TensorSpec:
    array = feature.type.multiArrayType
    shape: tuple[int | None, ...] = tuple(int(size) for size in array.shape)
    if array.WhichOneof("ShapeFlexibility") == "shapeRange":
        sizes = array.shapeRange.sizeRanges
        shape = tuple(s.lowerBound if s.lowerBound == s.upperBound else None for s in sizes)
    return TensorSpec(feature.name, shape, _DTYPES.get(array.dataType, "float32"))


def _outputs(features: Sequence[Any], probabilities: str | None, classes: int) -> list[TensorSpec]:
    specs = []
    for feature in features:
        if feature.name == probabilities:
            specs.append(TensorSpec(feature.name, (1, classes), "float32"))
        elif feature.type.WhichOneof("Type") == "multiArrayType":
            specs.append(_array_spec(feature))
    return specs


def _class_names(metadata: Mapping[str, str], path: Path) -> tuple[str, ...]:
    if CARD_KEY not in metadata:
        raise ModelError(
            f"{path} gives probabilities by class name but has no model card, which says the order of its classes; "
            "export it with 'streamvision export'"
        )
    try:
        return ModelCard.model_validate_json(metadata[CARD_KEY]).names
    except ValueError as error:
        raise ModelError(f"the model card in {path} is not valid; export the model again") from error


def _computes_in_half(spec: Any) -> bool:
    kind = spec.WhichOneof("Type")
    if kind == "pipeline":
        return any(_computes_in_half(model) for model in spec.pipeline.models)
    if kind != "mlProgram":
        return False
    return any(
        output.type.tensorType.dataType == _PROGRAM_FLOAT16
        for function in spec.mlProgram.functions.values()
        for block in function.block_specializations.values()
        for operation in block.operations
        for output in operation.outputs
    )


INSTALL = "pip install coremltools pillow"
_UNITS = {
    "auto": ("ALL", "cpu+gpu+npu"),
    "all": ("ALL", "cpu+gpu+npu"),
    "cpu": ("CPU_ONLY", "cpu"),
    "gpu": ("CPU_AND_GPU", "cpu+gpu"),
    "npu": ("CPU_AND_NE", "cpu+npu"),
}
"""By device, the name in ``coremltools.ComputeUnit`` and what may then execute operations."""


class CoreMlBackend(LoadedBackend):
    """A model in Core ML. One picture a call."""

    name = "coreml"
    runtime = "Core ML"

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        requests: int | None = 1,
        dynamic_batch: bool = False,
    ) -> None:
        """Load the model; see :func:`streamvision.inference.backends.registry.open_backend`.

        ``device`` is ``auto`` for all units, ``cpu``, ``gpu`` (and CPU) or ``npu`` (the Neural Engine, and CPU); what
        else is chosen but the precision has no effect.
        """
        if platform.system() != "Darwin":
            raise DeviceError(
                f"{path} is a Core ML model, which executes on Apple devices only, not on {platform.system()}; give "
                "the .onnx file here (export compares the Core ML file with its source operation by operation)"
            )
        if device.lower() not in _UNITS:
            raise DeviceError(f"Core ML has no device {device!r}: use --device {', '.join(_UNITS)}")
        coremltools, self._image_module = _import_coremltools()
        unit, executes = _UNITS[device.lower()]
        try:
            model = coremltools.models.MLModel(str(path), compute_units=getattr(coremltools.ComputeUnit, unit))
            spec = model.get_spec()
        except Exception as error:  # protobuf, Foundation and coremltools each raise what they like
            raise ModelError(
                f"{path} is not a Core ML model or is damaged ({last_line(error)}); export it again"
            ) from error
        self._package = CoreMlPackage.read(spec, path=path)
        if precision not in ("auto", self._package.precision):
            raise DeviceError(
                f"{path} computes in {self._package.precision} and not in {precision}; export the model in "
                f"{precision}, or use --precision auto"
            )
        facts = ModelFacts(
            path=path,
            device=executes,
            precision=self._package.precision,
            input=self._package.input,
            outputs=self._package.outputs,
            metadata=self._package.metadata,
        )
        super().__init__(facts, model)

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        given: Any = self._image_module.fromarray(tensor[0]) if self._package.takes_image else tensor
        inputs = {self.input.name: given}
        if self._package.confidence_threshold_input is not None:
            inputs[self._package.confidence_threshold_input] = CONFIDENCE_THRESHOLD
        return self._package.in_order(engine.predict(inputs))


def _import_coremltools() -> tuple[Any, Any]:
    try:
        import coremltools
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(f".mlpackage models need {error.name}: {INSTALL}") from error
    return coremltools, Image
