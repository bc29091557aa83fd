"""Pictures whose sentences a small network learns in seconds: a coloured square on a grey ground, left or right."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

COLOURS_BGR = {"red": (30, 30, 230), "green": (40, 200, 40), "blue": (230, 60, 30)}
SIZE_PX = (64, 32)


def write_squares(folder: Path, *, train: int = 48, val: int = 12, seed: int = 0) -> Path:
    """Write pictures and ``captions.csv``, such as ``a red square on the left``."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("filename", "caption", "split"))
        for number in range(train + val):
            colour, side = str(rng.choice(list(COLOURS_BGR))), str(rng.choice(["left", "right"]))
            bgr = np.full((SIZE_PX[1], SIZE_PX[0], 3), rng.integers(90, 150), np.uint8)
            left, top = int(rng.integers(2, 12)) + (32 if side == "right" else 0), int(rng.integers(2, 12))
            bgr[top : top + 16, left : left + 16] = COLOURS_BGR[colour]
            name = f"images/{number:03}.png"
            cv2.imwrite(str(folder / name), bgr)
            part = "train" if number < train else "val"
            writer.writerow((name, f"a {colour} square on the {side}", part))
    return folder
