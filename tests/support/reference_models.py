"""Models exported by their own library, once, into a cache; tests that need them are skipped where it is absent.

The exports run in one process, offline: torch and ultralytics never enter the test process.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

EXPORT_TIMEOUT_S = 500.0
_SCRIPT = """
import json, sys
from pathlib import Path
from ultralytics import YOLO
weights, exports, folder = sys.argv[1:]
for name, options in json.loads(exports).items():
    Path(YOLO(weights).export(imgsz=640, device="cpu", **options)).rename(Path(folder) / name)
"""
_ONNX = {"format": "onnx", "opset": 17}
_EXPORTS: dict[str, dict[str, Any]] = {
    "yolov8n.onnx": _ONNX,
    "yolov8n_dynamic.onnx": {**_ONNX, "dynamic": True},
    "yolov8n_nms.onnx": {**_ONNX, "nms": True},
    "yolov8n_openvino_model": {"format": "openvino"},
}
"""By name, what ultralytics is asked for."""


def yolov8n_onnx(data_dir: Path, cache_dir: Path, dynamic: bool = False, nms: bool = False) -> Path:
    """Return YOLOv8n (COCO, 640x640) as ultralytics exports it to ONNX.

    Batch and size are fixed or ``dynamic``; with ``nms`` the suppression (score 0.25, IoU 0.7) is inside the model.
    """
    return _exported(data_dir, cache_dir, f"yolov8n{'_dynamic' * dynamic}{'_nms' * nms}.onnx")


def yolov8n_openvino(data_dir: Path, cache_dir: Path) -> Path:
    """Return the folder (.xml, .bin, metadata.yaml) as ultralytics exports YOLOv8n to OpenVINO, batch 1, fixed size."""
    return _exported(data_dir, cache_dir, "yolov8n_openvino_model")


def _exported(data_dir: Path, cache_dir: Path, name: str) -> Path:
    """Return the export of that name; all are made by the first who asks, since starting costs more than exporting."""
    folder = cache_dir / "reference_models"
    folder.mkdir(parents=True, exist_ok=True)
    for package in ("ultralytics", "torch", _EXPORTS[name]["format"]):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the reference export needs {package}, which is not installed")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process waits instead of making the same
        if not (folder / name).exists():
            _export(data_dir / "models" / "yolov8n_coco.pt", folder)
    return folder / name


def _export(weights: Path, folder: Path) -> None:
    wanted = {
        name: options
        for name, options in _EXPORTS.items()
        if importlib.util.find_spec(options["format"]) is not None and not (folder / name).exists()
    }
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        shutil.copyfile(weights, Path(scratch) / "yolov8n.pt")
        result = subprocess.run(
            [sys.executable, "-c", _SCRIPT, "yolov8n.pt", json.dumps(wanted), str(made)],
            cwd=scratch,
            env={**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": scratch},
            capture_output=True,
            text=True,
            timeout=EXPORT_TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"ultralytics could not export:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
        for name in wanted:
            (made / name).rename(folder / name)
