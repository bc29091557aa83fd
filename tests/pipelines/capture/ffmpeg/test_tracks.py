"""Which of several tracks is read: a moving one, the default or largest one, or the one that is asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.capture.registry import parse_source, source_files
from support.capturing import capturing, take, write_video
from support.http_folder import served

SMALL, LARGE = (160, 90), (320, 180)


def joined(path: Path, *inputs: Path, options: str = "") -> Path:
    """Write the first track of each input into one file."""
    maps = [f"-map {number}:0" for number in range(len(inputs))]
    command = ["ffmpeg", "-v", "error", *(part for one in inputs for part in ("-i", one))]
    subprocess.run([*command, *" ".join(maps).split(), "-c", "copy", *options.split(), path], check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    made = {
        "small": write_video(folder / "small.mp4", sizes=[SMALL]),
        "large": write_video(folder / "large.mp4", sizes=[LARGE]),
        "thumbnail": write_video(folder / "thumbnail.mov", sizes=[(640, 480)], frames=1, codec="mjpeg"),
        "audio": folder / "audio.mp4",
    }
    tone = ["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", *tone, made["audio"]], check=True, timeout=60)
    return made


def read_size(source: str | Path, **config: object) -> tuple[tuple[int, int], int]:
    """Return the size and the number of the pictures that a source gives."""
    with capturing(source, **config) as capture:
        frames = take(capture)
    assert capture.failure is None
    (size,) = {(frame.picture.width_px, frame.picture.height_px) for frame in frames}
    return size, len(frames)


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("thumbnail", "large"), ""),
        (("thumbnail", "large"), "-disposition:v:0 default -disposition:v:1 0"),
        (("large", "thumbnail"), ""),
        (("audio", "thumbnail", "large"), ""),
        (("small", "large"), ""),
        (("small", "large"), "-disposition:v:0 0 -disposition:v:1 default"),
        (("large", "small"), "-disposition:v:0 default -disposition:v:1 0"),
    ],
)
@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_the_moving_default_or_largest_track_is_read(
    films: dict[str, Path], tmp_path: Path, names: tuple[str, ...], options: str, suffix: str
) -> None:
    film = joined(tmp_path / f"film{suffix}", *(films[name] for name in names), options=options)
    assert read_size(film) == (LARGE, 20)


def test_the_default_track_comes_before_a_larger_one(films: dict[str, Path], tmp_path: Path) -> None:
    film = joined(
        tmp_path / "film.mkv", films["large"], films["small"], options="-disposition:v:0 0 -disposition:v:1 default"
    )
    assert read_size(film) == (SMALL, 20)


def test_a_cover_of_a_matroska_file_is_no_film(films: dict[str, Path], tmp_path: Path) -> None:
    film, cover = tmp_path / "film.mkv", tmp_path / "cover.jpg"
    cover_of = ["ffmpeg", "-v", "error", "-i", films["thumbnail"], "-frames:v", "1", cover]
    subprocess.run(cover_of, check=True, timeout=60)
    attach = ["-attach", cover, "-metadata:s:t", "mimetype=image/jpeg", "-metadata:s:t", "filename=cover.jpg"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", films["small"], "-c", "copy", *attach, film], check=True, timeout=60)
    assert read_size(film) == (SMALL, 20)


def test_a_track_is_chosen_by_the_source_or_by_a_key(films: dict[str, Path], tmp_path: Path) -> None:
    film = joined(tmp_path / "film.mov", films["audio"], films["small"], films["large"])
    assert read_size(f"{film}?track=1") == (SMALL, 20)
    assert read_size(film, track=1) == (SMALL, 20)
    assert read_size(f"{film}?track=2", track=1) == (LARGE, 20)
    spec = parse_source(f"{film}?track=1")
    assert (spec.suggest_id, source_files(spec)) == ("film-track-1", [film])


def test_a_file_may_be_called_so(films: dict[str, Path], tmp_path: Path) -> None:
    odd = tmp_path / "film.mp4?track=7"
    odd.write_bytes(films["small"].read_bytes())
    assert parse_source(str(odd)).track is None


def test_a_wrong_track_is_refused_with_a_list(films: dict[str, Path], tmp_path: Path) -> None:
    film = joined(tmp_path / "film.mov", films["audio"], films["small"], films["thumbnail"])
    with capturing(f"{film}?track=0") as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "has no video track 0" in capture.failure
    assert "(its tracks are 0: audio aac" in capture.failure
    assert "1: h264 160x90, 25 fps" in capture.failure
    assert "2: mjpeg 640x480, a single picture" in capture.failure
    assert capture.failure.endswith("give track 1 or 2")


def test_a_source_without_video_lists_what_it_has(films: dict[str, Path]) -> None:
    with capturing(films["audio"]) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "has no video (its tracks are 0: audio aac" in capture.failure


def test_of_a_playlist_the_best_quality_is_read_and_no_other_downloaded(tmp_path: Path) -> None:
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=5"]
    for name, size in (("low", "160x90"), ("high", "320x180")):
        hls = ["-s", size, "-c:v", "libx264", "-g", "25", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"]
        command = ["ffmpeg", "-v", "error", *picture, *hls, tmp_path / f"{name}.m3u8"]
        subprocess.run(command, check=True, timeout=60)
    qualities = [("200000", "160x90", "low"), ("900000", "320x180", "high")]
    lines = [f"#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={size}\n{name}.m3u8\n" for rate, size, name in qualities]
    (tmp_path / "all.m3u8").write_text("#EXTM3U\n" + "".join(lines))
    requests: list[str] = []
    with served(tmp_path, requests) as url, capturing(f"{url}/all.m3u8", policy="file") as capture:
        frames = take(capture, 125, timeout_s=60)
    assert {frame.picture.width_px for frame in frames} == {320}
    assert len(frames) == 125
    assert sum(name.startswith("high") and name.endswith(".ts") for name in requests) == 5
    assert sum(name.startswith("low") and name.endswith(".ts") for name in requests) <= 2
