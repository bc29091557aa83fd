"""Steps that mark what moves from one frame to the next: dense and sparse optical flow, and the plain difference.

``farneback`` after Farnebäck, *Two-Frame Motion Estimation Based on Polynomial Expansion*, SCIA 2003; ``dis`` after
Kroeger et al., *Fast Optical Flow using Dense Inverse Search*, ECCV 2016; ``lucas_kanade`` after Bouguet, *Pyramidal
Implementation of the Lucas Kanade Feature Tracker*, 2000, at the corners of Shi and Tomasi. Where the camera moves, the
motion of the scene is a homography that most of the picture agrees on (RANSAC), and what remains is that of objects.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.inference.classical.step import FOREGROUND, U8, Step, Work

F32 = NDArray[np.float32]
GRID_PX = 16
"""Distance of the points of a dense flow by which the camera's motion is told."""
AGREEMENT_PX = 1.0
"""How far a point may miss the camera's motion and still agree with it."""
CHANGE_PX = 5
"""Side of the square over which brightness is averaged before it is compared, and how far around a change counts."""
LEAST_SIDE_PX = 12
"""Sides of a picture below which OpenCV's inverse search does not work."""
MIN_POINTS = 12
"""Fewest points by which it is told; with fewer the camera is taken to stand still."""


class FlowOptions(Section):
    """What all have in common that measure motion."""

    min_motion_px: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="Motion between two frames from which on a pixel is an object's, in pixels of "
        "the picture that the steps see.",
    )
    min_change: int = Field(
        10,
        ge=0,
        le=254,
        description="Least change of brightness, in levels and behind the camera's own motion, near a pixel that is an "
        "object's: where nothing changes, as on a road without texture, flow is a guess; 0: whatever moves.",
    )
    camera: Literal["still", "moving"] = Field(
        "still", description="moving: the motion of the whole scene is told first, and what remains is that of objects."
    )


class FarnebackOptions(FlowOptions):
    """Settings of ``farneback``."""

    pyr_scale: float = Field(0.5, gt=0.1, lt=1, description="Size of each level of the pyramid, of the one below.")
    levels: int = Field(3, ge=1, le=16, description="Levels of the pyramid; more for fast objects.")
    winsize: int = Field(15, ge=3, le=255, description="Averaging window; larger is steadier and more blurred.")
    iterations: int = Field(3, ge=1, le=50, description="Iterations at each level.")
    poly_n: int = Field(5, ge=3, le=15, description="Neighbourhood of the polynomial expansion.")
    poly_sigma: float = Field(1.2, gt=0, le=10, description="Standard deviation by which it is weighed.")


class DisOptions(FlowOptions):
    """Settings of ``dis``."""

    preset: Literal["ultrafast", "fast", "medium"] = Field("medium", description="Exactness against time.")


class LucasKanadeOptions(FlowOptions):
    """Settings of ``lucas_kanade``."""

    max_corners: int = Field(800, ge=4, le=20_000, description="Most corners that are followed.")
    quality_level: float = Field(0.01, gt=0, lt=1, description="Least quality of a corner, of that of the best.")
    min_distance: float = Field(6.0, ge=1, le=1000, description="Least distance of two corners.")
    winsize: int = Field(21, ge=3, le=255, description="Window in which a corner is looked for.")
    levels: int = Field(3, ge=0, le=16, description="Further levels of the pyramid; more for fast objects.")
    radius_px: int = Field(8, ge=1, le=200, description="Around each corner that moves so far a pixel is an object's.")


class AbsDiffOptions(Section):
    """Settings of ``absdiff``."""

    thresh: int = Field(25, ge=0, le=254, description="Difference in levels above which a pixel is an object's.")


class _Comparing(Step):
    """A step that compares the brightness with that of the frame before."""

    remembers = True

    def __init__(self, options: Any) -> None:
        self._options = options
        self._before: U8 | None = None

    def apply(self, work: Work) -> None:
        """Mark what has moved; on the first frame, nothing."""
        now, before = work.gray(), self._before
        self._before = now
        if before is None or before.shape != now.shape:
            work.narrow(np.zeros_like(now))
        else:
            work.narrow(self._mask(before, now))

    def reset(self) -> None:
        """Forget the frame before."""
        self._before = None

    @abstractmethod
    def _mask(self, before: U8, now: U8) -> Any:
        """Return (H, W) uint8, 255 where something has moved."""


class _DenseFlow(_Comparing):
    def _mask(self, before: U8, now: U8) -> Any:
        options: FlowOptions = self._options
        flow = self.flow(before, now)
        scene = scene_flow(flow) if options.camera == "moving" else None
        if scene is not None:
            flow = flow - scene
        size = cv2.magnitude(flow[..., 0], flow[..., 1])
        return cv2.inRange(size, options.min_motion_px, np.inf) & changed(before, now, scene, options.min_change)

    @abstractmethod
    def flow(self, before: U8, now: U8) -> F32:
        """Return (H, W, 2) float32 how far each pixel has moved to the right and down, in pixels."""


class Farneback(_DenseFlow):
    """Dense flow by polynomials."""

    def flow(self, before: U8, now: U8) -> F32:
        """Return what OpenCV's function of that name gives."""
        o: FarnebackOptions = self._options
        return cv2.calcOpticalFlowFarneback(  # type: ignore[no-any-return]
            before, now, None, o.pyr_scale, o.levels, o.winsize, o.iterations, o.poly_n, o.poly_sigma, 0
        )


class Dis(_DenseFlow):
    """Dense flow by inverse search, the fastest that is dense."""

    def __init__(self, options: DisOptions) -> None:
        super().__init__(options)
        presets = {
            "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
            "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
            "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
        }
        self._engine = cv2.DISOpticalFlow.create(presets[options.preset])

    def flow(self, before: U8, now: U8) -> F32:
        """Return what OpenCV's class of that name gives."""
        rows, columns = now.shape
        missing = max(LEAST_SIDE_PX - rows, 0), max(LEAST_SIDE_PX - columns, 0)
        if any(missing):
            before, now = (
                cv2.copyMakeBorder(gray, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE) for gray in (before, now)
            )
        return self._engine.calc(before, now, None)[:rows, :columns]  # type: ignore[no-any-return]


class LucasKanade(_Comparing):
    """Sparse flow: corners that move, each with its surroundings."""

    def _mask(self, before: U8, now: U8) -> Any:
        o: LucasKanadeOptions = self._options
        mask = np.zeros_like(now)
        corners = cv2.goodFeaturesToTrack(before, o.max_corners, o.quality_level, o.min_distance)
        if corners is None:
            return mask
        window = (o.winsize, o.winsize)
        moved, status, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, None, winSize=window, maxLevel=o.levels)
        known = status[:, 0] == 1
        begin, end = corners[known, 0], moved[known, 0]
        motion, scene = end - begin, None
        if o.camera == "moving":
            motion = motion - _scene_motion(begin, end, begin)
            scene = _everywhere(begin, end, now.shape)
        for x, y in end[np.linalg.norm(motion, axis=1) >= o.min_motion_px].tolist():
            cv2.circle(mask, (round(x), round(y)), o.radius_px, FOREGROUND, cv2.FILLED)
        return mask & changed(before, now, scene, o.min_change)


class AbsDiff(_Comparing):
    """The difference to the frame before."""

    def _mask(self, before: U8, now: U8) -> Any:
        return cv2.threshold(cv2.absdiff(before, now), self._options.thresh, FOREGROUND, cv2.THRESH_BINARY)[1]


def scene_flow(flow: F32) -> F32:
    """Return (H, W, 2) float32 the part of a flow that the camera's own motion explains.

    Args:
        flow: (H, W, 2) how far each pixel has moved, in pixels.
    """
    rows, columns = flow.shape[:2]
    y, x = np.mgrid[GRID_PX // 2 : rows : GRID_PX, GRID_PX // 2 : columns : GRID_PX]
    begin = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    return _everywhere(begin, begin + flow[y.ravel(), x.ravel()], (rows, columns))


def changed(before: U8, now: U8, scene: F32 | None, least: int) -> U8:
    """Return (H, W) uint8, 255 around pixels whose brightness is another than the camera's own motion explains.

    Args:
        before: (H, W) the brightness of the frame before.
        now: that of this one.
        scene: (H, W, 2) how far the camera's motion has moved each pixel of the frame before; ``None`` where it stands.
        least: smallest change that counts, in levels; what all pixels have in common, such as of a camera that opens
            its iris, is none. 0: everything counts.
    """
    if not least:
        return np.full_like(now, FOREGROUND)
    if scene is not None:
        at = scene + _positions(now.shape)
        now = cv2.remap(now, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    smooth = (CHANGE_PX, CHANGE_PX)
    difference = cv2.subtract(cv2.blur(now, smooth), cv2.blur(before, smooth), dtype=cv2.CV_16S)
    size = np.abs(difference - np.int16(np.median(difference[::4, ::4])))
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CHANGE_PX + 1, 2 * CHANGE_PX + 1))
    return cv2.dilate((size >= least).astype(np.uint8) * np.uint8(FOREGROUND), around)  # type: ignore[no-any-return]


def _everywhere(begin: F32, end: F32, shape: tuple[int, ...]) -> F32:
    """Return (H, W, 2) how far each pixel has moved by the motion that most of the pairs agree on."""
    return _scene_motion(begin, end, _positions(shape).reshape(-1, 2)).reshape(*shape[:2], 2)


def _positions(shape: tuple[int, ...]) -> F32:
    """Return (H, W, 2) column and row of each pixel."""
    rows, columns = shape[:2]
    return np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).astype(np.float32)


def _scene_motion(begin: F32, end: F32, at: F32) -> F32:
    """Return (M, 2) how far points ``at`` (M, 2) have moved by the homography that most of the pairs agree on."""
    still = np.zeros_like(at)
    if len(begin) < MIN_POINTS:
        return still
    homography, _ = cv2.findHomography(begin, end, cv2.RANSAC, AGREEMENT_PX)
    if homography is None:
        return still
    moved: F32 = cv2.perspectiveTransform(at[None], homography)[0] - at
    return moved if np.isfinite(moved).all() else still
