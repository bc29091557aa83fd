"""Opens whatever is to be measured: an exported model on its runtime, or a checkpoint in torch."""

from __future__ import annotations

from pathlib import Path

from streamvision.checkpoints import open_source
from streamvision.checkpoints.base import rounded_up
from streamvision.core.config.model import BackendName, ModelConfig, Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import ModelCard

SCORE_FLOOR = 0.001
"""Lowest score that is measured: the curve of precision and recall needs the weak ones too."""
NMS_IOU = 0.7
MAX_DETECTIONS = 300


def open_model(
    path: Path,
    *,
    backend: BackendName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
    side_px: int | None = None,
    head: str | None = None,
    names: tuple[str, ...] | None = None,
) -> Model:
    """Open a model for measuring: every object down to a score of 0.001, suppression at IoU 0.7, 300 a picture.

    These are the settings of ultralytics' own validation.

    Args:
        path: what :func:`streamvision.inference.backends.open_backend` reads, or a ``.pt`` checkpoint of ultralytics or
            of a run of ``streamvision train``.
        backend: the runtime; ``auto`` goes by the file's ending.
        device: where it executes.
        precision: the arithmetic.
        threads: CPU threads of the network.
        side_px: longer side of the input, for models that take any size.
        head: layout of the outputs, for files that do not say it.
        names: class names, for files that do not say them.

    Raises:
        ModelError: when the file is not a model, or does not take pictures of that size.
        MissingDependencyError: when the runtime that it needs is not installed.
        DeviceError: when the asked-for device or precision would not really execute it.
    """
    config = ModelConfig(path=path, score=SCORE_FLOOR, iou=NMS_IOU, max_detections=MAX_DETECTIONS)
    opened: Backend
    if path.suffix.lower() == ".pt":
        if backend != "auto" or precision not in ("auto", "fp32"):
            raise DeviceError(
                f"{path} is a checkpoint, which torch executes in fp32; leave out --backend and --precision, "
                "or export it and evaluate the export"
            )
        opened = _open_checkpoint(path, side_px=side_px, device=device)
    else:
        opened = open_backend(path, backend=backend, device=device, precision=precision, threads=threads)
    try:
        card = read_card(opened, path=path, head=head, names=names)
        return Model(opened, _with_side(card, opened, path, side_px), config, every_class=True)
    except BaseException:
        opened.close()
        raise


def _open_checkpoint(path: Path, *, side_px: int | None, device: str) -> Backend:
    source = open_source(path)
    own = source.card.input
    side_px = rounded_up(side_px, own.stride_px) if side_px else None
    return source.backend(size_px=(side_px or own.width_px, side_px or own.height_px), device=device)


def _with_side(card: ModelCard, backend: Backend, path: Path, side_px: int | None) -> ModelCard:
    if side_px is None:
        return card
    side_px = rounded_up(side_px, card.input.stride_px)
    fixed = set(backend.input.shape[2:] if card.input.layout == "nchw" else backend.input.shape[1:3]) - {None}
    if fixed - {side_px}:
        raise ModelError(
            f"{path} takes pictures of {card.input.width_px}x{card.input.height_px} px only, not {side_px}x{side_px}; "
            "leave out --imgsz, or export it with that size"
        )
    size = card.input.model_copy(update={"width_px": side_px, "height_px": side_px})
    return card.model_copy(update={"input": size})
