"""Opens whatever is to be measured: an exported model on its runtime, or a checkpoint in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.checkpoints import open_source
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, DeviceError
from streamvision.core.model_location import ModelLocation
from streamvision.inference.backends.base import Backend
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model import Model
from streamvision.inference.model_card import Task

SCORE_FLOOR = 0.001
"""Lowest score that is measured: the curve of precision and recall needs the weak ones too."""
NMS_IOU = 0.7
MAX_DETECTIONS = 300
REPORTED_FLOOR = 0.01
"""Lowest score that is looked at where it is asked which ones to report."""


def open_model(
    path: ModelLocation,
    *,
    side_px: int | None = None,
    trust_checkpoint: bool = False,
    loaded: Backend | None = None,
    as_reported: bool = False,
    **settings: Any,
) -> Model:
    """Open a model for measuring: every object down to a score of 0.001, suppression at IoU 0.7, 300 a picture.

    These are the settings of ultralytics' own validation; ``as_reported`` asks for those of a run in their place.

    Args:
        path: what :func:`streamvision.inference.backends.open_backend` opens, or a ``.pt`` checkpoint of ultralytics or
            of a run of ``streamvision train``.
        side_px: longer side of the input, for models that take any size.
        trust_checkpoint: whether a checkpoint that asks for more than networks need is read all the same, which runs
            its author's code.
        loaded: the model where it is loaded already, such as a checkpoint in torch at a size of its own; closed when
            this fails.
        as_reported: whether duplicates are told as runs tell them, with one class for each box, down to a score of
            0.01.
        settings: of :class:`ModelConfig`, where the model executes and what its file does not say of it.

    Raises:
        ModelError: when the file is not a model, is not trusted, or does not take pictures of that size.
        MissingDependencyError: when the runtime that it needs is not installed.
        DeviceError: when the asked-for device or precision would not really execute it.
    """
    measured = {"requests": 1, "score": SCORE_FLOOR, "iou": NMS_IOU, "max_detections": MAX_DETECTIONS}
    if as_reported:
        measured = {"requests": 1, "score": REPORTED_FLOOR}
    config = ModelConfig(path=path, **measured, **settings)
    if loaded is None and isinstance(path, Path) and path.suffix.lower() == ".pt":
        if config.backend != "auto" or config.precision not in ("auto", "fp32"):
            raise DeviceError(
                f"{path} is a checkpoint, which torch executes in fp32; leave out --backend and --precision, "
                "or export it and evaluate the export"
            )
        loaded = _open_checkpoint(path, side_px=side_px, device=config.device, trusted=trust_checkpoint)
    return Model.open(config, backend=loaded, side_px=side_px, every_class=not as_reported)


def require_task(detector: Model, task: Task) -> None:
    """Check what a model is for.

    Raises:
        ConfigError: when it is for another task.
    """
    if detector.card.task != task:
        raise ConfigError(f"{detector.describe()} is a model for {detector.card.task}; give one for {task}")


def _open_checkpoint(path: Path, *, side_px: int | None, device: str, trusted: bool) -> Backend:
    source = open_source(path, trust_checkpoint=trusted)
    own = source.card.input
    side_px = rounded_up(side_px, own.stride_px) if side_px else None
    return source.backend(size_px=(side_px or own.width_px, side_px or own.height_px), device=device)
