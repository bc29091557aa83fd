"""Cards made from the synthetic drive: names, clips and positions as their makers write them, judged by exiftool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from streamvision.core.errors import ConfigError, OutputError
from streamvision.datasets.trip import GpsNoise, TripSpec, write_trip
from support.trip_cards import MAKERS, SPEC, true_frames, true_objects

NAMES = {
    "viofo": "DCIM/Movie/2026_0601_103012_0001F.MP4",
    "blackvue": "BlackVue/Record/20260601_103012_NF.mp4",
    "mivue": "Normal/F/FILE260601-103012F.MP4",
    "gopro": "DCIM/100GOPRO/GH010001.MP4",
}
QUIET = GpsNoise(0, 0, 60, 0, 0)


def clips_of(card: Path) -> list[Path]:
    stated = json.loads((card / "truth" / "trip.json").read_text(encoding="utf-8"))
    return [card / clip["file"] for clip in stated["clips"]]


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]


def exiftool_rows(path: Path) -> list[dict[str, Any]]:
    if shutil.which("exiftool") is None:
        pytest.skip("no exiftool: apt-get install libimage-exiftool-perl")
    command = ["exiftool", "-ee", "-n", "-j", "-G3", "-api", "LargeFileSupport=1", str(path)]
    said = subprocess.run(command, capture_output=True, timeout=300, check=True, env=os.environ | {"TZ": "UTC"}).stdout
    rows: dict[str, dict[str, Any]] = {}
    for tag, value in json.loads(said)[0].items():
        group, _, name = tag.partition(":")
        if group.startswith("Doc"):
            rows.setdefault(group, {})[name] = value
    return [row for row in rows.values() if "GPSLatitude" in row]


def unix_s(row: dict[str, Any]) -> float:
    text = row["GPSDateTime"].rstrip("Z")
    form = "%Y:%m:%d %H:%M:%S.%f" if "." in text else "%Y:%m:%d %H:%M:%S"
    return datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()


def distance_m(row: dict[str, Any], frame: dict[str, Any]) -> float:
    north_m = (row["GPSLatitude"] - frame["latitude_deg"]) * 111_230
    east_m = (row["GPSLongitude"] - frame["longitude_deg"]) * 111_320 * np.cos(np.radians(frame["latitude_deg"]))
    return float(np.hypot(north_m, east_m))


@pytest.mark.parametrize("maker", MAKERS)
def test_clips_are_named_as_the_camera_shows_the_time_and_hold_every_frame_once(
    trip_cards: dict[str, Path], maker: str
) -> None:
    clips = clips_of(trip_cards[maker])
    frames = true_frames(trip_cards[maker])
    assert str(clips[0].relative_to(trip_cards[maker])) == NAMES[maker]
    assert [len(decoded(clip)) for clip in clips] == [80, 80, 80]
    assert [frame["frame"] for frame in frames] == list(range(240))
    times = [frame["time_unix_s"] for frame in frames]
    assert times[0] == SPEC.start.timestamp() and np.allclose(np.diff(times), 0.1)


@pytest.mark.parametrize("maker", ["viofo", "blackvue", "gopro"])
def test_exiftool_reads_the_positions(trip_cards: dict[str, Path], maker: str) -> None:
    frames = true_frames(trip_cards[maker])
    rows = [row for clip in clips_of(trip_cards[maker]) for row in exiftool_rows(clip)]
    assert len(rows) == 24
    by_time = {round(frame["time_unix_s"], 1): frame for frame in frames}
    apart = [distance_m(row, by_time[at]) for row in rows if (at := round(unix_s(row), 1)) in by_time]
    assert len(apart) >= 23
    assert 0.5 < float(np.median(apart)) < 9, "the stated noise is 3 m an axis"


def test_sentences_beside_are_of_the_same_way(trip_cards: dict[str, Path]) -> None:
    from streamvision.gps.nmea import fixes_in

    frames = {round(frame["time_unix_s"], 1): frame for frame in true_frames(trip_cards["mivue"])}
    text = "".join(clip.with_suffix(".NMEA").read_text() for clip in clips_of(trip_cards["mivue"]))
    fixes = fixes_in(text)
    assert len(fixes) == 24
    for fix in fixes[:-1]:
        assert fix.unix_s is not None
        frame = frames[round(fix.unix_s, 1)]
        row = {"GPSLatitude": fix.latitude_deg, "GPSLongitude": fix.longitude_deg}
        assert distance_m(row, frame) < 15
        assert fix.speed_m_s == pytest.approx(frame["speed_m_s"], abs=1)
        assert fix.course_deg == pytest.approx(frame["course_deg"], abs=4)


def test_a_clip_that_the_power_ended_has_no_index_but_its_positions(tmp_path: Path) -> None:
    spec = TripSpec(
        duration_s=3, clip_s=2, width_px=64, height_px=64, fps=5, cut_last=True, noise=QUIET, clock_error_s=3600
    )
    (card,) = write_trip(tmp_path / "card", spec, workers=1)
    first, last = (card.folder / clip for clip in card.clips)
    assert len(decoded(first)) == 10
    assert first.name.startswith("2026_0601_093012")
    content = last.read_bytes()
    assert b"moov" not in content and b"mdat" in content and b"freeGPS " in content
    with pytest.raises(av.FFmpegError):
        decoded(last)


def test_seams_lose_time_or_show_it_twice(tmp_path: Path) -> None:
    for seam_s, frames in ((0.4, [10, 8]), (-0.4, [10, 12])):
        spec = TripSpec(duration_s=4, clip_s=2, width_px=64, height_px=64, fps=5, seam_s=seam_s)
        (card,) = write_trip(tmp_path / str(seam_s), spec, workers=1)
        assert [len(decoded(card.folder / clip)) for clip in card.clips] == frames
        told = true_frames(card.folder)
        assert told[10]["file_frame"] == 0
        assert told[10]["time_unix_s"] - told[9]["time_unix_s"] == pytest.approx(0.2 + seam_s)


def test_a_second_drive_passes_the_same_signs_at_other_times_with_other_noise(tmp_path: Path) -> None:
    spec = TripSpec(duration_s=4, clip_s=4, width_px=320, height_px=180, fps=5, drives=2)
    (card,) = write_trip(tmp_path / "card", spec, workers=1)
    one, two = (true_frames(card.folder, drive) for drive in (1, 2))
    assert two[0]["time_unix_s"] - one[0]["time_unix_s"] == 86_400
    assert one[0]["latitude_deg"] != two[0]["latitude_deg"]
    objects = true_objects(card.folder)
    assert any(min(seen["frames"]) >= 3 for seen in objects.values())
    noises = [[row["GPSLatitude"] for row in exiftool_rows(card.folder / clip)] for clip in card.clips]
    assert noises[0] != noises[1]


def test_what_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="viofo, blackvue"):
        write_trip(tmp_path / "card", TripSpec(), makers=["kodak"])
    with pytest.raises(ConfigError, match="even"):
        TripSpec(width_px=641)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    with pytest.raises(OutputError, match="another folder"):
        write_trip(tmp_path / "full", TripSpec())
