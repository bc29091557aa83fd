"""Drawn faces whose landmarks are exact: a head as an ellipsoid, turned in space, features painted where they are.

A landmark is a point of the head; the same rotation and projection that paints an eye says where its corners are. Of
the 68 points that 300-W marks on photographs (Sagonas et al. 2016), 14 are here, the outer corners of the eyes among
them, by whose distance errors are usually told. Left and right are those of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

LANDMARKS = (
    "right_eye_outer",
    "right_eye_inner",
    "left_eye_inner",
    "left_eye_outer",
    "right_brow_outer",
    "right_brow_inner",
    "left_brow_inner",
    "left_brow_outer",
    "nose_tip",
    "right_mouth_corner",
    "left_mouth_corner",
    "upper_lip",
    "lower_lip",
    "chin",
)
"""What the points of a face are called, in their order."""
MIRRORED = (3, 2, 1, 0, 7, 6, 5, 4, 8, 10, 9, 11, 12, 13)
"""For each landmark the one that it is in a mirror."""

_HEAD = np.array([1.0, 1.35, 0.95])
"""Half axes of the head: right, down and towards the camera; all measures are in half widths of a head."""
_SKINS = ((197, 214, 241), (164, 190, 228), (120, 152, 205), (86, 118, 172), (60, 82, 128), (42, 56, 92))
_HAIRS = ((24, 22, 26), (40, 52, 78), (70, 110, 160), (110, 160, 205), (120, 120, 124), (36, 44, 110))
_IRISES = ((130, 92, 48), (60, 110, 74), (30, 52, 84), (96, 96, 96))
_SUBPIXEL_BITS = 6
_SIDES = (-1.0, 1.0)
"""Of the picture: the face's right eye is on its left."""
_LEAST_TOWARDS = 0.15
"""A point whose surface faces the camera less than this is hidden."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a picture."""

    box_xyxy_px: tuple[float, float, float, float]
    """Around the head without its hair, cut at the picture's edges."""
    landmark_xyv: F64
    """(14, 3) x and y in pixels, and COCO's visibility: 0 outside of the picture, 1 hidden by the head, 2 visible."""


class FacePainter:
    """Paints pictures of faces; equal seeds give equal pictures.

    Args:
        width_px: of the pictures.
        height_px: of the pictures.
        seed: of all that differs.
    """

    def __init__(self, width_px: int, height_px: int, seed: int) -> None:
        self._size = width_px, height_px
        self._rng = np.random.default_rng(seed)

    def picture(self) -> tuple[U8, tuple[Face, ...]]:
        """Return the next picture, (H, W, 3) uint8 BGR, and its faces: one, or two side by side."""
        width, height = self._size
        canvas = self._background()
        count = 1 + int(self._rng.random() < 0.25 and width >= height)
        faces = []
        for index in range(count):
            column = width / count
            half = float(self._rng.uniform(0.16, 0.3)) * min(column, height)
            left, right = column * index + 1.1 * half, column * (index + 1) - 1.1 * half
            middle = np.array([self._rng.uniform(left, right), self._rng.uniform(1.5 * half, height - 1.5 * half)])
            faces.append(_Head(self._rng, middle, half).paint(canvas))
        blur = float(self._rng.uniform(0, 0.9))
        if blur > 0.3:
            canvas = cv2.GaussianBlur(canvas, (0, 0), blur).astype(np.uint8, copy=False)
        left, right = self._rng.uniform(-0.25, 0.25, 2).tolist()
        light = self._rng.uniform(0.55, 1.2) + np.linspace(left, right, width)[None, :, None]
        noise = self._rng.normal(0, self._rng.uniform(1, 7), canvas.shape)
        pixels = np.clip(canvas * light + noise, 0, 255).astype(np.uint8)
        return pixels, tuple(self._cut(face) for face in faces)

    def _background(self) -> U8:
        width, height = self._size
        first, second = self._rng.uniform(20, 235, (2, 3))
        shares = np.linspace(0, 1, height)[:, None, None]
        canvas = np.ascontiguousarray(np.broadcast_to(first * (1 - shares) + second * shares, (height, width, 3)))
        canvas = canvas.astype(np.uint8)
        for _ in range(int(self._rng.integers(2, 9))):
            colour = self._rng.uniform(10, 245, 3).tolist()
            x, y = (int(self._rng.integers(side)) for side in (width, height))
            size = int(self._rng.uniform(0.03, 0.25) * height)
            if self._rng.random() < 0.5:
                cv2.circle(canvas, (x, y), size, colour, -1, cv2.LINE_AA)
            else:
                cv2.rectangle(canvas, (x - size, y - size // 2), (x + size, y + size), colour, -1)
        return canvas

    def _cut(self, face: Face) -> Face:
        width, height = self._size
        left, top, right, bottom = face.box_xyxy_px
        box = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        points = face.landmark_xyv
        inside = np.all((points[:, :2] >= 0) & (points[:, :2] <= self._size), axis=1, keepdims=True)
        return Face(box, points * inside)


class _Head:
    """A head with its features, turned in space."""

    def __init__(self, rng: np.random.Generator, middle_px: F64, half_px: float) -> None:
        self._rng, self._middle_px, self._half_px = rng, middle_px, half_px
        yaw, pitch, roll = np.radians(rng.uniform((-38, -14, -18), (38, 14, 18)))
        self._turn = _rotation(yaw, pitch, roll)
        self._skin, self._hair, self._iris = (
            np.array(colours[int(rng.integers(len(colours)))], float) for colours in (_SKINS, _HAIRS, _IRISES)
        )
        self._axes = _HEAD * (1, float(rng.uniform(0.92, 1.08)), 1)

    def paint(self, canvas: Any) -> Face:
        """Paint the head and return where its landmarks are."""
        rng = self._rng
        outline = self._outline(1.0)
        hair, bald = self._hair.tolist(), rng.random() < 0.15
        if not bald:
            self._fill(canvas, self._outline(float(rng.uniform(1.1, 1.28)), low=float(rng.uniform(-0.2, 0.9))), hair)
        self._neck(canvas)
        for side in _SIDES:
            self._fill(canvas, self._ring(side * 0.98, 0.0, 0.12, 0.24, on=False), (self._skin * 0.85).tolist())
        self._fill(canvas, outline, self._skin.tolist())
        if not bald:
            self._fill(canvas, self._cap(float(rng.uniform(-0.95, -0.7))), hair)
        eyes, brows = self._eyes_and_brows(canvas)
        nose = self._nose(canvas)
        mouth = self._mouth(canvas)
        chin = self._surface(np.array([[0.0, 0.985 * self._axes[1]]]))
        points = np.concatenate([eyes, brows, nose, mouth, chin])
        flat = self._project(points)
        visible = np.where(self._towards(points) > _LEAST_TOWARDS, 2.0, 1.0)
        low, high = outline.min(axis=0), outline.max(axis=0)
        return Face((*low.tolist(), *high.tolist()), np.concatenate([flat, visible[:, None]], axis=1))

    def _eyes_and_brows(self, canvas: Any) -> tuple[F64, F64]:
        rng, corners, brows = self._rng, [], []
        apart, half = float(rng.uniform(0.36, 0.42)), float(rng.uniform(0.155, 0.19))
        height, opened = float(rng.uniform(-0.26, -0.16)), float(rng.uniform(0.035, 0.095))
        gaze = rng.uniform(-0.05, 0.05, 2) * (1, 0.4)
        brow, raised = float(rng.uniform(0.2, 0.29)), float(rng.uniform(0.02, 0.07))
        thick = max(float(rng.uniform(0.035, 0.07)) * self._half_px, 1.0)
        for side in _SIDES:
            x = side * apart
            white = self._ring(x, height, half, opened, on=True)
            self._fill(canvas, white, (226, 232, 236))
            radius = min(opened * 1.05, 0.085)
            iris = self._ring(x + gaze[0], height + gaze[1] * opened, radius, radius, on=True)
            self._fill(canvas, iris, self._iris.tolist())
            pupil = self._ring(x + gaze[0], height + gaze[1] * opened, radius * 0.45, radius * 0.45, on=True)
            self._fill(canvas, pupil, (12, 12, 14))
            self._line(canvas, white, (self._skin * 0.35).tolist(), max(thick * 0.35, 1.0), closed=True)
            outer_first = np.array([[x + side * half, height], [x - side * half, height]])
            corners.append(outer_first if side < 0 else outer_first[::-1])
            along = np.linspace(0, 1, 9)
            arch = np.stack(
                [x + side * (0.24 - 0.47 * along), height - brow - raised * np.sin(np.pi * along) + 0.03 * along],
                axis=1,
            )
            self._line(canvas, self._project(self._surface(arch)), (self._hair * 0.8).tolist(), thick)
            ends = arch[[0, -1]]
            brows.append(ends if side < 0 else ends[::-1])
        return self._surface(np.concatenate(corners)), self._surface(np.concatenate(brows))

    def _nose(self, canvas: Any) -> F64:
        reach, low = float(self._rng.uniform(0.2, 0.32)), float(self._rng.uniform(0.14, 0.24))
        tip: F64 = self._surface(np.array([[0.0, low]])) + np.array([0, 0, reach])
        wide = float(self._rng.uniform(0.13, 0.2))
        root = self._surface(np.array([[0.0, -0.2]]))
        wings = self._surface(np.array([[-wide, low + 0.09], [wide, low + 0.09]]))
        shade = (self._skin * 0.78).tolist()
        self._fill(
            canvas, self._project(np.concatenate([root, wings[:1], tip, wings[1:]])), (self._skin * 0.92).tolist()
        )
        thick = max(0.04 * self._half_px, 1.0)
        self._line(canvas, self._project(np.concatenate([root, tip])), shade, thick)
        self._line(canvas, self._project(np.concatenate([wings[:1], tip, wings[1:]])), shade, thick)
        return tip

    def _mouth(self, canvas: Any) -> F64:
        rng = self._rng
        half, low = float(rng.uniform(0.22, 0.34)), float(rng.uniform(0.58, 0.68))
        smile, opened = float(rng.uniform(-0.04, 0.09)), float(rng.choice((0.0, rng.uniform(0.03, 0.2))))
        lip = float(rng.uniform(0.05, 0.085))
        along = np.linspace(-1, 1, 13)
        corner = low - smile
        upper = np.stack([half * along, corner + (low - lip - opened / 2 - corner) * (1 - along**2)], axis=1)
        lower = np.stack([half * along, corner + (low + lip + opened / 2 - corner) * (1 - along**2)], axis=1)
        lips = self._skin * (0.62, 0.6, 0.88)
        ring = self._project(self._surface(np.concatenate([upper, lower[::-1]])))
        self._fill(canvas, ring, lips.tolist())
        if opened:
            shift = np.array([0, lip])
            inner = np.concatenate([upper + shift, (lower - shift)[::-1]]) * (0.85, 1)
            self._fill(canvas, self._project(self._surface(inner)), (36, 22, 48))
        else:
            middle = np.stack([half * along, corner + (low - corner) * (1 - along**2)], axis=1)
            dark = (self._skin * 0.4).tolist()
            self._line(canvas, self._project(self._surface(middle)), dark, max(0.025 * self._half_px, 1.0))
        return self._surface(np.stack([upper[0], upper[-1], upper[6], lower[6]]))

    def _neck(self, canvas: Any) -> None:
        x, y = self._middle_px
        half, height = 0.5 * self._half_px, canvas.shape[0]
        corners = np.array([[x - half, y], [x + half, y], [x + 1.2 * half, height + 9], [x - 1.2 * half, height + 9]])
        self._fill(canvas, corners, (self._skin * 0.8).tolist())

    def _surface(self, points: F64) -> F64:
        """Return (N, 3) points of the head that lie ahead of (N, 2) points of its middle plane."""
        scaled = points / self._axes[:2]
        depth = np.sqrt(np.maximum(1 - (scaled**2).sum(axis=1), 0)) * self._axes[2]
        return np.concatenate([points, depth[:, None]], axis=1)

    def _project(self, points: F64) -> F64:
        """Return (N, 2) pixels of (N, 3) points of the head; the camera is far away."""
        flat: F64 = (points @ self._turn.T)[:, :2] * self._half_px + self._middle_px
        return flat

    def _towards(self, points: F64) -> F64:
        """Return (N,) how much the surface at points faces the camera, 1 at most."""
        normals = points / self._axes**2
        turned = normals @ self._turn.T
        share: F64 = turned[:, 2] / np.linalg.norm(turned, axis=1)
        return share

    def _ring(self, x: float, y: float, half_x: float, half_y: float, *, on: bool) -> F64:
        """Return an ellipse of the face as (32, 2) pixels: on its surface, or in its middle plane."""
        angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        points = np.stack([x + half_x * np.cos(angles), y + half_y * np.sin(angles)], axis=1)
        return self._project(self._surface(points) if on else np.pad(points, ((0, 0), (0, 1))))

    def _outline(self, scale: float, *, low: float | None = None) -> F64:
        """Return the silhouette of the head, scaled, as (N, 2) pixels; ``low`` lengthens its lower half (hair)."""
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        # An ellipsoid seen from afar: x = B n for unit vectors n has its silhouette at (B B^T) of the picture's plane.
        spread = self._turn @ np.diag(self._axes**2) @ self._turn.T
        root = np.linalg.cholesky(spread[:2, :2])
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ root.T * scale
        if low is not None:
            ring[:, 1] += np.where(ring[:, 1] > 0, low * ring[:, 1] / self._axes[1], 0)
        outline: F64 = ring * self._half_px + self._middle_px
        return outline

    def _cap(self, edge: float) -> F64:
        """Return the part of the head above a height of its face, where hair grows, as (N, 2) pixels."""
        edge *= self._axes[1]
        half = self._axes[0] * np.sqrt(max(1 - (edge / self._axes[1]) ** 2, 0)) * 0.98
        across = np.linspace(-1, 1, 17)
        front = self._project(self._surface(np.stack([half * across, np.full(17, edge)], axis=1)))
        over = np.linspace(np.pi, 2 * np.pi, 17)
        rise = np.stack([half * np.cos(over), edge + (self._axes[1] + edge) * 1.06 * np.sin(over)], axis=1)
        return np.concatenate([front, self._project(np.pad(rise, ((0, 0), (0, 1))))[::-1]])

    def _fill(self, canvas: Any, points: F64, colour: Any) -> None:
        cv2.fillPoly(canvas, [_fixed(points)], colour, cv2.LINE_AA, shift=_SUBPIXEL_BITS)

    def _line(self, canvas: Any, points: F64, colour: Any, width_px: float, *, closed: bool = False) -> None:
        cv2.polylines(canvas, [_fixed(points)], closed, colour, max(round(width_px), 1), cv2.LINE_AA, _SUBPIXEL_BITS)


def _fixed(points: F64) -> NDArray[np.int32]:
    """Return points as OpenCV's numbers with a fixed point; its pixels have their centres at whole numbers."""
    return np.round((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _rotation(yaw: float, pitch: float, roll: float) -> F64:
    """Return the (3, 3) rotation by radians about the axes down, right and towards the camera."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(angle), np.sin(angle)) for angle in (yaw, pitch, roll))
    about_down = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_right = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_view = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    turned: F64 = about_view @ about_right @ about_down
    return turned
