"""``streamvision find`` over what was recorded says when, in UTC."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import NOT_YET
from streamvision.cli.main import main
from streamvision.core.config.stream import StreamConfig
from support.recorded_files import FPS, START_UNIX_S, write_recording
from support.tiny_embedder import tiny_embedder

DRIVE = "synthetic:drive?fps=25&size=640x360&frames=30&realtime=0&seed=3"


def pictures() -> list[np.ndarray]:
    reader = create_reader(parse_source(DRIVE), config=StreamConfig(source=DRIVE))
    reader.open()
    shown = []
    while (captured := reader.read()) is not None:
        if captured is not NOT_YET:
            shown.append(captured.picture.to_bgr())
    reader.close()
    return shown


def test_matches_are_told_by_the_clock_and_nobody_stays_over_a_gap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = pictures()
    starts_s = (0.0, 3600.0)
    for start_s in starts_s:
        write_recording(
            tmp_path / "recordings",
            start_unix_s=START_UNIX_S + start_s,
            size_px=(640, 360),
            pictures=shown,
            sound=None,
        )
    index = tmp_path / "door.npz"
    given = [
        str(tmp_path / "recordings" / "door"), "--embedder", str(tiny_embedder(tmp_path / "tiny.onnx")),
        "--query", DRIVE, "--index", str(index), "--top", "100", "--sheet", str(tmp_path / "found.jpg"),
    ]  # fmt: skip
    for made in (True, False):
        with pytest.raises(SystemExit) as ended:
            main(["find", *given, "--json"])
        report = json.loads(capsys.readouterr().out)
        assert not ended.value.code and report["made"] == made
        spans = [(one["first_unix_s"] - START_UNIX_S, one["last_unix_s"] - START_UNIX_S) for one in report["matches"]]
        assert {first_s >= 3600 for first_s, _ in spans} == {True, False}
        for first_s, last_s in spans:
            start_s = 3600.0 if first_s >= 3600 else 0.0
            assert start_s <= first_s <= last_s <= start_s + len(shown) / FPS + 0.1
    with pytest.raises(SystemExit):
        main(["find", *given])
    assert "2026-05-01 13:30:0" in capsys.readouterr().out
