"""``doctor`` names what other packages add, and what of it does not work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streamvision.cli import doctor

_PROGRAM = """
from streamvision.cli.doctor import find_plugins
for one in find_plugins(): print(one.kind, one.name, one.package, one.problem, sep="|")
"""


def test_plugins_of_other_packages_are_listed_with_what_is_wrong(tmp_path: Path, project_root: Path) -> None:
    (tmp_path / "acme.py").write_text(
        "from streamvision.core.registry import Plugin\n"
        "mqtt = Plugin(name='mqtt', factory=print, summary='Messages.')\n"
    )
    (tmp_path / "acme_video-1.0.dist-info").mkdir()
    (tmp_path / "acme_video-1.0.dist-info" / "METADATA").write_text("Name: acme-video\nVersion: 1.0\n")
    (tmp_path / "acme_video-1.0.dist-info" / "entry_points.txt").write_text(
        "[streamvision.sinks]\nmqtt = acme:mqtt\n\n[streamvision.trackers]\nbroken = acme:nothing\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(project_root)])}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    broken, mqtt = sorted(done.stdout.splitlines(), key=lambda line: "mqtt" in line)
    assert mqtt == "sink|mqtt|acme-video|None"
    assert broken.startswith("tracker|broken|acme-video|the tracker 'broken' of acme:nothing cannot be imported")


@pytest.mark.parametrize(
    ("packages", "module", "ok", "required", "said"),
    [
        (
            ["opencv-python-headless"],
            "__version__ = '4.11.0'",
            True,
            True,
            "opencv-python-headless 1.0, loaded as 4.11.0",
        ),
        (["opencv-python", "opencv-python-headless"], "__version__ = '4.13.0'", False, False, "overwrite each other"),
        (
            ["opencv-python"],
            "raise ImportError('libGL.so.1')",
            False,
            True,
            r"does not load \(libGL.so.1\): pip uninstall",
        ),
        (["opencv-python"], "", False, True, "does not load"),
    ],
)
def test_opencv_is_needed_and_two_of_it_are_said(
    packages: list[str],
    module: str,
    ok: bool,
    required: bool,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in packages:
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (tmp_path / "cv2.py").write_text(module + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setitem(sys.modules, "cv2", None)  # so that what is imported meanwhile is forgotten
    monkeypatch.delitem(sys.modules, "cv2")
    check = doctor._opencv()
    assert (check.ok, check.required) == (ok, required)
    assert re.search(said, check.detail)
