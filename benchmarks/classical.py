"""How well steps of OpenCV find what moves, against the exact truth of drawn scenes, and what they cost.

``python benchmarks/classical.py [--seeds N] [--frames N] [--only quality|cost]``. Three scenes of 640x360: coloured
boxes (``synthetic:boxes``), which are there from the first frame, and textured patches that come and go, before a
camera that stands and one that pans. All settings are the defaults of the steps; only the camera is told. Precision and
recall are of boxes at an IoU of 0.5, frames 50 and later; MOTA and HOTA are those of ``streamvision eval track`` on the
tracks of these frames. Costs are processor time for one frame of 1080p, of one thread, with the steps at 640 px and at
full size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import streamvision
from streamvision.core.config.classical import StepConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.classical.detector import Detector
from streamvision.synthetic.boxes import BoxesScene

WIDTH_PX, HEIGHT_PX, FPS = 640, 360, 25
BEGIN = 50
"""First frame that counts: before, backgrounds are learned."""
PATCHES = 8
METHODS = ("mog2", "knn", "absdiff", "farneback", "dis", "lucas_kanade")
COMPARING = ("farneback", "dis", "lucas_kanade")
Picture = NDArray[np.uint8]
Truth = list[tuple[int, tuple[int, int, int, int]]]


class PatchesScene:
    """Textured patches that cross a textured ground, each at its own time and speed.

    Args:
        seed: of all that is random.
        pan_px: how far the camera swings to either side, in pixels, once in four seconds.
    """

    def __init__(self, seed: int, *, pan_px: float) -> None:
        rng = np.random.default_rng(seed)
        self._pan_px = pan_px
        self._ground = _texture(rng, HEIGHT_PX, WIDTH_PX + 200, 50, 140)
        self._patches = []
        for number in range(PATCHES):
            height_px, width_px = int(rng.integers(24, 70)), int(rng.integers(24, 90))
            begin = BEGIN // 2 + int(rng.integers(0, 12)) * number
            right, down = rng.uniform(2, 6) * rng.choice([-1, 1]), rng.uniform(-0.8, 0.8)
            start = (-width_px if right > 0 else WIDTH_PX, float(rng.uniform(0.1, 0.8) * HEIGHT_PX))
            self._patches.append((_texture(rng, height_px, width_px, 20, 255), begin, start, (right, down)))
        self._noise = rng.normal(0, 3, (8, HEIGHT_PX, WIDTH_PX, 3))

    def frame(self, index: int) -> tuple[Picture, Truth]:
        """Return a picture, (H, W, 3) BGR, and the identities and boxes of what is at least half in it."""
        left = round(100 + self._pan_px * np.sin(2 * np.pi * index / (4 * FPS)))
        picture = self._ground[:, left : left + WIDTH_PX].astype(np.float64)
        truth: Truth = []
        for identity, (texture, begin, start, speed) in enumerate(self._patches, 1):
            height_px, width_px = texture.shape[:2]
            x = round(start[0] + speed[0] * max(index - begin, 0))
            y = round(start[1] + speed[1] * max(index - begin, 0))
            x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width_px, WIDTH_PX), min(y + height_px, HEIGHT_PX)
            if x1 <= x0 or y1 <= y0:
                continue
            picture[y0:y1, x0:x1] = texture[y0 - y : y1 - y, x0 - x : x1 - x]
            if 2 * (x1 - x0) * (y1 - y0) >= width_px * height_px:
                truth.append((identity, (x0, y0, x1, y1)))
        return (picture + self._noise[index % len(self._noise)]).clip(0, 255).astype(np.uint8), truth


class DrawnBoxes:
    """``synthetic:boxes`` as the scenes here are asked."""

    def __init__(self, seed: int) -> None:
        self._scene = BoxesScene(WIDTH_PX, HEIGHT_PX, FPS, seed)

    def frame(self, index: int) -> tuple[Picture, Truth]:
        """Return a picture and the truth."""
        found = self._scene.objects_at(index)
        return self._scene.picture_at(index).bgr, [
            (number, (left, top, right, bottom))
            for number, (left, top, right, bottom) in enumerate(found.box_xyxy_px.astype(int).tolist(), 1)
        ]


SCENES: dict[str, Callable[[int], Any]] = {
    "boxes": DrawnBoxes,
    "still camera": lambda seed: PatchesScene(seed, pan_px=0.0),
    "panning camera": lambda seed: PatchesScene(seed, pan_px=60.0),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--only", choices=("quality", "cost"))
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.only != "cost":
        for scene in SCENES:
            methods = [f"{one}:camera=moving" for one in COMPARING] if scene == "panning camera" else METHODS
            for told in methods:
                print(json.dumps({"scene": scene, "steps": told} | quality(scene, told, given)), flush=True)
    if given.only != "quality":
        for method in (*METHODS, "dis:preset=ultrafast", "dis:camera=moving", "farneback:camera=moving"):
            print(
                json.dumps({"steps": method} | {f"ms_at_{side}": cost_ms(method, side) for side in (640, 1920)}),
                flush=True,
            )


def quality(scene: str, step: str, given: argparse.Namespace) -> dict[str, Any]:
    """Return the mean and the standard deviation of each figure over the seeds."""
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(given.seeds):
            drawn = SCENES[scene](seed)
            frames = [drawn.frame(index) for index in range(given.frames)]
            rows.append(_found(frames, step, Path(scratch), f"seed-{seed}"))
        sequences = _eval_track(Path(scratch))
    rows = [row | {key: sequences[f"seed-{seed}"][key] for key in ("MOTA", "HOTA")} for seed, row in enumerate(rows)]
    figures = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: [round(float(values.mean()), 3), round(float(values.std()), 3)] for name, values in figures.items()}


def _found(frames: list[tuple[Picture, Truth]], step: str, folder: Path, name: str) -> dict[str, float]:
    """Run one scene, write its truth and its tracks as MOTChallenge files, and return precision and recall."""
    right = there = known = 0
    truth_rows, result_rows = [], []
    for result in streamvision.stream([picture for picture, _ in frames], model="none", steps=[step]):
        index = result.frame.index
        if index < BEGIN:
            continue
        truth, found = frames[index][1], result.detections
        right += _matches(found.box_xyxy_px, np.array([box for _, box in truth], np.float32).reshape(-1, 4))
        there, known = there + len(found), known + len(truth)
        number = index - BEGIN + 1
        truth_rows += [_row(number, identity, box) for identity, box in truth]
        boxes = zip(found.identities(), found.box_xyxy_px.tolist(), strict=True)
        result_rows += [_row(number, identity, box) for identity, box in boxes if identity is not None]
    sequence = folder / "truth" / name
    (sequence / "gt").mkdir(parents=True)
    (folder / "found").mkdir(exist_ok=True)
    (sequence / "gt" / "gt.txt").write_text("\n".join(truth_rows))
    size = f"imWidth={WIDTH_PX}\nimHeight={HEIGHT_PX}"
    length = len(frames) - BEGIN
    (sequence / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nframeRate={FPS}\nseqLength={length}\n{size}\n")
    (folder / "found" / f"{name}.txt").write_text("\n".join(result_rows))
    return {"precision": right / max(there, 1), "recall": right / max(known, 1)}


def _eval_track(folder: Path) -> dict[str, dict[str, float]]:
    """Return the figures of each sequence, as ``streamvision eval track`` gives them."""
    asked = ["eval", "track", "--data", folder / "truth", "--results", folder / "found", "--benchmark", "mot15"]
    command = [sys.executable, "-m", "streamvision", *map(str, asked), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600)
    sequences: dict[str, dict[str, float]] = json.loads(done.stdout)["sequences"]
    return sequences


def _matches(found: NDArray[np.float32], truth: NDArray[np.float32]) -> int:
    """Return how many objects of the truth have a box of their own."""
    free = list(range(len(found)))
    count = 0
    for box in truth:
        overlaps = [(_iou(found[index], box), index) for index in free]
        best = max(overlaps, default=(0.0, -1))
        if best[0] >= 0.5:
            free.remove(best[1])
            count += 1
    return count


def _iou(one: Any, other: Any) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    both = float(np.prod(np.clip(high - low, 0, None)))
    return both / (float(np.prod(one[2:] - one[:2])) + float(np.prod(other[2:] - other[:2])) - both)


def _row(frame: int, identity: int, box: Any) -> str:
    left, top, right, bottom = box
    return f"{frame},{identity},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},1,-1,-1,-1"


def cost_ms(step: str, side_px: int, frames: int = 24) -> float:
    """Return the median milliseconds of processor time for a frame of 1080p."""
    scene = PatchesScene(0, pan_px=60.0)
    pictures = [
        BgrPicture(cv2.resize(scene.frame(BEGIN + index)[0], (1920, 1080), interpolation=cv2.INTER_CUBIC))
        for index in range(frames)
    ]
    detector = Detector(ModelConfig(path=Path("none"), side_px=side_px, steps=(StepConfig.model_validate(step),)))
    times = []
    for picture in pictures:
        begin_s = time.process_time()
        detector.find(picture)
        times.append(time.process_time() - begin_s)
    return round(1e3 * float(np.median(times[2:])), 2)


def _texture(rng: Any, height_px: int, width_px: int, low: int, high: int) -> Picture:
    coarse = rng.integers(low, high, (max(height_px // 8, 2), max(width_px // 8, 2), 3), np.uint8)
    return cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
