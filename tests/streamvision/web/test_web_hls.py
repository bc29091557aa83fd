"""The annotated stream as HTTP Live Streaming: read by FFmpeg and Chromium, encoded once for all, and only then."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import av
import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser

from pipelines.encoding.stream_encoders import StreamEncoders
from pipelines.restream import hls, offer_videos
from streamvision.core.config.serve import ServeConfig
from streamvision.web.app import create_app
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from support.accounts import people
from support.browser import fresh_page
from support.live_feed import LiveFeed
from support.web_client import eventually

INDEX = "/streams/gate/hls/index.m3u8"


@pytest.fixture
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", "yard", fps=15) as running:
        yield running


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give readers the first second of a video alone, for tests that play nothing."""
    monkeypatch.setattr(hls, "BEGIN_S", 1.0)


@pytest.fixture
def encoders(feed: LiveFeed) -> StreamEncoders:
    return offer_videos(feed.view)


@pytest.fixture
def server(feed: LiveFeed, encoders: StreamEncoders, serve: Callable[..., WebServer]) -> WebServer:
    return serve(feed)


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def playlist(port: int, stream_id: str = "gate", **headers: str) -> list[str]:
    """Return the lines of a new reader's playlist."""
    status, _, index = ask(port, f"/streams/{stream_id}/hls/index.m3u8", **headers)
    assert status == 200, index
    name = index.decode().splitlines()[-1]
    status, _, listed = ask(port, f"/streams/{stream_id}/hls/{name}", **headers)
    assert status == 200, listed
    return listed.decode().splitlines()


def test_ffmpeg_plays_it(server: WebServer) -> None:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,width,height,color_range",
        "-of",
        "csv=p=0",
    ]
    probed = subprocess.run([*command, f"{server.url}{INDEX[1:]}"], capture_output=True, text=True, timeout=120)
    assert probed.stdout.split()[0] == "h264,320,180,pc", probed.stderr
    with av.open(f"{server.url}{INDEX[1:]}", timeout=60) as container:
        times_s = [frame.time for frame, _ in zip(container.decode(video=0), range(40), strict=False)]
    steps_s = [b - a for a, b in pairwise(times_s)]
    assert len(times_s) == 40
    assert min(steps_s) > 0
    assert max(steps_s) < 3


def test_ten_readers_share_one_encode_that_ends_after_the_last(
    feed: LiveFeed, encoders: StreamEncoders, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hls, "READER_S", 8.0)
    channel = feed["gate"].channel
    encoder = encoders.of(channel)
    assert not encoder.is_encoding
    began = feed["gate"].published
    read: list[int] = []

    def reader() -> None:
        with av.open(f"{server.url}{INDEX[1:]}", timeout=60) as container:
            read.append(len([frame for frame, _ in zip(container.decode(video=0), range(30), strict=False)]))

    readers = [threading.Thread(target=reader, daemon=True) for _ in range(10)]
    for one in readers:
        one.start()
    assert eventually(lambda: channel.viewers == 10)
    for one in readers:
        one.join(120)
    assert read == [30] * 10
    assert 30 <= encoder.encoded <= feed["gate"].published - began + 2
    assert feed["gate"].encoded == 0, "no JPEG file is made for readers of the video"
    assert encoders.of(feed["yard"].channel).encoded == 0
    assert eventually(lambda: channel.viewers == 0)
    assert eventually(lambda: not encoder.is_encoding)
    assert ask(server.port, "/streams/gate/hls/0.m4s")[0] == 404
    assert not [one for one in threading.enumerate() if one.name in ("encode-gate", "hls-gate") and _goes_on(one)]


def _goes_on(thread: threading.Thread) -> bool:
    thread.join(60)
    return thread.is_alive()


@pytest.mark.usefixtures("soon")
def test_what_is_kept_is_bounded_and_told_as_the_standard_has_it(
    feed: LiveFeed, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hls, "MAX_SEGMENTS", 4)
    lines = playlist(server.port)
    assert lines[0] == "#EXTM3U"
    assert "#EXT-X-TARGETDURATION:1" in lines

    def first_number() -> int:
        listed = ask(server.port, "/streams/gate/hls/live.m3u8?reader=ab")[2].decode().splitlines()
        assert sum(line.endswith(".m4s") for line in listed) <= 4
        return int(next(line for line in listed if line.startswith("#EXT-X-MEDIA-SEQUENCE:")).rpartition(":")[2])

    assert eventually(lambda: first_number() >= 2)
    status, headers, sentence = ask(server.port, "/streams/gate/hls/0.m4s")
    assert (status, headers["content-type"]) == (404, "application/json")
    assert b"read the playlist again" in sentence


def test_a_slow_begin_holds_no_thread(feed: LiveFeed, server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamvision.web.asgi.WAIT_S", 3.0)
    feed["gate"].enter("reconnecting", "no answer")
    answers: list[tuple[int, dict[str, str], bytes]] = []
    waiting = [threading.Thread(target=lambda: answers.append(ask(server.port, INDEX)), daemon=True) for _ in range(24)]
    for one in waiting:
        one.start()
    assert eventually(lambda: feed["gate"].channel.viewers == 24)
    asked_at_s = time.monotonic()
    assert ask(server.port, "/api/streams")[0] == 200
    assert not answers or time.monotonic() - asked_at_s > 2
    for one in waiting:
        one.join(60)
    assert {(status, headers["retry-after"]) for status, headers, _ in answers} == {(503, "2")}
    assert b"gives no picture now" in answers[0][2]


@pytest.mark.usefixtures("soon")
def test_another_size_is_another_part_of_the_video(feed: LiveFeed, server: WebServer) -> None:
    playlist(server.port)
    feed["gate"]._size = (640, 360)
    feed["gate"]._background = feed["gate"]._scenery(100, 0)

    def has_both() -> bool:
        listed = ask(server.port, "/streams/gate/hls/live.m3u8?reader=ab")[2].decode()
        return listed.count("#EXT-X-MAP") == 2 and "#EXT-X-DISCONTINUITY\n" in listed

    assert eventually(has_both)
    index = ask(server.port, INDEX)[2].decode()
    assert "RESOLUTION=640x360" in index


@pytest.mark.usefixtures("soon")
def test_the_end_of_a_stream_is_told(feed: LiveFeed, server: WebServer) -> None:
    playlist(server.port)
    feed["gate"].enter("ended")
    assert eventually(
        lambda: ask(server.port, "/streams/gate/hls/live.m3u8?reader=ab")[2].endswith(b"#EXT-X-ENDLIST\n"), within_s=60
    )
    feed["gate"].enter("live")  # it is begun anew
    assert eventually(
        lambda: b"ENDLIST" not in ask(server.port, "/streams/gate/hls/live.m3u8?reader=ab")[2], within_s=60
    )


@pytest.mark.usefixtures("soon")
def test_a_stream_that_goes_takes_its_video_along(feed: LiveFeed, encoders: StreamEncoders, server: WebServer) -> None:
    playlist(server.port)
    channel = feed["gate"].channel
    encoder = encoders.of(channel)
    feed.remove("gate")
    assert eventually(lambda: not encoder.is_encoding and channel.viewers == 0)
    assert ask(server.port, INDEX)[0] == 404


@pytest.mark.usefixtures("soon")
def test_only_those_who_may_see_a_stream_read_its_video(
    feed: LiveFeed, encoders: StreamEncoders, tmp_path: Path
) -> None:
    with people(tmp_path) as users:
        config = ServeConfig()
        server = WebServer(feed.view, port=0, login=Login(users.accounts, config))
        server.start()
        try:
            lines = playlist(server.port, "yard", **users.headers("eve"))
            piece = next(line for line in lines if line.endswith(".m4s"))
            assert ask(server.port, f"/streams/yard/hls/{piece}", **users.headers("eve"))[0] == 200
            for path in (INDEX, "/streams/gate/hls/live.m3u8", "/streams/gate/hls/0.m4s", "/streams/gate/hls/1.mp4"):
                assert ask(server.port, path, **users.headers("eve"))[0] == 403
                assert ask(server.port, path)[0] == 401
            assert encoders.of(feed["gate"].channel).encoded == 0
            url = f"http://eve:{users.tokens['eve']}@127.0.0.1:{server.port}/streams/yard/hls/index.m3u8"
            with av.open(url, timeout=60) as container:  # as players send it: the token as the password of Basic
                assert next(container.decode(video=0)).width == 320
        finally:
            server.stop()


@pytest.mark.parametrize("reader", ["..%2F", "ABC", "a" * 33], ids=["path", "letters", "long"])
def test_a_mark_that_was_never_given_is_refused(server: WebServer, reader: str) -> None:
    status, _, sentence = ask(server.port, f"/streams/gate/hls/live.m3u8?reader={reader}")
    assert status == 400
    assert b"index.m3u8" in sentence


@pytest.mark.usefixtures("soon")
def test_there_are_only_so_many_readers(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls, "MAX_READERS", 2)
    assert [ask(server.port, f"/streams/gate/hls/live.m3u8?reader={n}")[0] for n in (1, 2, 1)] == [200, 200, 200]
    status, _, sentence = ask(server.port, "/streams/gate/hls/live.m3u8?reader=3")
    assert status == 503
    assert b"has 2 readers already" in sentence


@pytest.mark.usefixtures("soon")
def test_a_server_without_an_event_loop_waits_in_its_thread(feed: LiveFeed, encoders: StreamEncoders) -> None:
    client = create_app(feed.view).test_client()
    response = client.get(INDEX)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/vnd.apple.mpegurl"
    assert response.headers["Cache-Control"] == "no-store"
    assert client.get("/streams/gate/hls/1.mp4").data[4:8] == b"ftyp"
    assert client.get("/streams/gate/hls/9.mp4").status_code == 404
    assert INDEX.replace("gate", "{stream_id}") in client.get("/api/openapi.json").json["paths"]


@pytest.mark.browser
def test_chromium_plays_it(server: WebServer, browser: Browser) -> None:
    with fresh_page(browser) as page:
        page.goto(server.url)
        can = page.evaluate("document.createElement('video').canPlayType('application/vnd.apple.mpegurl')")
        assert can, "this Chromium plays no HLS by itself"
        page.evaluate(
            """index => {
              window.video = document.createElement('video');
              video.muted = true;
              video.src = index;
              document.body.append(video);
              video.play();
            }""",
            INDEX,
        )
        assert eventually(lambda: page.evaluate("video.videoWidth === 320 && video.currentTime > 0"))
        shown_s = page.evaluate("video.currentTime")
        assert eventually(lambda: page.evaluate("video.currentTime") > shown_s + 1)
