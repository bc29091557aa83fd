"""A user's own folder named ``pipelines`` or ``exporters`` does not matter, or one sentence says that it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import streamvision
from support.tiny_detector import tiny_detector

SOURCE = "synthetic:drive?fps=30&size=320x180&frames=2&realtime=0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with packages of these names, and with a frame stage of the user's."""
    for name in ("pipelines", "exporters"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')\n")
    (tmp_path / "mine.py").write_text("def stage(view):\n    return None\n")
    return tmp_path


def test_the_command_line_does_not_care(folder: Path) -> None:
    model = tiny_detector(folder / "tiny.onnx")
    done = streamvision("run", "--source", SOURCE, "--model", model, "--stage", "mine:stage", "--json", cwd=folder)
    assert done.code == 0, done.stderr
    assert done.report["streams"][0]["frames_done"] == 2


@pytest.mark.parametrize(
    "arguments", [["-c", "import streamvision; streamvision.stream('a')"], ["-m", "streamvision", "doctor"]]
)
def test_what_hides_our_packages_is_named_in_one_sentence(
    folder: Path, project_root: Path, arguments: list[str]
) -> None:
    path = os.pathsep.join([str(folder), str(project_root)])
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, timeout=300, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[-1]
    assert f"{folder / 'pipelines'} is imported as 'pipelines' and hides StreamVision's own package" in sentence
