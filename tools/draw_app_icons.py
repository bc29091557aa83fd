"""Draws the icon of the example apps: ``python tools/draw_app_icons.py``.

A sign in the corners of a box, as a detector marks what it finds. Android gets it as a vector that its launcher cuts to
any shape, iOS as a picture; a test keeps them equal to what stands here.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
RESOURCES = EXAMPLES / "android/app/src/main/res"
VECTOR = RESOURCES / "drawable/ic_launcher_foreground.xml"
COLOURS = RESOURCES / "values/colors.xml"
PICTURE = EXAMPLES / "ios/App/Assets.xcassets/AppIcon.appiconset/AppIcon.png"

SIDE_DP = 108
"""Side of an adaptive icon; launchers show no more than the circle of 66 dp in its middle for certain."""
BACKGROUND = "#10243A"
MARK = "#FFFFFF"
SIGN = "#F2B632"
CORNERS = tuple(
    ((54 + 21 * x, 54 + 11 * y), (54 + 21 * x, 54 + 21 * y), (54 + 11 * x, 54 + 21 * y))
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
)
"""Lines of the box, in dp."""
CORNER_WIDTH_DP = 4
OCTAGON = ((48, 40), (60, 40), (68, 48), (68, 60), (60, 68), (48, 68), (40, 60), (40, 48))
"""Corners of the sign, in dp."""

SIDE_PX = 1024
_SCALE = SIDE_PX / 72
"""iOS shows the whole square: pixels per dp so that it holds the 72 dp that Android's launchers show."""
_SUPERSAMPLING = 4
"""The picture is drawn this many times as large and made smaller, for soft edges."""


def vector() -> str:
    """Return the foreground of Android's icon."""

    def path(points: tuple[tuple[int, int], ...]) -> str:
        return "M" + " L".join(f"{x},{y}" for x, y in points)

    corners = "".join(
        f"""
    <path
        android:pathData="{path(corner)}"
        android:strokeColor="{MARK}"
        android:strokeLineCap="round"
        android:strokeLineJoin="round"
        android:strokeWidth="{CORNER_WIDTH_DP}" />"""
        for corner in CORNERS
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- Drawn by tools/draw_app_icons.py -->
<vector xmlns:android="http://schemas.android.com/apk/res/android"
    android:width="{SIDE_DP}dp"
    android:height="{SIDE_DP}dp"
    android:viewportWidth="{SIDE_DP}"
    android:viewportHeight="{SIDE_DP}">{corners}
    <path
        android:fillColor="{SIGN}"
        android:pathData="{path(OCTAGON)} Z" />
</vector>
"""


def colours() -> str:
    """Return the resource that holds the background of Android's icon."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- Drawn by tools/draw_app_icons.py -->
<resources>
    <color name="launcher_background">{BACKGROUND}</color>
</resources>
"""


def picture() -> NDArray[np.uint8]:
    """Return the icon of iOS, (1024, 1024, 3) uint8 BGR; the system rounds its corners."""
    side_px = SIDE_PX * _SUPERSAMPLING
    drawn = np.full((side_px, side_px, 3), _bgr(BACKGROUND), np.uint8)
    width_px = round(CORNER_WIDTH_DP * _SCALE * _SUPERSAMPLING)
    for corner in CORNERS:
        cv2.polylines(drawn, [_pixels(corner)], False, _bgr(MARK), width_px, cv2.LINE_AA)
    cv2.fillPoly(drawn, [_pixels(OCTAGON)], _bgr(SIGN), cv2.LINE_AA)
    return np.asarray(cv2.resize(drawn, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _pixels(points_dp: tuple[tuple[int, int], ...]) -> NDArray[np.int32]:
    from_middle = np.array(points_dp, np.float64) - SIDE_DP / 2
    return np.round((from_middle * _SCALE + SIDE_PX / 2) * _SUPERSAMPLING).astype(np.int32)


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return blue, green, red


if __name__ == "__main__":
    for file, text in ((VECTOR, vector()), (COLOURS, colours())):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    cv2.imwrite(str(PICTURE), picture(), [cv2.IMWRITE_PNG_COMPRESSION, 9])
