"""Opens whatever is to be measured: an exported model on its runtime, or a checkpoint in torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamvision.checkpoints import open_source
from streamvision.core.config.model import ModelConfig, Precision
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import DeviceError
from streamvision.inference.backends.base import Backend
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model import Model

SCORE_FLOOR = 0.001
"""Lowest score that is measured: the curve of precision and recall needs the weak ones too."""
NMS_IOU = 0.7
MAX_DETECTIONS = 300


@dataclass(frozen=True)
class ModelOptions:
    """How a model is opened."""

    backend: str = "auto"
    """The runtime; ``auto`` goes by the file's ending."""
    device: str = "auto"
    """Where it executes."""
    precision: Precision = "auto"
    """The arithmetic."""
    threads: int | None = None
    """CPU threads of the network; not for checkpoints."""
    side_px: int | None = None
    """Longer side of the input, for models that take any size."""
    head: str | None = None
    """Layout of the outputs, for files that do not say it."""
    names: tuple[str, ...] | None = None
    """Class names, for files that do not say them."""
    fed: Mapping[str, Any] = field(default_factory=dict)
    """How pictures are fed to it, by key of ``model.input``, for files that do not say it."""


def open_model(path: Path, options: ModelOptions | None = None) -> Model:
    """Open a model for measuring: every object down to a score of 0.001, suppression at IoU 0.7, 300 a picture.

    These are the settings of ultralytics' own validation.

    Args:
        path: what :func:`streamvision.inference.backends.open_backend` reads, or a ``.pt`` checkpoint of ultralytics or
            of a run of ``streamvision train``.
        options: how it is opened.

    Raises:
        ModelError: when the file is not a model, or does not take pictures of that size.
        MissingDependencyError: when the runtime that it needs is not installed.
        DeviceError: when the asked-for device or precision would not really execute it.
    """
    options = options or ModelOptions()
    config = ModelConfig(
        path=path,
        backend=options.backend,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
        requests=1,
        head=options.head,
        names=options.names,
        input=validate(ModelInputConfig, options.fed, origin="--input"),
        score=SCORE_FLOOR,
        iou=NMS_IOU,
        max_detections=MAX_DETECTIONS,
    )
    checkpoint: Backend | None = None
    if path.suffix.lower() == ".pt":
        if options.backend != "auto" or options.precision not in ("auto", "fp32"):
            raise DeviceError(
                f"{path} is a checkpoint, which torch executes in fp32; leave out --backend and --precision, "
                "or export it and evaluate the export"
            )
        checkpoint = _open_checkpoint(path, side_px=options.side_px, device=options.device)
    return Model.open(config, backend=checkpoint, side_px=options.side_px, every_class=True)


def _open_checkpoint(path: Path, *, side_px: int | None, device: str) -> Backend:
    source = open_source(path)
    own = source.card.input
    side_px = rounded_up(side_px, own.stride_px) if side_px else None
    return source.backend(size_px=(side_px or own.width_px, side_px or own.height_px), device=device)
