"""The check of exports that take whole pictures: resizing, colour and scaling on the device."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, get_args

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.parity.gate import Gate
from exporters.pictures import drawn_pictures
from exporters.targets.onnx import OnnxTarget
from streamvision.bench.device.finding import Finding, NotTriedError, Settings
from streamvision.bench.device.machine_checks import device_here
from streamvision.bench.device.model_checks import model_file
from streamvision.bench.model import bench_model
from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import Source
from streamvision.core.config.model import ModelConfig
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.registry import open_backend
from streamvision.inference.model_card import PixelFormat
from streamvision.synthetic.drive import DriveScene

_BENCH_SECONDS = 2.0
_PICTURE_PX = (1920, 1080)


class _OnDevice:
    """ONNX files that are executed where they will run."""

    def __init__(self, device: str) -> None:
        self._target, self._device = OnnxTarget(), device

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the file."""
        return self._target.export(source, options, folder)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the file on the device, with all digits."""
        return open_backend(artifact.path, backend="onnxruntime", device=self._device, precision="fp32")


def whole_pictures(settings: Settings) -> Finding:
    """Exports that take whole pictures find what the model finds, and leave the host less to do."""
    path, device = model_file(settings), device_here()
    source, target = _of_one_size(open_source(path), Path(settings.work) / f"one-size-{path.name}"), _OnDevice(device)
    gate = Gate(source, drawn_pictures(count=settings.pictures))
    figures: dict[str, Any] = {"plain": _speed(path, device, settings)}
    faults: list[str] = []
    for pixel_format in get_args(PixelFormat):
        options = ExportOptions(pixel_format=pixel_format)
        with tempfile.TemporaryDirectory(dir=settings.work) as folder:
            made = target.export(source, options, Path(folder))
            parity = gate.prove(target, made, options, scratch=Path(folder))
            known = {"mean_iou": parity.figure("result", "mean_iou")}
            figures[pixel_format] = known | _speed(made.path, device, settings)
        if not parity.passed:
            faults.append(f"{pixel_format}: {parity.sentence()}")
    if faults:
        return Finding("failed", "; ".join(faults), figures)
    times = ", ".join(f"{name} {known['preprocess_ms']} ms" for name, known in figures.items())
    return Finding(
        "passed", f"equal within the limits on {device}; the host prepares a 1080p picture in: {times}", figures
    )


def _of_one_size(source: Source, path: Path) -> Source:
    """Return the model with an input of its usual size alone, behind which whole pictures can be put."""
    if not source.card.input.dynamic_size:
        return source
    try:
        import onnx
    except ImportError as error:
        raise NotTriedError("exports are made with the package onnx: pip install onnx") from error
    model = onnx.load(source.path)
    shape = model.graph.input[0].type.tensor_type.shape.dim
    shape[2].dim_value, shape[3].dim_value = source.card.input.height_px, source.card.input.width_px
    onnx.save(model, path)
    return open_source(path)


def _speed(path: Path, device: str, settings: Settings) -> dict[str, Any]:
    scene = DriveScene(*_PICTURE_PX, 25, 1)
    config = ModelConfig(path=path, device=device)
    figures = bench_model(config, scene.picture_at(0), seconds=min(_BENCH_SECONDS, settings.seconds))
    return {name: figures.stages_ms[stage]["p50"] for name, stage in _STAGES.items()}


_STAGES = {"preprocess_ms": "preprocess", "inference_ms": "inference", "decode_nms_ms": "decode_nms"}
