"""Server-sent events: states as they change, the status every second, detections for those who want them."""

from __future__ import annotations

import time

from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import TIMEOUT_S, eventually, opened, raw_viewer, read_event


def test_status_comes_at_once_and_then_every_second(server: WebServer) -> None:
    with opened(server.port, "/api/events") as response:
        assert response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        read_event(response)
        begin_s = time.monotonic()
        events = [read_event(response) for _ in range(3)]
        took_s = time.monotonic() - begin_s
    assert [name for name, _ in events] == ["status"] * 3
    assert {s["id"] for s in events[0][1]["streams"]} == {"gate", "yard"}
    assert took_s > 0.5
    assert events[-1][1]["streams"][0]["frames_done"] > events[0][1]["streams"][0]["frames_done"]


def test_change_of_state_is_told_with_its_reason(feed: LiveFeed, server: WebServer) -> None:
    with opened(server.port, "/api/events") as response:
        read_event(response), read_event(response)
        feed["gate"].enter("stalled", "no data for 2.0 s")
        name, data = read_event(response)
        while name != "state":
            name, data = read_event(response)
        assert data["state_age_s"] < TIMEOUT_S
        assert {k: v for k, v in data.items() if k != "state_age_s"} == {
            "stream": "gate",
            "previous": "live",
            "state": "stalled",
            "reason": "no data for 2.0 s",
        }
        name, data = read_event(response)
        assert name == "status" and data["streams"][0]["state"] == "stalled"


def test_detections_of_every_frame_for_those_who_ask(feed: LiveFeed, server: WebServer) -> None:
    with opened(server.port, "/api/events?detections=1&streams=gate") as response:
        seen = []
        while len(seen) < 10:
            name, data = read_event(response)
            if name == "detections":
                seen.append(data)
    assert {d["stream"] for d in seen} == {"gate"}
    frames = [d["frame"] for d in seen]
    assert frames == sorted(set(frames))
    assert seen[0]["objects"][0]["class_name"] == "car"
    assert feed["gate"].encoded == 0, "events need no pictures, and make nobody a viewer"


def test_without_asking_no_detections(server: WebServer) -> None:
    with opened(server.port, "/api/events") as response:
        assert {read_event(response)[0] for _ in range(3)} == {"status"}


def test_a_listener_that_never_reads_is_evicted(feed: LiveFeed, serve) -> None:
    server = serve(feed, eviction_s=1.0)
    server.fanout.broadcast(b"", key="warm-up")
    frozen = raw_viewer(server.port, "/api/events", receive_buffer_bytes=4096)
    assert eventually(lambda: server.fanout.connections == 1)
    ballast = b": " + b"x" * 1_000_000 + b"\n\n"
    for number in range(4):
        server.fanout.broadcast(ballast, key=f"ballast {number}")
    assert eventually(lambda: server.fanout.connections == 0)
    assert server.fanout.evicted["takes nothing"] == 1
    frozen.close()
