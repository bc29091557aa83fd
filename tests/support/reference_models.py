"""Models exported by their own library, once, into a cache; tests that need them are skipped where it is absent.

The export runs in a process of its own, offline: torch and ultralytics never enter the test process.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

EXPORT_TIMEOUT_S = 500.0
_SCRIPT = """
import sys
from pathlib import Path
from ultralytics import YOLO
weights, format, dynamic, nms, opset, target = sys.argv[1:]
options = {"opset": int(opset), "nms": nms == "1"} if format == "onnx" else {}
made = Path(YOLO(weights).export(format=format, imgsz=640, dynamic=dynamic == "1", device="cpu", **options))
made.rename(target)
"""
_OPSET = "17"


def yolov8n_onnx(data_dir: Path, cache_dir: Path, dynamic: bool = False, nms: bool = False) -> Path:
    """Return YOLOv8n (COCO, 640x640) as ultralytics exports it to ONNX.

    Batch and size are fixed or ``dynamic``; with ``nms`` the suppression (score 0.25, IoU 0.7) is inside the model.
    """
    name = f"yolov8n{'_dynamic' * dynamic}{'_nms' * nms}.onnx"
    needs = ("ultralytics", "torch", "onnx")
    return _exported(data_dir, cache_dir, name, format="onnx", dynamic=dynamic, nms=nms, needs=needs)


def yolov8n_openvino(data_dir: Path, cache_dir: Path) -> Path:
    """Return the folder (.xml, .bin, metadata.yaml) as ultralytics exports YOLOv8n to OpenVINO, batch 1, fixed size."""
    needs = ("ultralytics", "torch", "openvino")
    return _exported(data_dir, cache_dir, "yolov8n_openvino_model", format="openvino", dynamic=False, needs=needs)


def _exported(
    data_dir: Path,
    cache_dir: Path,
    name: str,
    *,
    format: str,
    dynamic: bool,
    nms: bool = False,
    needs: tuple[str, ...],
) -> Path:
    target = cache_dir / "reference_models" / name
    if target.exists():
        return target
    for package in needs:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the reference export needs {package}, which is not installed")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        weights = Path(scratch) / "yolov8n.pt"
        shutil.copyfile(data_dir / "models" / "yolov8n_coco.pt", weights)
        made = Path(scratch) / name
        options = str(int(dynamic)), str(int(nms))
        result = subprocess.run(
            [sys.executable, "-c", _SCRIPT, weights.name, format, *options, _OPSET, str(made)],
            cwd=scratch,
            env={**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": scratch},
            capture_output=True,
            text=True,
            timeout=EXPORT_TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            pytest.fail(f"ultralytics could not export {name}:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
        if not target.exists():  # another test process may have been faster
            made.rename(target)
    return target
