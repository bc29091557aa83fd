"""Draws docs/images/styles.jpg: each style of the live view on the same part of the drawn drive, as the page draws it.

``PYTHONPATH=.:tests python tools/draw_style_pictures.py``; it needs Chromium.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import streamvision
from streamvision.models import default_model_path
from support.browser import TestBrowser
from support.module_page import ModulePage

PICTURE = Path("docs/images/styles.jpg")
DRIVE = "synthetic:drive?realtime=0&fps=30&seed=5&size=1280x720&frames=400"
WINDOW_PX = (300, 168)
"""What is shown of the frame."""
TILE_PX = (320, 180)
COLUMNS = 4
CAPTION_PX = 24
DRAW = """
const { drawScene } = await load("view/draw.js");
const { FIGURES, styleOf } = await load("view/style.js");
const { Past } = await load("view/past.js");
const bytes = Uint8Array.from(atob(given.jpeg), (letter) => letter.charCodeAt(0));
const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
const [width, height] = given.tile;
const scale = width / given.window[2];
const [left, top] = given.window.map((edge) => -edge * scale);
const at = { left, top, width: picture.width * scale, height: picture.height * scale };
const drawn = {};
for (const name of [...FIGURES, "label, trace"]) {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d");
  const past = new Past();
  for (const result of given.results) past.add(result);
  pen.drawImage(picture, at.left, at.top, at.width, at.height);
  drawScene(pen, { result: given.results.at(-1), style: styleOf(name), at, ratio: 1, picture, past });
  const png = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  drawn[name] = btoa(png.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}
return drawn;
"""


def main() -> None:
    """Draw the picture."""
    best, results, chosen = 0.0, [], None
    seen: list[dict[str, Any]] = []
    for result in streamvision.stream(
        DRIVE, model=default_model_path(), overlay={"boxes": False, "labels": False, "trails_s": 0}
    ):
        width_px, height_px = result.frame.picture.width_px, result.frame.picture.height_px
        told = result.to_dict() | {
            "captured_us": 1e6 * result.frame.pts_s,
            "width_px": width_px,
            "height_px": height_px,
        }
        seen = [*seen[-60:], told | {"is_tracked": True}]
        sizes = [one["box_xyxy_px"] for one in told["objects"] if one["track_id"] is not None]
        large = sorted(min(right - left, 90) for left, top, right, bottom in sizes if right < 1200 and top > 40)
        if sum(large) > best:
            best, results, chosen = sum(large), seen, result.annotated_bgr
    if chosen is None:
        raise SystemExit("nothing was found on any frame")
    largest = max(results[-1]["objects"], key=lambda one: one["box_xyxy_px"][2] - one["box_xyxy_px"][0])
    left, top, right, bottom = largest["box_xyxy_px"]
    x, y = (left + right - WINDOW_PX[0]) / 2, (top + bottom - WINDOW_PX[1]) / 2
    window = [min(max(x, 0), 1280 - WINDOW_PX[0]), min(max(y, 0), 720 - WINDOW_PX[1]), *WINDOW_PX]
    jpeg = base64.b64encode(cv2.imencode(".jpg", chosen, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()).decode()
    with TestBrowser() as kept:
        given = {"results": results, "jpeg": jpeg, "window": window, "tile": TILE_PX}
        drawn = ModulePage(kept.lent()).run(DRAW, given)
    cv2.imwrite(
        str(PICTURE),
        _joined({name: base64.b64decode(png) for name, png in drawn.items()}),
        [cv2.IMWRITE_JPEG_QUALITY, 70],
    )


def _joined(drawn: dict[str, bytes]) -> NDArray[np.uint8]:
    tiles = []
    for name, png in drawn.items():
        picture: Any = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        caption = np.full((CAPTION_PX, TILE_PX[0], 3), 24, np.uint8)
        cv2.putText(caption, name, (8, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
        tiles.append(np.vstack([picture, caption]))
    tiles += [np.full_like(tiles[0], 24)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)])


if __name__ == "__main__":
    main()
