"""What ultralytics itself finds, by its own preprocessing, network runtime, decoding and suppression.

It runs in a process of its own, offline: torch and ultralytics never enter the test process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from support.detection_sets import Rows

TIMEOUT_S = 500.0
_SCRIPT = """
import json, sys
from ultralytics import YOLO
weights, score, iou, target, *pictures = sys.argv[1:]
model = YOLO(weights, task="detect")
options = dict(imgsz=640, conf=float(score), iou=float(iou), device="cpu", verbose=False)
rects = (False, True) if weights.endswith(".pt") else (False,)
found = [{p: model.predict(p, rect=rect, **options)[0].boxes.data.tolist() for p in pictures} for rect in rects]
json.dump(found, open(target, "w"))
"""


def ultralytics_detections(
    weights: Path, pictures: Sequence[Path], *, score: float, iou: float
) -> list[dict[Path, Rows]]:
    """Return what ``YOLO(weights).predict`` finds on each picture; skips the test where ultralytics is missing.

    First when each goes through a square; of a checkpoint then when each goes through a rectangle of its own aspect.
    """
    for package in ("ultralytics", "torch"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the reference needs {package}, which is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / f"model{weights.suffix}"
        shutil.copyfile(weights, model)
        target = Path(scratch) / "found.json"
        options = str(score), str(iou), str(target)
        command = [sys.executable, "-c", _SCRIPT, str(model), *options, *map(str, pictures)]
        environment = {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": scratch}
        result = subprocess.run(
            command,
            cwd=scratch,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"ultralytics could not run {weights.name}:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
        found = json.loads(target.read_text())
    return [
        {Path(name): np.array(rows, np.float64).reshape(-1, 6) for name, rows in of_shape.items()} for of_shape in found
    ]
