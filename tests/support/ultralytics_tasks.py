"""What ultralytics makes of the raw outputs of its own networks, for every task, with weights that have learnt nothing.

It runs in a process of its own, offline, once, into a cache: torch and ultralytics never enter the test process.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from support.made_once import made_once

TIMEOUT_S = 500.0
SIDE_PX = 256
IOU = 0.5
CANDIDATES = 80
"""The score threshold is that of so many boxes."""
ARCHITECTURES = (
    "yolov8n-seg",
    "yolov8n-pose",
    "yolov8n-obb",
    "yolov8n-cls",
    "yolo26n-seg",
    "yolo26n-pose",
    "yolo26n-obb",
    "yolo26n-sem",
)
_SCRIPT = """
import sys
import cv2, numpy as np, torch
from ultralytics import YOLO
from ultralytics.data.augment import LetterBox
target, side, iou, candidates, names, *pictures = sys.argv[1:]
found = {}
for name in names.split(","):
    torch.manual_seed(1)
    model = YOLO(name + ".yaml")
    network = model.model.eval()
    head = network.model[-1]
    for layer in head.modules():  # boxes of many sizes and scores
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)) and layer.weight.requires_grad:
            torch.nn.init.normal_(layer.weight, std=1.5 / layer.weight[0].numel() ** 0.5)
            if layer.bias is not None:
                torch.nn.init.normal_(layer.bias, std=0.5)
    if getattr(head, "reg_max", 16) == 1:  # the distances to the four sides themselves, which should not be negative
        for last in (*head.cv2, *head.one2one_cv2):
            last[-1].bias.data.fill_(4.0)
    for layer in network.modules():  # statistics of real pictures, or else all places would look alike
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.train()
            layer.momentum = 1.0
    boxed = [LetterBox((int(side), int(side)), auto=False)(image=cv2.imread(picture)) for picture in pictures]
    with torch.no_grad():
        network(torch.from_numpy(np.stack(boxed)[..., ::-1].copy()).permute(0, 3, 1, 2) / 255)
    network.eval()
    seen = {}
    def keep_output(module, given, output):
        seen["output"] = output
    def keep_input(module, given):
        seen["input"] = given[0].numpy().copy()
    head.register_forward_hook(keep_output)
    model.model.model[0].register_forward_pre_hook(keep_input)
    for number, picture in enumerate(pictures):
        options = dict(imgsz=int(side), rect=False, iou=float(iou), agnostic_nms=True, device="cpu", verbose=False)
        options["retina_masks"] = True
        if name.startswith("yolo26"):
            options["nms"] = False  # the end-to-end branch
        model.predict(picture, conf=0.0, max_det=1, **options)  # to see the scores
        raw = seen["output"]
        while isinstance(raw, tuple) and isinstance(raw[0], tuple):
            raw = raw[0]
        outputs = [part for part in (raw if isinstance(raw, tuple) else (raw,)) if isinstance(part, torch.Tensor)]
        outputs = outputs[:2] if "seg" in name else outputs[:1]
        conf = 0.0
        if not name.endswith(("cls", "sem")):
            rows = outputs[0][0]
            scores = rows[:, 4] if name.startswith("yolo26") else rows[4 : 4 + len(model.names)].amax(0)
            around = scores.sort(descending=True).values[int(candidates) :][:2]
            conf = float(around.mean())
        (result,) = model.predict(picture, conf=conf, max_det=300, **options)
        key = f"{name}/{number}"
        found[key + "/names"] = np.array(list(model.names.values()))
        found[key + "/conf"] = np.array(conf)
        found[key + "/input"] = seen["input"]
        for position, output in enumerate(outputs):
            found[f"{key}/output{position}"] = output.numpy()
        if result.boxes is not None:
            found[key + "/boxes"] = result.boxes.data.numpy()
        if result.masks is not None:
            found[key + "/masks"] = np.packbits(result.masks.data.numpy().astype(bool), axis=-1)
        if result.keypoints is not None:
            found[key + "/keypoints"] = result.keypoints.data.numpy()
        if result.obb is not None:
            found[key + "/obb"] = result.obb.data.numpy()
        if result.probs is not None:
            found[key + "/probs"] = result.probs.data.numpy()
        if getattr(result, "semantic_mask", None) is not None:
            mask = result.semantic_mask
            found[key + "/semantic"] = np.asarray(getattr(mask, "data", mask))
np.savez_compressed(target, **found)
"""


@dataclass(frozen=True)
class TaskCase:
    """One network on one picture."""

    picture: NDArray[np.uint8]
    """(H, W, 3) BGR."""
    names: tuple[str, ...]
    """Class names."""
    conf: float
    """The score threshold that ultralytics was given; boxes above it are reported."""
    input: NDArray[np.float32]
    """What ultralytics fed to the network."""
    outputs: list[NDArray[np.float32]]
    """What the network gave."""
    found: dict[str, Any] = field(repr=False)
    """What ultralytics made of that: ``boxes``, ``masks``, ``keypoints``, ``obb``, ``probs``, ``semantic``."""


def ultralytics_tasks(data_dir: Path, cache_dir: Path) -> dict[str, list[TaskCase]]:
    """Return the cases of each architecture; skips the test where ultralytics is missing."""
    photographs = sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[1:2]
    cached = cache_dir / "reference_models" / "ultralytics_tasks.npz"
    pictures = [cv2.resize(cv2.imread(str(path)), (333, 250)) for path in photographs]
    # One picture that fits the input without resizing: maps can be compared cell by cell.
    pictures.append(cv2.resize(pictures[0], (SIDE_PX, SIDE_PX * 5 // 8)))
    stored = np.load(made_once(cached, lambda made: _run(made, pictures)))
    cases: dict[str, list[TaskCase]] = {}
    for name in ARCHITECTURES:
        cases[name] = [_case(stored, f"{name}/{number}/", picture) for number, picture in enumerate(pictures)]
    return cases


def _case(stored: Any, prefix: str, picture: NDArray[np.uint8]) -> TaskCase:
    own = {key.removeprefix(prefix): stored[key] for key in stored.files if key.startswith(prefix)}
    if "masks" in own:
        own["masks"] = np.unpackbits(own["masks"], axis=-1, count=picture.shape[1]).astype(bool)
    outputs = [own.pop(key) for key in ("output0", "output1") if key in own]
    names, conf, given = tuple(own.pop("names").tolist()), float(own.pop("conf")), own.pop("input")
    return TaskCase(picture, names, conf, given, outputs, own)


def _run(target: Path, pictures: list[NDArray[np.uint8]]) -> None:
    for package in ("ultralytics", "torch"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the reference needs {package}, which is not installed")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        files = [Path(scratch) / f"{number}.png" for number in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            cv2.imwrite(str(file), picture)
        numbers = str(SIDE_PX), str(IOU), str(CANDIDATES), ",".join(ARCHITECTURES)
        environment = {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": scratch}
        result = subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(target), *numbers, *map(str, files)],
            cwd=scratch,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"ultralytics could not run its tasks:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
