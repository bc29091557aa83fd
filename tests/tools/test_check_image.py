"""The check of images, as far as it goes without an engine for containers: it fails in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("engine", "sentence"),
    [("no-such-engine", "no-such-engine cannot be run"), ("ls", "ls volume create check-")],
    ids=["none", "one that refuses"],
)
def test_it_fails_in_one_sentence(project_root: Path, engine: str, sentence: str) -> None:
    command = [sys.executable, project_root / "tools" / "check_image.py", "streamvision:cpu", "--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(sentence) and "Traceback" not in done.stderr
