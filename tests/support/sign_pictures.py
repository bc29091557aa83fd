"""Small drawn data sets for training: a red disc and a blue square on noise, in Pascal VOC."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

ANNOTATION = """<annotation><filename>{name}</filename><size><width>{width}</width><height>{height}</height>
<depth>3</depth></size>{objects}</annotation>"""
OBJECT = """<object><name>{name}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax>
<ymax>{box[3]}</ymax></bndbox></object>"""


def draw_signs(folder: Path, *, count: int, rare_every: int = 2, seed: int = 0) -> Path:
    """Write ``count`` pictures of 120x90 px; every ``rare_every``-th shows a square, all others a disc."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for number in range(count):
        image = rng.integers(90, 160, (90, 120, 3), dtype=np.uint8)
        side = int(rng.integers(24, 40))
        left, top = int(rng.integers(4, 116 - side)), int(rng.integers(4, 86 - side))
        square = number % rare_every == 0
        if square:
            cv2.rectangle(image, (left, top), (left + side, top + side), (200, 40, 20), -1)
        else:
            cv2.circle(image, (left + side // 2, top + side // 2), side // 2, (20, 20, 220), -1)
        name = f"sign{number:03}.jpg"
        cv2.imwrite(str(folder / "images" / name), image)
        box = (left, top, left + side, top + side)
        objects = OBJECT.format(name="square" if square else "disc", box=box)
        text = ANNOTATION.format(name=name, width=120, height=90, objects=objects)
        (folder / "annotations" / f"sign{number:03}.xml").write_text(text, encoding="utf-8")
    return folder
