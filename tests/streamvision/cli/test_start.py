"""What a run loads before its first frame: on a small device every module counts."""

from __future__ import annotations

import subprocess
import sys

_LOADED = """
import sys
import streamvision.cli.session
from pipelines.capture.registry import create_reader
from pipelines.capture.registry import parse_source
from streamvision.core.config.stream import StreamConfig
create_reader(parse_source({source!r}), config=StreamConfig(source={source!r}))
print(*sys.modules)
"""


def _loaded(source: str) -> set[str]:
    command = [sys.executable, "-c", _LOADED.format(source=source)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.split())


def test_a_run_of_a_camera_without_a_page_loads_no_web_server_and_no_drawings() -> None:
    loaded = _loaded("rtsp://127.0.0.1/camera")
    assert not loaded & {"flask", "werkzeug", "supervision", "torch"}
    assert not [name for name in loaded if name.startswith("streamvision.synthetic")]


def test_what_a_source_needs_is_loaded_with_it() -> None:
    assert "pipelines.capture.ffmpeg.reader" in _loaded("rtsp://127.0.0.1/camera")
    assert "pipelines.capture.ffmpeg.reader" not in _loaded("synthetic:boxes?fps=30&size=64x64")
