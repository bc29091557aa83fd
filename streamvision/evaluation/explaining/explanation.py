"""A picture, what a model says of it, and which places made it say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import ModelLocation
from streamvision.evaluation.explaining.covering import (
    CURVE_STEPS,
    F32,
    CoveredPicture,
    Curves,
    heat_curves,
    occlusion_heat,
)
from streamvision.evaluation.explaining.gradients import GradientsBlockedError, Weighing, gradient_heat
from streamvision.evaluation.explaining.subjects import U8, Description, Question, Subject, ask
from streamvision.inference.model import Model
from streamvision.inference.model_card import Task

Method = Literal["gradient", "grad-cam", "grad-cam++", "occlusion"]
HeatMethod = Literal["auto", "gradient", "grad-cam", "grad-cam++", "occlusion"]
METHOD_WORDS: dict[Method, str] = {
    "gradient": "gradients (HiResCAM)",
    "grad-cam": "gradients (Grad-CAM)",
    "grad-cam++": "gradients (Grad-CAM++)",
    "occlusion": "random occlusion (D-RISE)",
}


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """A picture, what a model says of it and which places mattered for each part of that."""

    bgr: U8
    """(H, W, 3) the picture."""
    task: Task
    """What the model does."""
    subjects: tuple[Subject, ...]
    """What it says, the most certain first."""
    heat: F32
    """(N, H, W) by subject, 0 (no matter) to 1 (what mattered most)."""
    method: Method
    """How the heat was found."""
    curves: tuple[Curves | None, ...]
    """(N,) what deletion and insertion say of the heat; ``None`` where there is no heat, or they were not asked for."""

    def place(self, index: int) -> NDArray[np.bool_] | None:
        """Return (H, W) the pixels where a subject is said to be; ``None`` for what is said of the whole picture."""
        return self.subjects[index].place(*self.bgr.shape[:2])

    def share_inside(self, index: int, mask: NDArray[np.bool_]) -> float | None:
        """Return how much of a subject's heat lies inside (H, W) a mask, 0..1; ``None`` where there is no heat."""
        total = float(self.heat[index].sum(dtype=np.float64))
        return float(self.heat[index][mask].sum(dtype=np.float64)) / total if total > 0 else None

    def _repr_png_(self) -> bytes:
        """Return it as ``streamvision explain`` draws it, for notebooks."""
        from streamvision.evaluation.explaining.drawing import draw_explanation  # which reads this module

        encoded: Any = cv2.imencode(".png", draw_explanation(self))[1]
        return bytes(encoded)

    def __repr__(self) -> str:
        said = (f", {one.name} {one.score:.2f}" for one in self.subjects)
        return f"Explanation({METHOD_WORDS[self.method]}{''.join(said)})"


def explain(
    model: Model,
    bgr: U8,
    *,
    path: ModelLocation,
    score: float,
    most: int,
    classes: Sequence[str] = (),
    method: HeatMethod = "auto",
    masks: int,
    curves: bool = True,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Explanation:
    """Ask a model about a picture and find what made it say so.

    Args:
        model: the model, opened for measuring, so that it reports weak objects too.
        bgr: (H, W, 3) the picture.
        path: the model's file or address, for messages.
        score: lowest score of an object that is explained.
        most: how many objects or regions are explained at most, the best by score or the largest.
        classes: names of the classes that are explained; by default those of the objects and regions, and the
            likeliest class of a picture.
        method: ``gradient``, ``grad-cam`` and ``grad-cam++`` need a checkpoint, ``occlusion`` works with every model
            and takes longer; ``auto`` takes ``gradient`` where it can be had.
        masks: how many occluded pictures are tried.
        curves: whether the heat is judged by deletion and insertion, which shows the model more pictures.
        on_progress: called with how many covered pictures the model has seen, and how many there are.

    Raises:
        ConfigError: when gradients are asked for and cannot be had, or the model's task cannot be explained.
        ModelError: when the model fails.
    """
    question = ask(model, bgr, config=ModelConfig(path=path), score=score, most=most, classes=classes)
    heat, used = _by_gradients(model, bgr, question, method)
    progress = _Progress(on_progress, len(question.subjects), masks=masks if heat is None else 0, curves=curves)
    shown = CoveredPicture(model, bgr, question, on_asked=progress.advance)
    if heat is None:
        heat = occlusion_heat(shown, masks=masks, size_px=(bgr.shape[1], bgr.shape[0]))
    judged = heat_curves(shown, heat) if curves else (None,) * len(question.subjects)
    return Explanation(bgr, model.card.task, question.subjects, heat, used, judged)


def _by_gradients(model: Model, bgr: U8, question: Question, method: HeatMethod) -> tuple[F32 | None, Method]:
    """Return the heat and how it was found; no heat where it has to be found by occlusion."""
    if method == "occlusion":
        return None, "occlusion"
    weighing: Weighing = "gradient" if method == "auto" else method
    try:
        if not isinstance(model.backend, TorchBackend):
            raise GradientsBlockedError("gradients need a .pt checkpoint, this is an exported model")
        if isinstance(question, Description):
            raise GradientsBlockedError("a description is most like itself, which gives no gradient")
        return gradient_heat(model.backend.network, model.card, bgr, question, weighing=weighing), weighing
    except GradientsBlockedError as error:
        if method in get_args(Weighing):
            raise ConfigError(f"{error}; use --method occlusion") from error
        return None, "occlusion"


class _Progress:
    """How many covered pictures the model has seen."""

    def __init__(self, tell: Callable[[int, int], None], subjects: int, *, masks: int, curves: bool) -> None:
        self._tell, self._done = tell, 0
        self._total = (masks if subjects else 0) + curves * subjects * 2 * (CURVE_STEPS + 1)

    def advance(self, pictures: int) -> None:
        """Count some more."""
        self._done += pictures
        self._tell(self._done, max(self._total, self._done))
