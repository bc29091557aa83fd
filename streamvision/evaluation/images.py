"""How like the pictures that a network makes are to those that it should make: PSNR and SSIM, beside the plain input's.

PSNR is 10 lg(255² / mean squared difference), over all pixels and the three colours of a picture. SSIM follows Wang,
Bovik, Sheikh and Simoncelli ("Image Quality Assessment: From Error Visibility to Structural Similarity", 2004):
a Gaussian window of 1.5 pixels, 11 wide, K1 = 0.01, K2 = 0.03, the mean over the windows of all pixels, the picture
mirrored at its edges as by torchmetrics, and over the three colours. Both are the mean over the pictures. The plain
input is what the network is given, enlarged by Keys' cubic where the truth is larger. Distances as networks see them
(:mod:`.perceptual`) can be given beside; of these the smaller one is the better.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.picture import BgrPicture
from streamvision.core.words import counted
from streamvision.datasets.dataset import PairedPicture, PairedPictures
from streamvision.evaluation.colours import ColourMaps
from streamvision.evaluation.model import require_task
from streamvision.evaluation.picture_pairs import LEVELS, read_pair, resized
from streamvision.evaluation.predictions import Measurement, OnProgress, rounded
from streamvision.inference.model import Model

U8 = NDArray[np.uint8]
EQUAL_DB = 100.0
"""PSNR of pictures that are equal to the last level, which would be infinite."""
WINDOW_PX, SIGMA_PX = 11, 1.5
"""Of SSIM."""
_K1, _K2 = 0.01, 0.03
PLAIN = "plain_"
"""How the names of figures of the plain input begin."""
DISTANCES = {"lpips": "LPIPS", "feature_distance": "feature distance"}
"""What distances are called, by the names of their figures."""
Distance = Callable[[U8, U8], float]
"""Says how far one (H, W, 3) BGR picture is from another of its size."""
MAX_WORST = 24
"""Pictures of which what was made is kept, those that gained least."""
WORST_PX = 320
"""Sides of the part that is kept, where what was made differs most."""


@dataclass(frozen=True)
class PictureFigures:
    """How like one picture is to what it should be."""

    image: PairedPicture
    """The picture."""
    psnr_db: float
    """PSNR of what the network made of it."""
    ssim: float
    """SSIM of what the network made of it."""
    plain_psnr_db: float
    """PSNR of the plain input."""
    plain_ssim: float
    """SSIM of the plain input."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """By name the distances of what the network made, and of the plain input as ``plain_`` and the name."""

    @property
    def gain_db(self) -> float:
        """By how much the PSNR is above the plain input's."""
        return self.psnr_db - self.plain_psnr_db


@dataclass(frozen=True, eq=False)
class WorstPart:
    """The part of a picture in which what a network made differs most from what it should be."""

    figures: PictureFigures
    """Those of the whole picture."""
    left_px: int
    """Where the part begins, in pixels of the truth."""
    top_px: int
    """Where it begins."""
    given: U8
    """(h, w, 3) BGR what the network was given, in the truth's size."""
    made: U8
    """(h, w, 3) BGR what it made."""
    truth: U8
    """(h, w, 3) BGR what it should be."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ImageEvaluation(Measurement):
    """How good a network is that makes pictures of pictures."""

    pictures: tuple[PictureFigures, ...]
    """Figures of each picture; at least one."""
    worst: tuple[WorstPart, ...]
    """Of the pictures that gained least, at most :data:`MAX_WORST`, the worst first."""
    maps: ColourMaps | None = None
    """What was counted by the nearest colour, where that was asked for."""

    def mean(self, figure: str) -> float:
        """Return the mean of one of the figures, by its name in :class:`PictureFigures`, over the pictures."""
        return float(np.mean([_value(one, figure) for one in self.pictures]))

    @property
    def distances(self) -> tuple[str, ...]:
        """Names of the distances that were measured, those of the plain input not among them."""
        return tuple(name for name in self.pictures[0].distances if not name.startswith(PLAIN))

    @property
    def better(self) -> int:
        """On how many pictures the PSNR is above the plain input's."""
        return sum(one.psnr_db > one.plain_psnr_db for one in self.pictures)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        figures = ("psnr_db", "ssim", "plain_psnr_db", "plain_ssim", *self.pictures[0].distances)
        return {
            **{figure: rounded(self.mean(figure)) for figure in figures},
            "better_than_plain": self.better,
            **({} if self.maps is None else {"maps": self.maps.to_json()}),
            "images": len(self.pictures),
            "per_picture": [
                {"path": str(one.image.path), **{figure: rounded(_value(one, figure)) for figure in figures}}
                for one in self.pictures
            ],
            **self.about_json(()),
        }


def evaluate_images(
    detector: Model,
    pictures: PairedPictures,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    distances: Mapping[str, Distance] | None = None,
    nearest_colour: bool = False,
    on_progress: OnProgress = lambda done, total: None,
) -> ImageEvaluation:
    """Run a network over pictures and compare what it makes of them with what it should make.

    Pictures that come in another size than the truth's, as from a network of one size, are brought to that.

    Args:
        detector: the network.
        pictures: what it is given, and what it is to make.
        classes: none, as such pictures have none.
        notes: sentences to hand on.
        distances: further figures by name, such as :class:`~.perceptual.Lpips`.
        nearest_colour: whether they are maps of classes, whose pixels are counted by the nearest colour, too.
        on_progress: told of each picture.

    Raises:
        ConfigError: when the model is for another task, classes are given, a picture is too small, or has more colours
            than maps have.
        SourceError: when a picture cannot be read.
        ModelError: when the model fails.
    """
    require_task(detector, "image")
    require_no_classes(classes)
    maps = ColourMaps(read_pair(image)[1] for image in pictures.images) if nearest_colour else None
    begin_s = time.monotonic()
    found: list[PictureFigures] = []
    worst: list[WorstPart] = []
    resized_count = 0
    for image in pictures.images:
        given, truth = read_pair(image)
        if min(truth.shape[:2]) < WINDOW_PX:
            raise ConfigError(
                f"{image.target_path or image.path} is smaller than the window of SSIM, {WINDOW_PX} px; take it out"
            )
        made = made_of(detector, given)
        size_px = (truth.shape[1], truth.shape[0])
        resized_count += made.shape != truth.shape
        made, given = resized(made, size_px), resized(given, size_px)
        (psnr, like), (plain_psnr, plain_like) = (_figures(one, truth) for one in (made, given))
        further = {
            f"{which}{name}": distance(one, truth)
            for name, distance in (distances or {}).items()
            for which, one in (("", made), (PLAIN, given))
        }
        figures = PictureFigures(image, psnr, like, plain_psnr, plain_like, further)
        found.append(figures)
        if maps is not None:
            maps.add(made, truth)
        if len(worst) < MAX_WORST or figures.gain_db < worst[-1].figures.gain_db:
            worst.append(_worst_part(figures, given, made, truth))
            worst = sorted(worst, key=lambda one: one.figures.gain_db)[:MAX_WORST]
        on_progress(len(found), len(pictures.images))
    if resized_count:
        notes = (
            *notes,
            f"{counted(resized_count, 'pictures')} came in another size than the truth's, and were brought to that.",
        )
    return ImageEvaluation(
        model=detector.describe(),
        pictures=tuple(found),
        worst=tuple(worst),
        maps=maps,
        seconds=time.monotonic() - begin_s,
        notes=(*notes, *detector.card.assumed),
        problems=pictures.problems,
    )


def require_no_classes(classes: Sequence[str]) -> None:
    """Check that no classes are asked for.

    Raises:
        ConfigError: when there are some.
    """
    if classes:
        raise ConfigError("pictures that become others have no classes; leave them out")


def made_of(detector: Model, bgr: U8) -> U8:
    """Return (h, w, 3) BGR what a network makes of a picture.

    Raises:
        ModelError: when it makes none.
    """
    (found,) = detector.find([BgrPicture(bgr)])
    if found.image_result is None or found.image_result.picture is None:
        raise ModelError(f"{detector.describe()} made no picture; check its card")
    return found.image_result.picture.to_bgr()


def psnr_db(made: U8, truth: U8) -> float:
    """Return the peak signal-to-noise ratio of (H, W, 3) levels in dB, at most :data:`EQUAL_DB`."""
    mean = float(np.mean(np.square(made.astype(np.float64) - truth)))
    return min(10 * math.log10(LEVELS**2 / mean), EQUAL_DB) if mean else EQUAL_DB


def ssim(made: U8, truth: U8) -> float:
    """Return the structural similarity of (H, W, 3) levels, whose sides are at least :data:`WINDOW_PX`."""
    a, b = made.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    spread_a = _windowed(a * a) - mean_a**2
    spread_b = _windowed(b * b) - mean_b**2
    both = _windowed(a * b) - mean_a * mean_b
    c1, c2 = (_K1 * LEVELS) ** 2, (_K2 * LEVELS) ** 2
    like = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return float(np.mean(like / ((mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2))))


def _value(one: PictureFigures, figure: str) -> float:
    return one.distances[figure] if figure in one.distances else float(getattr(one, figure))


def _figures(made: U8, truth: U8) -> tuple[float, float]:
    return psnr_db(made, truth), ssim(made, truth)


def _worst_part(figures: PictureFigures, given: U8, made: U8, truth: U8) -> WorstPart:
    error = np.abs(made.astype(np.float32) - truth).sum(axis=2)
    width, height = (min(WORST_PX, side) for side in truth.shape[1::-1])
    sums = np.asarray(cv2.boxFilter(error, cv2.CV_32F, (width, height), anchor=(0, 0), normalize=False))
    inside = sums[: truth.shape[0] - height + 1, : truth.shape[1] - width + 1]
    top, left = divmod(int(inside.argmax()), inside.shape[1])
    part = np.s_[top : top + height, left : left + width]
    return WorstPart(figures, left, top, *(np.ascontiguousarray(one[part]) for one in (given, made, truth)))


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean around each pixel."""
    kernel = cv2.getGaussianKernel(WINDOW_PX, SIGMA_PX, cv2.CV_64F)
    mean: Any = cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(mean, np.float64)
