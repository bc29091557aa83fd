"""What is said while a run goes on."""

from __future__ import annotations

from typing import Any

import pytest

from streamvision.cli.progress import Progress, StepProgress, describe
from streamvision.core.status import StreamStatus

LIVE: dict[str, Any] = {
    "id": "gate", "source": "rtsp://cam", "state": "live", "reason": "", "state_age_s": 1.0, "live": True,
    "frames_in": 50, "frames_done": 40, "frames_expected": None, "drops": {"newer_frame": 10}, "fps": 24.96,
    "age_s": None, "newest_age_s": 0.08, "width_px": 8, "height_px": 8, "reconnects": 0, "objects": {},
    "identities": {}, "viewers": 0,
}  # fmt: skip


def test_a_live_stream_shows_its_age() -> None:
    assert describe(StreamStatus(**LIVE), 10) == "gate 40 frames, 25.0 fps, age 80 ms"


def test_a_stream_that_is_not_live_says_why() -> None:
    status = StreamStatus(**LIVE | {"state": "stalled", "reason": "nothing for 2 s"})
    assert "gate stalled: nothing for 2 s" in describe(status, 10)


def test_a_file_shows_share_and_time_left() -> None:
    status = StreamStatus(**LIVE | {"live": False, "frames_expected": 160})
    assert describe(status, 60) == "gate 40/160 (25%) frames, 25.0 fps, 3:00 left"
    assert "3:00:00 left" in describe(status, 3600)


def test_a_log_file_is_not_flooded(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        for _ in range(100):
            progress.show([StreamStatus(**LIVE)])
    assert capsys.readouterr().err == ""


def test_the_time_left_is_told_by_the_steps_that_were_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work whose first step is only told of when it is done has taken no time yet: nothing is known of the rest."""
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with StepProgress() as progress:
        said = []
        for done in (1, 2, 3):
            now_s += 30.0
            progress.show_work("clips painted", done, 5)
            said.append(capsys.readouterr().err.rpartition("█")[2].strip("░ "))
    assert said == ["1/5 clips painted", "2/5 clips painted, 90 s left", "3/5 clips painted, 60 s left"]
