"""Sources are told apart without flags, and what cannot be one is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.capture.file_list import list_files
from pipelines.capture.registry import parse_source, source_files
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from support.capturing import capturing, take, write_video


@pytest.mark.parametrize(
    ("text", "kind", "live", "suggested"),
    [
        ("rtsp://admin:pw@10.0.0.1:554/cam/1", "rtsp", True, "10.0.0.1-cam-1"),
        ("RTSPS://cam/live", "rtsp", True, "cam-live"),
        ("http://cam/video.mjpg", "http", True, "cam-video.mjpg"),
        ("https://host/live/index.m3u8?token=x", "http", True, "host-live-index.m3u8"),
        ("http://host/film.mp4", "http", False, "host-film.mp4"),
        ("http://host/FILM.MPEG?id=1", "http", False, "host-FILM.MPEG"),
        ("gst:videotestsrc ! queue", "gstreamer", True, "gst"),
        ("synthetic:boxes?fps=10", "synthetic", True, "boxes"),
        ("synthetic:boxes?fps=10&realtime=0", "synthetic", False, "boxes"),
    ],
)
def test_kinds_are_told_apart(text: str, kind: str, live: bool, suggested: str) -> None:
    spec = parse_source(text)
    assert (spec.kind, spec.live, spec.suggest_id) == (kind, live, suggested)
    assert StreamConfig(source=text, id=spec.suggest_id).id == suggested


def test_files_folders_and_globs(tmp_path: Path) -> None:
    film = tmp_path / "my film (1).mp4"
    film.write_bytes(b"x")
    folder = tmp_path / "photos [2024]"
    folder.mkdir()
    (folder / "b.JPG").write_bytes(b"x")
    spec = parse_source(str(film))
    assert (spec.kind, spec.live, spec.suggest_id, spec.reconnects) == ("file", False, "my-film-1", False)
    assert parse_source(f"file://{film}").uri == str(film)
    assert parse_source(str(folder)).kind == "images"
    assert parse_source(str(folder / "b.JPG")).kind == "images"
    assert parse_source(str(tmp_path / "*" / "*.JPG").replace("[", "[[]")).kind == "images"


@pytest.mark.parametrize(
    "name",
    ["12:30:05.mp4", "2024-01-01T12:30:05.mp4", "rtsp:x.mp4", " leading.mp4", "trailing.mp4 ", "123", "a%20b%04d.mp4"],
)
@pytest.mark.parametrize("before", ["", "./"])
def test_a_file_that_exists_is_meant_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: str
) -> None:
    write_video(tmp_path / "made.mp4", sizes=[(64, 64)]).replace(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with capturing(before + name) as capture:
        assert len(take(capture)) == 20
    assert (capture.spec.kind, capture.failure) == ("file", None)


def test_folders_and_addresses_of_files_with_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (folder := tmp_path / "123").mkdir()
    (folder / "a b.jpg").write_bytes(b"x")
    assert parse_source("123").kind == "images"
    assert parse_source(f" {folder}/a b.jpg\n").uri == str(folder / "a b.jpg")
    assert parse_source(f"file://localhost{folder}/a%20b.jpg").uri == str(folder / "a b.jpg")


def test_images_come_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "1.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_files([str(tmp_path)]).pictures] == ["1.png", "9.png", "10.png"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("no/such/file.mp4", "does not exist"),
        ("ftp://host/x.mp4", "scheme ftp://"),
        ("rtsp:///live", "names no host"),
        ("rtsp://admin:pa#ss@cam/live", "%23"),
        ("no/such/*.jpg", "matches no image"),
        ("gst:", "empty"),
        (".", "without images"),
    ],
)
def test_what_is_no_source_is_refused_for_good(
    text: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=fault) as caught:
        parse_source(text)
    assert caught.value.permanent
    assert "give a video file, rtsp://" in str(caught.value)
    assert "pa#ss" not in str(caught.value)


def test_policies_override_the_kind(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x")
    assert parse_source(str(film), realtime=True).live
    as_live = parse_source(str(film), policy="live")
    assert as_live.live
    assert as_live.realtime
    assert not parse_source(str(film), policy="file", realtime=True).live
    assert not parse_source("rtsp://cam/live", policy="file").live


def test_passwords_are_never_shown() -> None:
    spec = parse_source("rtsp://admin:hunter2@cam/live?token=abc")
    assert spec.safe_uri == "rtsp://***@cam/live?token=***"
    assert "hunter2" not in repr(spec)
    assert "hunter2" in spec.uri
    assert spec.endpoint == ("cam", 554)


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("rtsp://admin:p@ss/word@host/live", "host-live"),
        ("rtsp://admin:p@s s'#word@host:8554/live/1", "host-live-1"),
        ("rtsp://host/user=admin&password=word/word&channel=1", "host"),
        ("http://host/token/word/cam.mjpg?p=word", "host-token-cam.mjpg"),
    ],
)
def test_no_secret_gets_into_what_is_shown_or_into_a_name(text: str, suggested: str) -> None:
    spec = parse_source(text)
    assert spec.suggest_id == suggested
    assert "word" not in spec.safe_uri.replace("password", "")
    assert spec.endpoint is not None and spec.endpoint[0] == "host"


def test_a_password_reaches_ffmpeg_escaped() -> None:
    assert parse_source("rtsp://admin:p@s s/w%2Fo@host/live").uri == "rtsp://admin:p%40s%20s%2Fw%2Fo@host/live"


def test_the_endpoint_of_a_pipeline_is_that_of_its_url() -> None:
    assert parse_source("gst:rtspsrc location=rtsp://cam:8554/live ! decodebin").endpoint == ("cam", 8554)
    assert parse_source("gst:videotestsrc").endpoint is None


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(SourceError, match="is empty"):
        parse_source("  ")


def test_the_files_that_a_source_reads_are_known(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "notes.txt", "drive.mp4"):
        (tmp_path / name).touch()
    assert [p.name for p in source_files(parse_source(str(tmp_path)))] == ["a.jpg", "b.png"]
    assert [p.name for p in source_files(parse_source(str(tmp_path / "*.png")))] == ["b.png"]
    assert [p.name for p in source_files(parse_source(str(tmp_path / "drive.mp4")))] == ["drive.mp4"]
    assert source_files(parse_source("rtsp://camera/1")) == []


def test_a_host_that_cannot_be_looked_up_is_refused() -> None:
    with pytest.raises(SourceError, match="names no host"):
        parse_source("rtsp://camera..local/stream")
    assert parse_source("rtsp://[::1]/stream").endpoint == ("::1", 554)
