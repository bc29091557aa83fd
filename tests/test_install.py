"""What an edge device gets: the runtime alone, small, without torch, and it does the main job."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

LIMIT_MB = 400
FORBIDDEN = {"torch", "torchvision", "ultralytics", "opencv-python", "openvino"}


@pytest.mark.slow
def test_the_runtime_is_light_and_works(project_root: Path, data_dir: Path, tmp_path: Path) -> None:
    environment = tmp_path / "env"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    install = [*pip, "install", "--quiet", "--no-compile", f"{project_root}[cpu]"]  # as tools/setup.sh does
    subprocess.run(install, check=True, timeout=500)

    listed = subprocess.run([*pip, "list", "--format", "json"], check=True, capture_output=True, text=True, timeout=300)
    names = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert "opencv-python-headless" in names
    assert not names & FORBIDDEN
    size_mb = sum(file.stat().st_blocks * 512 for file in environment.rglob("*") if not file.is_symlink()) / 2**20
    assert size_mb < LIMIT_MB, f"{size_mb:.0f} MB"

    view = next(environment.rglob("streamvision/web/static/view"))
    shipped = project_root / "streamvision" / "web" / "static" / "view"
    assert {file.name for file in view.iterdir()} == {file.name for file in shipped.iterdir()}

    command = [
        environment / "bin" / "streamvision", "run", "--json", "--max-frames", "5",
        "--source", data_dir / "videos" / "car-detection.mp4", "--model", data_dir / "models" / "yolox_nano.onnx",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["streams"][0]["frames_done"] == 5
