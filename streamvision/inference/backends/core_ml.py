"""Core ML packages on macOS, through coremltools.

Core ML decides for each operation where it runs, among the units that it may use, and does not say where; the device
that is reported is that choice. Written after coremltools' documentation
(https://apple.github.io/coremltools/source/coremltools.models.html); it has not been run on a Mac yet.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, MissingDependencyError, ModelError
from streamvision.inference.backends.core_ml_package import CONFIDENCE_THRESHOLD, CoreMlPackage
from streamvision.inference.backends.loaded import LoadedBackend, ModelFacts
from streamvision.inference.backends.tensors import last_line

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

    def __init__(self, path: Path, *, device: str = "auto", precision: Precision = "auto") -> None:
        """Load the model.

        Args:
            path: an ``.mlpackage`` folder.
            device: ``auto`` for all units, ``cpu``, ``gpu`` (and CPU), or ``npu`` (the Neural Engine, and CPU).
            precision: of the file; another is refused.

        Raises:
            DeviceError: on other systems than macOS, or when device or precision would not execute the model.
            ModelError: when the package is no Core ML model, or is damaged.
            MissingDependencyError: when coremltools or Pillow is not installed.
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
