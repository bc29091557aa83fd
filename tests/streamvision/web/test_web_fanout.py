"""Many viewers, one encode; slow and dead ones cost the others nothing."""

from __future__ import annotations

import threading
import time

import av
import cv2
import numpy as np
import pytest

from streamvision.web.fanout import EVICTION_S
from streamvision.web.link import PulledLink
from streamvision.web.server import WebServer
from streamvision.web.viewer import Subscription
from support.live_feed import LiveFeed, published_after
from support.web_client import (
    TIMEOUT_S,
    eventually,
    get_json,
    opened,
    raw_viewer,
    read_part,
    read_record,
)


def test_plain_mjpeg_carries_new_pictures(server: WebServer) -> None:
    with opened(server.port, "/streams/gate/mjpeg") as response:
        assert response.status == 200
        assert response.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
        pictures = {read_part(response) for _ in range(5)}
    assert len(pictures) == 5


def test_early_boundary_follows_each_picture_without_waiting_for_the_next() -> None:
    feed = LiveFeed("gate")
    feed["gate"].publish()  # one picture, and never another
    server = WebServer(feed.view, port=0)
    server.start()
    try:
        picture = feed["gate"].channel.latest.jpeg()
        header = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
        with opened(server.port, "/streams/gate/mjpeg?boundary=early") as response:
            expected = header + picture + b"\r\n" + header
            assert response.read(len(expected)) == expected
    finally:
        server.stop()


def test_who_has_gone_follows_nothing_that_it_asked_for_before(feed: LiveFeed, server: WebServer) -> None:
    async def leave_and_change() -> None:
        viewer = server.fanout.admit(Subscription("live", ("gate",)), PulledLink())
        server.fanout.drop(viewer)
        server.fanout.change(viewer, Subscription("live", ("yard",)))

    server.fanout._calls.run(leave_and_change())
    assert feed["gate"].channel.viewers == feed["yard"].channel.viewers == 0


@pytest.mark.parametrize("boundary", ["plain", "early"])
def test_ffmpeg_reads_it(server: WebServer, boundary: str) -> None:
    url = f"{server.url}streams/gate/mjpeg?boundary={boundary}"
    with av.open(
        url, format="mpjpeg", timeout=(TIMEOUT_S, TIMEOUT_S), options={"strict_mime_boundary": "1"}
    ) as container:
        frames = [frame for _, frame in zip(range(4), container.decode(video=0), strict=False)]
    assert [(f.width, f.height) for f in frames] == [(320, 180)] * 4


def test_a_new_viewer_of_a_silent_stream_gets_the_newest_picture_at_once(feed: LiveFeed, server: WebServer) -> None:
    feed["gate"].enter("stalled", "silent")
    time.sleep(0.1)
    with opened(server.port, "/streams/gate/mjpeg") as response:
        assert read_part(response) == feed["gate"].channel.latest.jpeg()


def test_multiplexed_response_carries_all_streams_fairly(server: WebServer) -> None:
    with opened(server.port, "/api/live") as response:
        records = [read_record(response) for _ in range(24)]
    shares = {name: [h for h, _ in records if h["stream"] == name] for name in ("gate", "yard")}
    assert all(6 <= len(headers) <= 18 for headers in shares.values())
    for headers in shares.values():
        sequences = [h["sequence"] for h in headers]
        assert sequences == sorted(set(sequences)), "never the same picture twice, never an older one"
    header, picture = records[-1]
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape == (180, 320, 3)
    assert 0 <= header["age_s"] < TIMEOUT_S and abs(header["sent_at_s"] - time.monotonic()) < TIMEOUT_S


def test_multiplexed_response_of_chosen_streams(server: WebServer) -> None:
    with opened(server.port, "/api/live?streams=yard") as response:
        assert {read_record(response)[0]["stream"] for _ in range(5)} == {"yard"}


def test_silent_multiplexed_response_beats(feed: LiveFeed, server: WebServer) -> None:
    for stream in feed.streams.values():
        stream.enter("stalled", "silent")
    with opened(server.port, "/api/live") as response:
        assert eventually(lambda: "heartbeat" in read_record(response, heartbeats=True)[0])


def test_fifty_viewers_get_frames_that_are_encoded_once(feed: LiveFeed, server: WebServer) -> None:
    gate = feed["gate"]
    received: list[int] = []

    def watch(number: int) -> None:
        with opened(server.port, "/streams/gate/mjpeg" if number % 2 else "/api/live?streams=gate") as response:
            read = 0
            while read < 10 or not all_are_there.is_set():
                read_part(response) if number % 2 else read_record(response)
                read += 1
        received.append(number)

    before, all_are_there = gate.published, threading.Event()
    threads = [threading.Thread(target=watch, args=(i,), daemon=True) for i in range(50)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: gate.channel.viewers == 50)
    all_are_there.set()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert sorted(received) == list(range(50))
    assert gate.encoded <= gate.published - before + 2, "each frame is encoded once, not once a viewer"
    assert feed["yard"].encoded == 0, "nobody watched it"
    assert eventually(lambda: gate.channel.viewers == 0)
    assert gate.channel.sent_age_s.count <= gate.published
    assert 0 < gate.channel.sent_age_s.quantiles()["p50"] < TIMEOUT_S


def test_nobody_watches_nothing_is_encoded(feed: LiveFeed, server: WebServer) -> None:
    assert published_after(feed["gate"].channel, 5)
    assert feed["gate"].encoded == 0


@pytest.fixture
def large_feed():
    with LiveFeed("gate", fps=40, width_px=1280, height_px=720) as running:
        yield running


def test_a_viewer_that_never_reads_is_evicted_and_hurts_nobody(large_feed: LiveFeed, serve) -> None:
    server = serve(large_feed, eviction_s=1.5)
    gate = large_feed["gate"]
    frozen = raw_viewer(server.port, "/streams/gate/mjpeg", receive_buffer_bytes=4096)
    assert eventually(lambda: gate.channel.viewers == 1)
    with opened(server.port, "/streams/gate/mjpeg") as response:
        begin_s, seen = time.monotonic(), 0
        while server.fanout.evicted["takes nothing"] == 0 and time.monotonic() - begin_s < TIMEOUT_S:
            read_part(response)
            seen += 1
        assert server.fanout.evicted["takes nothing"] == 1, "the frozen viewer is gone"
        assert gate.channel.viewers == 1, "the other one is not"
        assert seen > 3, "and has had pictures meanwhile"
    frozen.close()


def test_the_default_patience_is_ten_seconds(feed: LiveFeed) -> None:
    assert EVICTION_S == 10.0
    assert WebServer(feed.view, port=0).fanout.eviction_s == 10.0


def test_a_slow_viewer_skips_to_the_newest_picture(large_feed: LiveFeed, serve) -> None:
    server = serve(large_feed)
    gate = large_feed["gate"]
    with opened(server.port, "/api/live") as response:
        sequences = [read_record(response)[0]["sequence"]]
        newest = sequences[0] + 100  # some wait in the kernel's buffers, far from all of the hundred
        assert published_after(gate.channel, newest)
        while sequences[-1] <= newest:
            sequences.append(read_record(response)[0]["sequence"])
    assert sequences == sorted(set(sequences))
    assert len(sequences) < 100, "those between were left out"


def test_viewers_that_vanish_are_forgotten(feed: LiveFeed, server: WebServer) -> None:
    viewers = [raw_viewer(server.port, "/streams/gate/mjpeg") for _ in range(5)]
    assert eventually(lambda: feed["gate"].channel.viewers == 5)
    for viewer in viewers:
        viewer.close()
    assert eventually(lambda: feed["gate"].channel.viewers == 0)
    assert server.fanout.connections == 0


def test_a_viewer_of_a_silent_stream_that_leaves_is_noticed(feed: LiveFeed, server: WebServer) -> None:
    feed["gate"].enter("stalled", "silent")
    viewer = raw_viewer(server.port, "/streams/gate/mjpeg")
    assert eventually(lambda: feed["gate"].channel.viewers == 1)
    viewer.close()
    assert eventually(lambda: feed["gate"].channel.viewers == 0)


def test_one_viewer_too_many_is_refused_in_a_sentence(feed: LiveFeed, serve) -> None:
    server = serve(feed, max_viewers=2)
    admitted = [raw_viewer(server.port, "/streams/gate/mjpeg") for _ in range(2)]
    assert eventually(lambda: server.fanout.connections == 2)
    status, body = get_json(server.port, "/streams/gate/mjpeg")
    assert status == 503 and body["error"].startswith("2 viewers are connected")
    admitted[0].close()
    assert eventually(lambda: server.fanout.connections == 1)
    with opened(server.port, "/streams/gate/mjpeg") as response:
        read_part(response)
    admitted[1].close()


def test_a_viewer_that_asks_on_and_leaves_is_no_fault(feed: LiveFeed, serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(feed, eviction_s=1.0)
    viewer = raw_viewer(server.port, "/streams/gate/mjpeg")
    assert eventually(lambda: server.fanout.connections == 1)
    viewer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert viewer.recv(100)
    time.sleep(0.2)  # the second request is read
    viewer.close()
    assert eventually(lambda: server.fanout.connections == 0)
    server.stop()
    assert not caplog.records


def test_mjpeg_of_a_stream_that_is_over_comes_to_an_end(feed: LiveFeed, server: WebServer) -> None:
    with opened(server.port, "/streams/gate/mjpeg") as response:
        read_part(response)
        feed["gate"].enter("ended")
        rest = response.read()  # returns at the end, or times out
    assert rest.endswith(b"--frame--\r\n")


def test_a_picture_that_cannot_be_encoded_stops_no_other_stream(feed: LiveFeed, server: WebServer) -> None:
    def broken(_: object) -> bytes:
        raise ValueError("damaged")

    feed["yard"].enter("stalled")
    time.sleep(0.1)
    feed["yard"].channel.latest._encode = broken
    with opened(server.port, "/api/live") as response:
        assert [read_record(response)[0]["stream"] for _ in range(3)] == ["gate"] * 3
