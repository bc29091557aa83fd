"""The card of a dashcam as one source."""

from __future__ import annotations

import shutil
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipelines.capture.probe import probe_source
from pipelines.capture.registry import create_reader, parse_source, source_files
from pipelines.capture.source import NOT_YET, Captured
from pipelines.capture.trip.reader import TripReader
from pipelines.capture.trip.seams import COLUMNS, ROWS, Glance, Seam
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from support.capturing import capturing, take
from support.dashcam_films import FPS, START, data_of, write_film
from support.recorded_files import BITS, number_on
from support.trip_cards import copied_card, true_frames

CLIP_S = 3


def clip_name(at_s: float, lens: str = "F", number: int = 1) -> str:
    """Return the name that a Viofo in UTC gives."""
    return f"{START + timedelta(seconds=at_s):%Y_%m%d_%H%M%S}_{number:04d}{lens}.MP4"


def write_clip(card: Path, at_s: float, *, count: int = CLIP_S * FPS, lens: str = "F", number: int = 1) -> Path:
    """Write the clip that begins so long after the drive; the number on each picture is that of all."""
    (folder := card / "DCIM" / "Movie").mkdir(parents=True, exist_ok=True)
    first = round(at_s * FPS) % 2**BITS
    path = folder / clip_name(at_s, lens, number)
    return write_film(path, first=first, count=count, start=START + timedelta(seconds=at_s))


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drive of three clips of three seconds, one of the rear lens, and another drive five minutes later."""
    card = tmp_path_factory.mktemp("card")
    for number, at_s in enumerate((0, 3, 6, 306), 1):
        write_clip(card, at_s, number=number)
    shutil.copy(card / "DCIM" / "Movie" / clip_name(0), card / "DCIM" / "Movie" / clip_name(0, "R"))
    return card


def read_all(card: Path, query: str = "") -> tuple[list[Captured], TripReader]:
    spec = parse_source(f"trip:{card}{query}")
    reader = create_reader(spec, config=StreamConfig(source=spec.text))
    assert isinstance(reader, TripReader)
    found = []
    try:
        reader.open()
        while (captured := reader.read()) is not None:
            if captured is not NOT_YET:
                found.append(captured._replace(picture=number_on(captured.picture.y)))  # type: ignore[attr-defined]
    finally:
        reader.close()
    return found, reader


def numbers(found: list[Captured]) -> list[int]:
    return [one.picture for one in found]  # type: ignore[misc]


@pytest.mark.parametrize("maker", ["viofo", "blackvue", "gopro"])
def test_each_frame_of_a_makers_card_once_with_its_time_and_place(maker: str, trip_cards: dict[str, Path]) -> None:
    truth = true_frames(trip_cards[maker])
    with capturing(f"trip:{trip_cards[maker]}") as capture:
        frames = take(capture)
    places = [(Path(one.place.name).name, one.place.frame) for one in frames if one.place is not None]
    assert places == [(Path(one["file"]).name, one["file_frame"]) for one in truth]
    assert {one.segment for one in frames} == {0}
    for frame, true in zip(frames, truth, strict=True):
        assert frame.time_source == "gps"
        assert frame.time_unix_s == pytest.approx(true["time_unix_s"], abs=1)
        assert frame.position is not None
        assert frame.position.latitude_deg == pytest.approx(true["latitude_deg"], abs=2e-4)
        assert frame.position.longitude_deg == pytest.approx(true["longitude_deg"], abs=3e-4)
    assert [round(frame.pts_s, 3) for frame in frames] == [round(number / 10, 3) for number in range(len(truth))]
    assert capture.expected_frames == len(truth)
    assert capture.failure is None


def test_a_new_drive_is_a_new_segment_and_a_seam_is_none(card: Path) -> None:
    with capturing(f"trip:{card}") as capture:
        frames = take(capture)
    clips = [frame.place.name for frame in frames if frame.place is not None]
    assert list(dict.fromkeys(clips)) == [clip_name(at_s, number=n) for n, at_s in enumerate((0, 3, 6, 306), 1)]
    assert [frame.segment for frame in frames] == [0] * 225 + [1] * 75


def test_drives_and_views_are_chosen(card: Path) -> None:
    assert numbers(read_all(card, "?drive=2")[0]) == [number % 2**BITS for number in range(7650, 7725)]
    assert numbers(read_all(card, "?view=rear")[0]) == list(range(75))
    identifier = f"{START:%Y%m%d-%H%M%S}"
    assert len(read_all(card, f"?drive={identifier}&view=front")[0]) == 225


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("?drive=3", "has no drive '3'; give a number from 1 to 2"),
        pytest.param("?drive=" + "9" * 3000, "has no drive '9+[.]{3}'; give a number", id="no number so long"),
        ("?view=tele", "holds no clips of the view 'tele'; it has front, rear"),
    ],
)
def test_what_is_not_there_is_said_when_it_is_opened(card: Path, query: str, fault: str) -> None:
    with pytest.raises(SourceError, match=fault):
        read_all(card, query)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("trip:/no/such/folder", "names no folder that exists"),
        ("trip:{card}?lens=front", "has the option 'lens', which is not known; the options are view and drive"),
        ("trip:{card}?view=up", "asks for the view 'up'; the views are front, rear"),
    ],
)
def test_what_is_not_understood_is_said_at_once(card: Path, text: str, fault: str) -> None:
    with pytest.raises(SourceError, match=fault):
        parse_source(text.format(card=card))


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no videos; give the card of a dashcam"):
        read_all(tmp_path)


@pytest.mark.parametrize("shared", [1, 8, 25, 50])
def test_pictures_that_two_clips_share_come_once(tmp_path: Path, shared: int) -> None:
    write_clip(tmp_path, 0, number=1)
    write_clip(tmp_path, CLIP_S - shared / FPS, number=2)
    found, reader = read_all(tmp_path)
    assert numbers(found) == list(range(150 - shared))
    assert reader.repeated == shared
    steps = {round(after.pts_s - before.pts_s, 3) for before, after in pairwise(found)}
    assert steps == {0.04}


def glances(first: int, count: int, *, speed_px: float, noise: int) -> list[Glance]:
    """Return pictures of a street that goes by, as a coder leaves them that has noise of its own."""
    street = np.random.default_rng(1).normal(0, 1, (ROWS, 4000)).cumsum(axis=1) * 6
    rng = np.random.default_rng([noise, first])
    columns = np.arange(COLUMNS)
    views = [
        np.stack([np.interp(columns + number * speed_px, np.arange(4000), row) for row in street])
        for number in range(first, first + count)
    ]
    return [
        Glance(number / 15, (128 + one + rng.normal(0, noise, one.shape)).astype(np.int16))
        for number, one in enumerate(views)
    ]


@pytest.mark.parametrize("shared", [0, 2, 9, 30])
@pytest.mark.parametrize("noise", [1, 2])
def test_shared_pictures_are_found_in_slow_traffic_and_in_a_noisy_coder(shared: int, noise: int) -> None:
    seam = Seam()
    for one in glances(0, 60, speed_px=1.0, noise=noise):
        seam.remember(one)
    first = glances(60 - shared, 1, speed_px=1.0, noise=noise)[0]
    assert seam.repeated_s(first) == pytest.approx(shared / 15)


def test_nobody_can_tell_pictures_of_a_standing_car_apart() -> None:
    seam = Seam()
    for one in glances(0, 40, speed_px=0, noise=0):
        seam.remember(one)
    assert seam.repeated_s(glances(30, 1, speed_px=0, noise=0)[0]) is None


def test_time_goes_on_over_what_was_not_recorded(tmp_path: Path) -> None:
    write_clip(tmp_path, 0, number=1)
    write_clip(tmp_path, CLIP_S + 2, number=2)
    found, reader = read_all(tmp_path)
    assert len(found) == 150
    assert found[75].pts_s - found[74].pts_s == pytest.approx(2.04, abs=0.5)
    assert reader.gaps_s == pytest.approx(2.0, abs=0.5)
    assert not found[75].begins_anew


def test_a_last_clip_without_index_and_one_that_is_no_video_stop_nothing(card: Path, tmp_path: Path) -> None:
    copied_card(card, tmp_path)
    movies = tmp_path / "DCIM" / "Movie"
    last = movies / clip_name(6, number=3)
    samples, _ = data_of(last)
    last.write_bytes(last.read_bytes()[: samples[50].start + 7])
    (movies / clip_name(3, number=2)).write_bytes(b"nothing that is a video" * 1000)
    with capturing(f"trip:{tmp_path}?drive=1") as capture:
        frames = take(capture)
        seen = [number_on(frame.picture.y) for frame in frames]  # type: ignore[attr-defined]
    assert seen == [*range(75), *range(150, 200)]
    assert capture.failure is None
    assert capture.drops.by_cause() == {"unreadable": 1}
    assert {frame.segment for frame in frames} == {0}
    assert frames[75].time_unix_s == pytest.approx(START.timestamp() + 6, abs=1)


def test_a_card_is_probed_and_its_files_are_known(card: Path) -> None:
    spec = parse_source(f"trip:{card}")
    found = probe_source(spec, StreamConfig(source=spec.text))
    assert (found.kind, found.width_px, found.height_px, found.frames) == ("trip", 192, 108, 300)
    assert found.duration_s == pytest.approx(12)
    assert len(source_files(spec)) == 5
    assert (spec.live, spec.suggest_id) == (False, f"{card.name}-front")


def test_only_what_may_be_read_is_known_as_a_file_of_a_card(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdefghij")
    for folder in (tmp_path, tmp_path / ".Trashes", deep):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1.mp4").write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert source_files(parse_source(f"trip:{tmp_path}")) == [tmp_path / "1.mp4"]
