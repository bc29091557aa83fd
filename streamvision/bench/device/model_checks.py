"""Checks of the network: on the processor, on CUDA, on TensorRT with its kept engines, and of the typed ONNX files."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from exporters.base import ExportOptions, ExportPrecision, UnverifiedArtifact
from exporters.parity.comparison import Comparison
from exporters.parity.model_run import ModelRun
from exporters.parity.tolerances import PARTNER_SHARE, WORKING_SCORE, Tolerance, tolerance_for
from exporters.parity.verdict import Parity
from exporters.pictures import GatePictures, drawn_pictures
from exporters.targets.tensorrt import TensorRtTarget
from streamvision.bench.device.finding import Finding, NotTriedError, Settings
from streamvision.bench.device.machine_checks import provider_here
from streamvision.bench.model import bench_model
from streamvision.checkpoints import open_source
from streamvision.core.config.model import ModelConfig, Precision
from streamvision.core.errors import ModelError
from streamvision.core.files import cache_folder
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.registry import open_backend
from streamvision.inference.card_reader import read_card
from streamvision.models import find_model

_BENCH_SECONDS = 4.0
_TYPED: tuple[ExportPrecision, ...] = ("fp32", "fp16", "int8")
_LISTING = "typed.json"
_SAME_FILE: dict[ExportPrecision, ExportPrecision] = {"fp32": "fp32", "fp16": "fp16", "int8": "fp16"}
"""How much a device may differ from the processor on the very same file: no more than by its rounding."""


def processor(settings: Settings) -> Finding:
    """The model finds objects on the processor, twice the same."""
    path = model_file(settings)
    with _run(_open(path, "cpu"), path) as first, _run(_open(path, "cpu"), path) as second:
        parity = _compared(first, second, settings, tolerance_for("fp32", untrained=False))
    return _finding(parity, path.name, "the processor", _speed(path, "cpu", "auto", settings))


def cuda(settings: Settings) -> Finding:
    """CUDA finds what the processor finds, digit for digit but for its rounding."""
    provider_here("cuda")
    path = model_file(settings)
    with _run(_open(path, "cpu"), path) as ours, _run(_open(path, "cuda", "fp32"), path) as theirs:
        parity = _compared(ours, theirs, settings, tolerance_for("fp32", untrained=False))
    return _finding(parity, path.name, "CUDA", _speed(path, "cuda", "auto", settings))


def tensorrt(settings: Settings) -> Finding:
    """TensorRT builds an engine in half precision, finds what the processor finds, and does not build it twice."""
    provider_here("tensorrt")
    path = model_file(settings)
    begin_s = time.monotonic()
    _open(path, "tensorrt", "fp16").close()
    built_s, engines = time.monotonic() - begin_s, _engines()
    if not engines:
        return Finding("failed", f"no engine was kept in {cache_folder('tensorrt').name} after {built_s:.0f} s")
    begin_s = time.monotonic()
    with _run(_open(path, "cpu"), path) as ours, _run(_open(path, "tensorrt", "fp16"), path) as theirs:
        reopened_s = time.monotonic() - begin_s
        parity = _compared(ours, theirs, settings, tolerance_for("fp16", untrained=False))
    figures = {"built_s": round(built_s, 1), "reopened_s": round(reopened_s, 1), "engines": len(engines)}
    if _engines() != engines:
        return Finding("failed", "an engine was built again, though nothing had changed", figures)
    return _finding(parity, path.name, "TensorRT", figures | _speed(path, "tensorrt", "fp16", settings))


def typed_files(settings: Settings) -> Finding:
    """The typed ONNX files for TensorRT are made, and find on the processor what the model finds."""
    path = model_file(settings)
    source, target, pictures = open_source(path), TensorRtTarget(), drawn_pictures(count=settings.pictures)
    calibration = _calibration(settings, pictures)
    listing: dict[str, str] = {}
    figures: dict[str, Any] = {}
    faults: list[str] = []
    for precision in _TYPED:
        folder = Path(settings.work) / f"typed-{precision}"
        folder.mkdir(exist_ok=True)
        options = ExportOptions(precision=precision, calibration=calibration)
        made = target.export(source, options, folder)
        with _run(_open(path, "cpu"), path) as ours, _run(target.open(made), made.path) as theirs:
            parity = _compared(ours, theirs, settings, tolerance_for(precision, untrained=False))
        listing[precision] = str(made.path)
        figures[precision] = _figures(parity)
        if not parity.passed:
            faults.append(f"{precision}: {parity.sentence()}")
    (Path(settings.work) / _LISTING).write_text(json.dumps(listing), encoding="utf-8")
    if faults:
        return Finding("failed", "; ".join(faults), figures)
    return Finding("passed", f"{', '.join(_TYPED)} on the processor find what {path.name} finds", figures)


def typed_files_on_cuda(settings: Settings) -> Finding:
    """The typed ONNX files find on CUDA what they find on the processor."""
    return _typed_on("cuda", ("fp32", "fp16"), settings)


def typed_files_on_tensorrt(settings: Settings) -> Finding:
    """The typed ONNX files find on TensorRT what they find on the processor."""
    return _typed_on("tensorrt", ("fp16", "int8"), settings)


def _typed_on(device: str, precisions: tuple[ExportPrecision, ...], settings: Settings) -> Finding:
    provider_here(device)
    listing = Path(settings.work) / _LISTING
    if not listing.is_file():
        raise NotTriedError("the typed ONNX files were not made; see the check of them above")
    paths: dict[str, str] = json.loads(listing.read_text(encoding="utf-8"))
    target = TensorRtTarget()
    figures: dict[str, Any] = {}
    faults: list[str] = []
    for precision in precisions:
        path = Path(paths[precision])
        with _open(path, "cpu") as opened:
            card = read_card(opened, path=path)
        of_processor = target.open(UnverifiedArtifact("tensorrt", precision, path, card, ()))
        with _run(of_processor, path) as ours, _run(_open(path, device), path) as theirs:
            parity = _compared(ours, theirs, settings, tolerance_for(_SAME_FILE[precision], untrained=False))
        figures[precision] = _figures(parity)
        if not parity.passed:
            faults.append(f"{precision}: {parity.sentence()}")
    if faults:
        return Finding("failed", "; ".join(faults), figures)
    return Finding("passed", f"{', '.join(precisions)} on {device} find what they find on the processor", figures)


def model_file(settings: Settings) -> Path:
    """Return the ONNX file of the model.

    Raises:
        ModelError: when it is none.
    """
    path = find_model(settings.model)
    if not isinstance(path, Path) or path.suffix != ".onnx":
        raise ModelError(f"{settings.model} is no ONNX file, the form that runs on processor and GPU alike; give one")
    return path


def _open(path: Path, device: str, precision: Precision = "auto") -> Any:
    return open_backend(path, backend="onnxruntime", device=device, precision=precision)


def _run(backend: Backend, path: Path) -> ModelRun:
    try:
        card = read_card(backend, path=path).with_input(dynamic_size=False)
        return ModelRun(backend, card, path=path, score=PARTNER_SHARE * WORKING_SCORE)
    except BaseException:
        backend.close()
        raise


def _compared(ours: ModelRun, theirs: ModelRun, settings: Settings, tolerance: Tolerance) -> Parity:
    pictures = drawn_pictures(count=settings.pictures)
    comparison = Comparison(
        ours.card,
        theirs.card,
        finds_objects=ours.finds_objects,
        meant=frozenset(),
        tolerance=tolerance,
        score=WORKING_SCORE,
        reference=None,
    )
    for picture in pictures.pictures:
        loaded = picture.load()
        comparison.add(picture.name, loaded, ours.trace(loaded), theirs.trace(loaded))
    if comparison.found_nothing:
        raise NotTriedError(
            "the model finds nothing in a drawn drive with signs; leave --model out, or give one for signs"
        )
    return Parity(tuple(comparison.stages()), len(pictures.pictures), pictures.origin, WORKING_SCORE)


def _figures(parity: Parity) -> dict[str, float | None]:
    names = ("mean_iou", "mean_score_difference", "unmatched_share", "objects")
    return {name: value for name in names if (value := parity.figure("result", name)) is not None}


def _finding(parity: Parity, model: str, where: str, figures: dict[str, Any]) -> Finding:
    known = _figures(parity) | figures
    if not parity.passed:
        return Finding("failed", f"{model} on {where}: {parity.sentence()}", known)
    speed = f"{figures['inference_ms']} ms a picture, {figures['fps']} pictures a second"
    return Finding("passed", f"{model} on {where}: {parity.sentence()}; {speed}", known)


def _speed(path: Path, device: str, precision: Precision, settings: Settings) -> dict[str, Any]:
    picture = drawn_pictures(count=1).pictures[0].load()
    config = ModelConfig(path=path, device=device, precision=precision)
    seconds = min(_BENCH_SECONDS, settings.seconds)
    figures = bench_model(config, picture, seconds=seconds)
    return {
        "inference_ms": figures.stages_ms["inference"]["p50"],
        "preprocess_ms": figures.stages_ms["preprocess"]["p50"],
        "latency_ms": figures.latency_ms["p50"],
        "fps": round(figures.fps, 1),
        "open_s": round(figures.open_s, 2),
        "rss_mb": round(figures.rss_mb),
    }


def _engines() -> dict[str, tuple[int, int]]:
    """Return size and time of each engine that is kept."""
    found = {}
    for folder, _, names in os.walk(cache_folder("tensorrt")):
        for name in names:
            if name.endswith((".engine", "_ctx.onnx")):
                status = (Path(folder) / name).stat()
                found[name] = (status.st_size, status.st_mtime_ns)
    return found


def _calibration(settings: Settings, pictures: GatePictures) -> Path:
    import cv2

    folder = Path(settings.work) / "calibration"
    folder.mkdir(exist_ok=True)
    for picture in pictures.pictures:
        cv2.imwrite(str(folder / f"{picture.name}.png"), picture.load().to_bgr())
    return folder
