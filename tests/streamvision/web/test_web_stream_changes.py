"""Streams that come and go while people watch: what carries a stream alone ends with it, everything else goes on."""

from __future__ import annotations

import re

from streamvision.web.server import WebServer
from support.live_feed import LiveFeed, published_after
from support.web_client import eventually, get, get_json, opened, read_event, read_part, read_record


def test_responses_of_a_removed_stream_end_and_multiplexed_ones_go_on(feed: LiveFeed, server: WebServer) -> None:
    gate = feed["gate"].channel
    with (
        opened(server.port, "/streams/gate/mjpeg") as alone,
        opened(server.port, "/api/live") as every,
        opened(server.port, "/api/live?streams=gate,yard") as chosen,
    ):
        read_part(alone), read_record(every), read_record(chosen)
        assert eventually(lambda: gate.viewers == 3)
        feed.remove("gate")
        assert alone.read().endswith(b"--frame--\r\n"), "the response is complete"
        for response in (every, chosen):
            assert eventually(lambda response=response: read_record(response)[0]["stream"] == "yard")
        assert eventually(lambda: gate.viewers == 0), "nobody is counted who cannot see anything"
        assert get_json(server.port, "/streams/gate/snapshot.jpg")[0] == 404
        assert get_json(server.port, "/api/streams/gate")[0] == 404
        feed.add("gate")
        for response in (every, chosen):
            assert eventually(lambda response=response: read_record(response)[0].get("stream") == "gate")
        feed.add("attic")
        assert eventually(lambda: read_record(every)[0].get("stream") == "attic")
        assert {read_record(chosen)[0]["stream"] for _ in range(12)} == {"gate", "yard"}
        for response in (alone, every, chosen):
            response.close()
    assert eventually(lambda: server.fanout.connections == 0)
    assert feed["gate"].channel.viewers == feed["attic"].channel.viewers == 0


def test_events_follow(feed: LiveFeed, server: WebServer) -> None:
    with opened(server.port, "/api/events?detections=1") as response:
        read_event(response)
        feed.add("attic")
        assert eventually(lambda: read_event(response)[1].get("stream") == "attic")
        feed.remove("gate")
        assert eventually(lambda: _streams_of(read_event(response)) == {"yard", "attic"})
        feed["attic"].enter("stalled", "silent")
        assert eventually(lambda: _state_of(read_event(response), "attic") == "stalled")


def test_page_api_and_metrics_follow(feed: LiveFeed, server: WebServer) -> None:
    feed.add("attic")
    assert published_after(feed["attic"].channel, 0)
    feed.remove("gate")
    assert [one["id"] for one in get_json(server.port, "/api/streams")[1]["streams"]] == ["yard", "attic"]
    page = get(server.port, "/")[2].decode()
    metrics = get(server.port, "/metrics")[2].decode()
    for text in (page, metrics):
        assert [bool(re.search(rf"\b{name}\b", text)) for name in ("attic", "gate")] == [True, False]


def _streams_of(event: tuple[str, object]) -> set[str]:
    name, data = event
    return {one["id"] for one in data["streams"]} if name == "status" and isinstance(data, dict) else set()


def _state_of(event: tuple[str, object], stream_id: str) -> str | None:
    name, data = event
    return data["state"] if name == "state" and isinstance(data, dict) and data["stream"] == stream_id else None
