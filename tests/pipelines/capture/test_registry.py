"""Kinds of sources: another package adds one, and what is written about them comes from their entries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.capture.registry import SOURCES, accepted_sources, parse_source
from pipelines.capture.source import SourceKind
from pipelines.capture.synthetic_reader import SCENES
from streamvision.core.errors import SourceError
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take

PAGE = Path(__file__).parents[3] / "docs" / "sources.md"

PACKAGE = """
import time
import numpy as np
from pipelines.capture.source import Captured, SourceKind
from streamvision.core.picture import BgrPicture

GREY = SourceKind(
    name="grey", summary="grey pictures", accepts="grey:LEVEL", example="grey:40", factory="grey_source:GreyReader"
)

class GreyReader:
    expected_frames, paced = None, False

    def __init__(self, spec, *, config, drops):
        self._level = int(spec.uri)

    def open(self):
        self._began_s = time.monotonic()

    def read(self):
        now_s = time.monotonic()
        return Captured(BgrPicture(np.full((8, 8, 3), self._level, np.uint8)), now_s - self._began_s, now_s)

    def close(self):
        pass
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a package that adds a kind of source where Python finds packages."""
    (tmp_path / "grey_source.py").write_text(PACKAGE)
    info = tmp_path / "grey_source-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: grey-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[streamvision.sources]\ngrey = grey_source:GREY\n")
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    vars(SOURCES).pop("_entry_points", None)  # what was read before this package was there
    yield
    vars(SOURCES).pop("_entry_points", None)


@pytest.mark.usefixtures("installed")
def test_another_package_adds_a_kind_of_source() -> None:
    spec = parse_source("grey:77")
    assert (spec.kind, spec.live, spec.reconnects, spec.suggest_id) == ("grey", True, True, "77")
    with capturing("grey:77") as capture:
        frames = take(capture, 3)
        assert capture.state.state is StreamState.LIVE
    assert [int(frame.picture.to_bgr()[0, 0, 0]) for frame in frames] == [77, 77, 77]


@pytest.mark.usefixtures("installed")
def test_what_another_package_adds_is_named_among_what_is_accepted() -> None:
    assert accepted_sources().endswith("synthetic:NAME, or grey:LEVEL")
    with pytest.raises(SourceError, match="grey:LEVEL"):
        parse_source("gray:77")


def test_without_the_package_its_sources_are_not_known() -> None:
    with pytest.raises(SourceError, match=r"does not exist; give a video file.*, or synthetic:NAME$"):
        parse_source("grey:77")


@pytest.mark.parametrize("kind", SOURCES.built_in, ids=lambda kind: kind.name)
def test_every_kind_has_its_example_in_the_documentation(kind: SourceKind) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    summaries = [scene.summary for scene in SCENES.built_in] if kind.name == "synthetic" else [kind.summary]
    assert all(any(summary in row for row in rows) for summary in summaries)
    assert any(kind.example in row for row in rows)


@pytest.mark.parametrize("text", ["rtsp://user:password@camera/stream", "http://camera/video.mjpg", "gst:v4l2src"])
def test_examples_are_sources_of_their_kind(text: str) -> None:
    kind = parse_source(text).kind
    assert SOURCES.get(kind).example.startswith(text)
