"""A camera that drives now: recorded, worked on as clips are complete, with the places of a receiver."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from pipelines.recording.segment_store import WrittenSegment
from streamvision.core.errors import OutputError
from streamvision.core.position import Fix
from streamvision.dashcam.headers import read_header
from streamvision.gps.reading import read_gps
from streamvision.trip.live.clip_store import ClipStore
from streamvision.trip.live.fix_log import FixLog
from support.command_line import called, running, streamvision
from support.recording import hashes_of, sent
from support.rtsp_server import RtspServer, unavailable
from support.satellites import Receiver, from_begin_m, udp_port
from support.small_disk import small_disk

QUICK = ("--imgsz", "320", "--no-video", "--score", "0.4", "--stride", "5", "--json")
WAIT_S = 180.0
FPS = 11
"""Of which no film that is repeated has a whole number of seconds: two clips alike would be one."""
AHEAD_S = 1000.0
"""How far satellites are ahead of this machine's clock here, which nobody has set."""


@dataclass(frozen=True)
class Driven:
    """What was recorded of a camera, and what the command made of it."""

    output: Path
    reports: list[dict[str, Any]]
    code: int
    said: str
    sent: list[str]

    @property
    def clips(self) -> list[Path]:
        return sorted((self.output / "clips").glob("*.mp4"))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.output / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def driven(trip_cards: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """Let a camera run, go away, come back, and be stopped by Ctrl-C in the middle of a clip."""
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    folder, port = tmp_path_factory.mktemp("live"), udp_port()
    first, second, *_ = sorted((trip_cards["viofo"] / "DCIM" / "Movie").iterdir())
    output = folder / "out"
    given = ("--position", f"nmea-udp://127.0.0.1:{port}", "--clip-s", "3", "--output", output)
    camera = RtspServer(first, fps=FPS, sent=folder / "sent").start()
    with (
        Receiver(port),
        (folder / "said").open("w") as errors,
        running("trip", "--source", camera.url, *given, *QUICK, stdout=subprocess.PIPE, stderr=errors) as recording,
    ):
        assert recording.stdout is not None
        reports = [json.loads(recording.stdout.readline())]
        camera.kill()
        before = len(list((output / "clips").glob("*.mp4")))
        with RtspServer(second, fps=FPS, port=camera.port, sent=folder / "sent"):
            _wait_for(lambda: len(list((output / "clips").glob("*.mp4"))) > before + 1)
            recording.send_signal(signal.SIGINT)
            rest, _ = recording.communicate(timeout=WAIT_S)
        reports += [json.loads(line) for line in rest.splitlines()]
    yield Driven(output, reports, recording.returncode, (folder / "said").read_text(), sent(folder / "sent", "video"))


def test_each_clip_holds_the_cameras_own_pictures_and_is_worked_on_once(driven: Driven) -> None:
    assert driven.code == 128 + signal.SIGINT, driven.said
    assert len(driven.clips) >= 3
    recorded = [digest for clip in driven.clips for digest in hashes_of(clip)]
    assert set(recorded) <= set(driven.sent)
    last = driven.reports[-1]
    assert last["clips"]["found"] == len(driven.clips)
    assert sum(report["clips"]["new"] for report in driven.reports) == len(driven.clips)
    lines = driven.lines
    assert [Path(file).name for file in dict.fromkeys(line["file"] for line in lines)] == [
        clip.name for clip in driven.clips
    ]
    assert len(lines) > 0.9 * len(recorded)
    assert [line["frame"] for line in lines] == sorted({line["frame"] for line in lines})


def test_a_camera_that_went_away_begins_a_new_clip_and_that_is_said(driven: Driven) -> None:
    assert "is back after" in driven.said
    assert len(driven.reports[-1]["drives"]) == 1


def test_frames_lie_where_the_receiver_was(driven: Driven) -> None:
    placed = [line for line in driven.lines if "position" in line]
    assert len(placed) > 0.5 * len(driven.lines)
    for line in placed:
        east_m, north_m = from_begin_m(line["position"]["latitude_deg"], line["position"]["longitude_deg"])
        assert -5 < east_m < 10_000
        assert abs(north_m) < 3
        assert line["time_source"] == "gps"
    assert (driven.output / "track.gpx").stat().st_size > 500


def test_the_clips_are_a_card_as_any_other(driven: Driven) -> None:
    for clip in driven.clips:
        with av.open(clip) as container:
            pictures = sum(1 for _ in container.decode(video=0))
        header = read_header(clip)
        assert header.duration_s == pytest.approx(pictures / FPS, abs=1.0)
        assert clip.name.endswith("Z.mp4")
    gps = read_gps(driven.clips[-1])
    assert gps is not None
    assert gps.format == "gpx"
    before = (driven.output / "results.jsonl").read_bytes()
    again = streamvision("trip", driven.output / "clips", "--zone", "UTC", "--output", driven.output, *QUICK)
    assert again.report["clips"] == {"found": len(driven.clips), "new": 0, "skipped": len(driven.clips)}
    assert (driven.output / "results.jsonl").read_bytes() == before


def test_without_positions_and_without_a_camera_it_says_so_once_and_ends(tmp_path: Path) -> None:
    port = udp_port()
    given = ("--position", f"gpsd://127.0.0.1:{port}", "--output", tmp_path / "out")
    with running(
        "trip", "--source", f"rtsp://127.0.0.1:{port}/live", *given, *QUICK, stderr=subprocess.PIPE
    ) as recording:
        assert recording.stderr is not None
        said = ""
        while not ("position:" in said and "stream camera:" in said):
            line = recording.stderr.readline()
            assert line, said
            said += line
        recording.send_signal(signal.SIGTERM)
        _, rest = recording.communicate(timeout=WAIT_S)
    assert recording.returncode == 0
    assert (said + rest).count("position:") == 1
    assert "Nothing was recorded" in rest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "neither was given"),
        (("card", "--source", "rtsp://127.0.0.1/live"), "both were given"),
        (("card", "--position", "gpsd://127.0.0.1"), "--position is for a camera"),
        (("--source", "rtsp://127.0.0.1/live", "--position", "here"), "is no address of a receiver"),
        (("--source", "rtsp://127.0.0.1/live", "--zone", "+02:00"), "leave them out"),
        (("--source", "synthetic:drive"), "give rtsp://"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    finished = called("trip", *arguments, "--output", tmp_path / "out")
    assert finished.code == 1
    assert said in finished.sentence()


def test_a_clip_begins_by_the_receivers_clock_to_the_millisecond() -> None:
    log = FixLog()
    for number in range(60):
        log.add(Fix(54.0 + number / 1e4, 18.0, unix_s=AHEAD_S + number), float(number))
    fixes = log.between(10.25, 30.0, "nmea")
    assert fixes[0].unix_s == pytest.approx(AHEAD_S + 10.25, abs=1e-3)
    assert fixes[0].latitude_deg == pytest.approx(54.0 + 10.25e-4, abs=1e-6)
    assert [fix.unix_s for fix in fixes[1:]] == [AHEAD_S + number for number in range(11, 31)]
    assert len(log.between(30.1, 30.2, "nmea")) == 2  # one alone says nothing of a clip's beginning
    assert log.between(200.0, 210.0, "nmea") == ()


def test_the_way_beside_a_clip_is_there_before_the_ignition_takes_the_power(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips", "nmea")
    clip = store.begin("camera", time.time(), "continuous")
    clip.write_bytes(b"being written")
    assert store.complete().complete([clip]) == set()
    begin_s, now_s = time.monotonic(), time.time()
    for number in range(15):
        store.fix(Fix(54.0 + number / 1e4, 18.0, unix_s=now_s + number), begin_s + number)
    gps = read_gps(clip)
    assert gps is not None
    assert len(gps.fixes) >= 10
    assert ClipStore(tmp_path / "clips", "nmea").complete().complete([clip]) == {clip}


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        store = ClipStore(disk / "clips", "gpsd")
        with pytest.raises(OutputError, match="nothing is recorded; free space"):
            store.begin("camera", time.time(), "continuous")


def test_clips_of_one_moment_have_names_of_their_own_and_an_empty_one_is_removed(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "clips", "gpsd")
    first = store.begin("camera", 1_777_638_600.25, "continuous")
    assert first.name == "2026-05-01T12-30-00.250Z.mp4"
    first.touch()
    second = store.begin("camera", 1_777_638_600.25, "continuous")
    assert second.name == "2026-05-01T12-30-00.251Z.mp4"
    second.touch()
    store.end(WrittenSegment(second, "camera", 1.0, 1.0, "h264", 64, 64, False, 0))
    assert not second.exists()


def _wait_for(happened: Any) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
