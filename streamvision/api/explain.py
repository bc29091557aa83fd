"""``streamvision.explain("crossing.jpg", model="best.pt")``: the command ``streamvision explain``, for Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamvision.api.evaluate import opened
from streamvision.core.given_picture import is_picture, picture_of
from streamvision.core.model_location import model_location

if TYPE_CHECKING:
    from streamvision.evaluation.explaining.explanation import Explanation, HeatMethod


def explain(
    picture: Any,
    *,
    model: str | Path,
    method: HeatMethod = "auto",
    classes: Sequence[str] = (),
    score: float = 0.25,
    most: int = 5,
    masks: int = 400,
    curves: bool = True,
    trust_checkpoint: bool = False,
    **options: Any,
) -> Explanation:
    """Find what a network looked at when it said what is on a picture; a notebook shows it as a heat map.

    Args:
        picture: a file, a numpy array (BGR, uint8) or a Pillow image.
        model: a checkpoint (.pt), an exported model, or the name of one that ships.
        method: ``gradient``, ``grad-cam`` and ``grad-cam++`` need a checkpoint; ``occlusion`` works with every model.
        classes: explain these alone.
        score: lowest score of an object that is explained.
        most: objects or regions that are explained.
        masks: covered pictures tried by ``occlusion``.
        curves: judge the heat by deletion and insertion.
        trust_checkpoint: read a checkpoint that asks for more than networks need, which runs its author's code.
        options: as for :func:`streamvision.evaluate`.

    Raises:
        ConfigError: when an argument is not known or not accepted, or the model's task cannot be explained.
        StreamVisionError: when the picture or the model are refused.
    """
    from streamvision.evaluation.explaining import explain as explain_picture
    from streamvision.evaluation.predictions import read_bgr

    bgr = picture_of(picture).to_bgr() if is_picture(picture) else read_bgr(Path(picture))
    path = model_location(model)
    with opened(path, options, origin="streamvision.explain", trust_checkpoint=trust_checkpoint) as detector:
        return explain_picture(
            detector,
            bgr,
            path=path,
            score=score,
            most=most,
            classes=classes,
            method=method,
            masks=masks,
            curves=curves,
        )
