"""``doctor`` names what other packages add, and what of it does not work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
