"""What a network looked at: one heat map for each object that it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.evaluation.gradient_heat import GradientsBlockedError, gradient_heat
from streamvision.evaluation.model import NMS_IOU
from streamvision.evaluation.occlusion_heat import occlusion_heat
from streamvision.inference.model import Model

HeatMethod = Literal["auto", "gradient", "occlusion"]
F32 = NDArray[np.float32]
METHOD_WORDS = {
    "gradient": "gradients through the backbone (HiResCAM)",
    "occlusion": "random occlusion (D-RISE)",
}


@dataclass(frozen=True, eq=False)
class Explanation:
    """A picture, what was found on it and where the network looked for each object."""

    bgr: NDArray[np.uint8]
    """(H, W, 3) the picture."""
    names: tuple[str, ...]
    """Class names, by class id."""
    found: Detections
    """The objects, the best score first."""
    heat: F32
    """(N, H, W) by object, 0 (no matter) to 1 (what mattered most)."""
    method: Literal["gradient", "occlusion"]
    """How the heat was found."""

    def share_inside(self, index: int) -> float | None:
        """Return how much of an object's heat lies inside its box, 0..1; ``None`` where there is no heat at all."""
        left, top, right, bottom = self.found.box_xyxy_px[index].round().astype(int).tolist()
        total = float(self.heat[index].sum())
        return float(self.heat[index, top:bottom, left:right].sum()) / total if total > 0 else None


def explain(
    detector: Model,
    bgr: NDArray[np.uint8],
    *,
    path: Path,
    score: float,
    most: int,
    method: HeatMethod = "auto",
    masks: int,
    on_progress: Callable[[int, int], None],
) -> Explanation:
    """Find objects on a picture and what made the network find them.

    Args:
        detector: the model, opened for measuring, so that it tells weak objects too.
        bgr: (H, W, 3) the picture.
        path: the model's file, for messages.
        score: lowest score of an object that is explained.
        most: how many objects are explained at most, the best by score.
        method: ``gradient`` needs a checkpoint, ``occlusion`` works with every model and takes longer; ``auto`` takes
            gradients where they can be had.
        masks: how many occluded pictures are tried.
        on_progress: called with how many of these are done, and how many there are.

    Raises:
        ConfigError: when gradients are asked for and cannot be had.
        ModelError: when the model fails.
    """
    config = ModelConfig(path=path, score=score, iou=NMS_IOU, max_detections=most)
    chooser = Model(detector.backend, detector.card, config)
    (found,) = chooser.detect([BgrPicture(bgr)])
    if method != "occlusion" and isinstance(detector.backend, TorchBackend):
        try:
            heat = gradient_heat(detector.backend.network, detector.card, bgr, found)
            return Explanation(bgr, detector.names, found, heat, "gradient")
        except GradientsBlockedError as error:
            if method == "gradient":
                raise ConfigError(f"{error}; use --method occlusion") from error
    elif method == "gradient":
        raise ConfigError("gradients need a .pt checkpoint, this is an exported model; use --method occlusion")
    heat = occlusion_heat(detector, bgr, found, masks=masks, on_progress=on_progress)
    return Explanation(bgr, detector.names, found, heat, "occlusion")
