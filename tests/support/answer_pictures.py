"""Pictures of a bright square on a ground of one hue, and a table of both: answers that are learnt in seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from support.hues import HUES

SIDE_PX = 32


def draw_answers(folder: Path, *, count: int, seed: int) -> Path:
    """Draw pictures and return the table: the ground's hue is a class, the square's side a number in px.

    Every fifth row lacks the class and every seventh the number; the last third of the rows is held out.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = ["filename,split,ground,side [px]"]
    names = sorted(HUES)
    for number in range(count):
        name, side = names[number % len(names)], int(rng.integers(4, 24))
        hsv = np.full((SIDE_PX, SIDE_PX, 3), (HUES[name] / 2, 200, 110), np.float64)
        left, top = rng.integers(0, SIDE_PX - side, 2)
        hsv[top : top + side, left : left + side, 1:] = 0, 255
        bgr = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR) + rng.normal(0, 8, hsv.shape)
        cv2.imwrite(str(folder / f"{number:03}.png"), np.clip(bgr, 0, 255).astype(np.uint8))
        part = "val" if number >= count * 2 // 3 else "train"
        known = "" if number % 5 == 4 else name, "" if number % 7 == 6 else str(side)
        rows.append(",".join((f"{number:03}.png", part, *known)))
    path = folder / "answers.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path
