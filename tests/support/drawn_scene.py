"""What the page's drawing makes of a result, as pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from support.module_page import ModulePage

DRAW = "const { drawScene } = await load('view/draw.js'); const { styleOf } = await load('view/style.js');"
WIDTH_PX, HEIGHT_PX = 640, 360


def draw(page: ModulePage, result: dict[str, object], style: str, **more: object) -> NDArray[np.uint8]:
    given = {"result": {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, **result}, "style": style, **more}
    script = DRAW + (
        "const { Past } = await load('view/past.js'); const past = new Past();"
        "for (const result of given.before ?? []) past.add(result);"
        "drawScene(pen, { ...given, style: styleOf(given.style), past, picture: pen.canvas });"
    )
    return page.pixels(script, given, width_px=WIDTH_PX, height_px=HEIGHT_PX)


def thing(box: list[float], **more: object) -> dict[str, object]:
    return {"track_id": None, "class_id": 0, "class_name": "car", "score": 0.9, "box_xyxy_px": box, **more}
