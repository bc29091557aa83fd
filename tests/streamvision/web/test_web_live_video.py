"""Live video over one HTTP response: packets as they come, shared by all viewers, skipped for those who are slow."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import av
import pytest

from streamvision.core.live_video import VideoLayer
from streamvision.web import video_fanout
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.live_packets import PlayedPackets
from support.web_client import TIMEOUT_S, eventually, get, get_json, opened

SOURCE = VideoLayer("passed_on")
Serve = Callable[..., WebServer]


def read(response: http.client.HTTPResponse) -> tuple[str, dict[str, Any], bytes]:
    """Read one record; return its kind, its line and what is behind it. Heartbeats are passed over."""
    while True:
        header = json.loads(response.readline())
        data = response.read(header["bytes"] if "bytes" in header else header["jpeg_bytes"])
        if "heartbeat" not in header:
            kinds = ("format", "packet", "result", "scene", "notice")
            return next((one for one in kinds if one in header), "picture"), header, data


def read_until(response: http.client.HTTPResponse, wanted: Callable[[str, dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(4000):
        kind, header, _ = read(response)
        if wanted(kind, header):
            return header
    raise AssertionError("it did not come")


def test_packets_are_the_ones_that_were_sent_and_decode(server: WebServer, packets: PlayedPackets) -> None:
    decoder = av.CodecContext.create("h264", "r")
    with opened(server.port, "/api/live?streams=gate&layer=source") as response:
        kind, header, _ = read(response)
        assert kind == "format"
        assert header["format"] == {
            "generation": 1,
            "codec": "avc1.42c01e",
            "width_px": 320,
            "height_px": 180,
            "way": "passed_on",
            "layer": "source",
            "is_drawn": False,
            "reorders": False,
            "sound": None,
        }
        taken = [read(response) for _ in range(40)]
    assert {kind for kind, _, _ in taken} == {"packet"}
    sent = packets.layer("gate", SOURCE).sent
    assert [data for _, _, data in taken] == [packet.data for packet in sent[:40]]
    assert [header["packet"]["time_us"] for _, header, _ in taken] == [packet.time_us for packet in sent[:40]]
    assert taken[0][1]["packet"]["is_key"]
    pictures = [frame for _, _, data in taken for frame in decoder.decode(av.Packet(data))]
    assert len(pictures) >= 39 and (pictures[0].width, pictures[0].height) == (320, 180)


def test_whoever_joins_gets_the_last_group_of_pictures_at_once(server: WebServer, packets: PlayedPackets) -> None:
    played = packets.layer("gate", SOURCE)
    with opened(server.port, "/api/live?streams=gate&layer=source") as first:
        assert eventually(lambda: len(played.sent) >= 12)
        with opened(server.port, "/api/live?streams=gate&layer=source") as second:
            joined_us = time.monotonic() * 1e6
            records = [read(second) for _ in range(10)]
        assert all(header["packet"]["captured_us"] < joined_us for _, header, _ in records[1:]), "none is waited for"
        assert records[0][0] == "format" and records[1][1]["packet"]["is_key"]
        assert read(first)[0] == "format"
    assert played.subscriptions == 1, "one subscription is shared by all"
    assert eventually(lambda: not played.listeners), "the last one who leaves ends it"


def test_whoever_joins_a_layer_that_is_encoded_gets_a_key_frame_made(server: WebServer, packets: PlayedPackets) -> None:
    played = packets.layer("gate", VideoLayer("encoded"))
    with opened(server.port, "/api/live?streams=gate&layer=h264") as first:
        read_until(first, lambda kind, _: kind == "packet")
        for _ in range(13):
            played.place = 5  # no key frame comes by itself
            time.sleep(0.1)
        asked = played.key_frames_asked
        with opened(server.port, "/api/live?streams=gate&layer=h264") as second:
            records = [read(second) for _ in range(3)]
        assert [kind for kind, _, _ in records] == ["format", "packet", "packet"]
        assert records[1][1]["packet"]["is_key"]
        assert played.key_frames_asked == asked + 1


def test_layers_may_be_mixed_on_one_connection(server: WebServer, packets: PlayedPackets) -> None:
    query = "streams=gate,yard&layer=jpeg,h264&width=,160"
    with opened(server.port, f"/api/live?{query}") as response:
        records = [read(response) for _ in range(60)]
    kinds = {(header["stream"], kind) for kind, header, _ in records}
    assert kinds == {("gate", "picture"), ("yard", "format"), ("yard", "packet")}
    about = next(header["format"] for kind, header, _ in records if kind == "format")
    assert (about["layer"], about["width_px"], about["way"], about["is_drawn"]) == ("h264", 160, "encoded", True)


def test_video_is_no_reason_to_draw(feed: LiveFeed, server: WebServer, packets: PlayedPackets) -> None:
    with opened(server.port, "/api/live?streams=gate&layer=auto&results=1") as response:
        read(response)
        encoded = feed["gate"].encoded
        for _ in range(30):
            read(response)
        assert feed["gate"].channel.viewers == 1
        assert feed["gate"].encoded == encoded
    assert eventually(lambda: feed["gate"].channel.viewers == 0)


def test_every_frame_has_its_result_and_the_scene_comes_first(server: WebServer, packets: PlayedPackets) -> None:
    with opened(server.port, "/api/live?streams=gate&layer=source&results=1") as response:
        records = [read(response) for _ in range(80)]
    scenes = [header["scene"] for kind, header, _ in records if kind == "scene"]
    assert len(scenes) == 1 and scenes[0]["names"] == ["person", "car", "truck"]
    results = [header["result"] for kind, header, _ in records if kind == "result"]
    begun = next(index for index, (kind, _, _) in enumerate(records) if kind == "packet")
    frames = [header["result"]["frame"] for kind, header, _ in records[begun:] if kind == "result"]
    assert len(frames) > 20 and frames == list(range(frames[0], frames[0] + len(frames)))
    assert {one["class_name"] for one in results[-1]["objects"]} == {"car", "person"}
    kinds = [kind for kind, _, _ in records]
    assert kinds.index("scene") < kinds.index("result")


def test_what_cannot_be_passed_on_is_encoded_and_passed_on_again(server: WebServer, packets: PlayedPackets) -> None:
    source = packets.layer("gate", SOURCE)
    source.become("faces are blurred")
    with opened(server.port, "/api/live?streams=gate&layer=source") as response:
        kind, header, _ = read(response)
        assert (kind, header["notice"]) == ("notice", {"layer": "source", "reason": "faces are blurred"})
    with opened(server.port, "/api/live?streams=gate&layer=auto") as response:
        assert read(response)[1]["format"]["layer"] == "h264"
        source.become(None)
        begun = read_until(response, lambda kind, _: kind == "format")
        assert begun["format"]["layer"] == "source"
        assert read(response)[1]["packet"]["is_key"]
        source.become("it is HEVC from now on")
        assert read_until(response, lambda kind, _: kind == "format")["format"]["layer"] == "h264"
        encoded = packets.layer("gate", VideoLayer("encoded"))
        encoded.become("no encoder is left")
        assert read_until(response, lambda kind, _: kind == "notice")["notice"]["reason"] == "no encoder is left"


@pytest.mark.parametrize("encodes", [True, False])
def test_who_waits_for_a_rare_key_frame_gets_encoded_video_up_to_it(
    feed: LiveFeed, server: WebServer, monkeypatch: pytest.MonkeyPatch, encodes: bool
) -> None:
    monkeypatch.setattr(video_fanout, "KEY_PATIENCE_S", 0.3)
    with PlayedPackets(fps=8) as packets:
        feed.view.packets = packets
        source, encoded = packets.layer("gate", SOURCE), packets.layer("gate", VideoLayer("encoded"))
        source.place = 2  # its next key frame is 3 s away
        encoded.reason = None if encodes else "no encoder"
        with opened(server.port, "/api/live?streams=gate&layer=auto") as response:
            came = []
            while ("source", "packet") not in came:
                kind, header, _ = read(response)
                if kind == "format":
                    layer = header["format"]["layer"]
                    came.append((layer, kind))
                elif kind == "packet" and came[-1] != (layer, kind):
                    assert header["packet"]["is_key"]
                    came.append((layer, kind))
            way = [("h264", "format"), ("h264", "packet"), ("source", "format")] if encodes else []
            assert came == [("source", "format"), *way, ("source", "packet")]
            assert eventually(lambda: not encoded.listeners)


def test_another_generation_begins_with_its_format(server: WebServer, packets: PlayedPackets) -> None:
    with opened(server.port, "/api/live?streams=gate&layer=source") as response:
        for _ in range(5):
            read(response)
        packets.layer("gate", SOURCE).become(None)
        begun = read_until(response, lambda kind, _: kind == "format")
        kind, header, _ = read(response)
    assert kind == "packet" and header["packet"]["is_key"]
    assert header["packet"]["generation"] == begun["format"]["generation"] == 2


def test_where_nothing_makes_video_a_sentence_says_so(server: WebServer) -> None:
    with opened(server.port, "/api/live?layer=auto,jpeg&streams=gate,yard") as response:
        header = read_until(response, lambda kind, _: kind == "notice")
        assert header["stream"] == "gate" and "jpeg" in header["notice"]["reason"]
        assert read_until(response, lambda kind, _: kind == "picture")["stream"] == "yard"


def test_streams_that_come_later_come_in_the_same_layer(
    feed: LiveFeed, server: WebServer, packets: PlayedPackets
) -> None:
    with opened(server.port, "/api/live?layer=source") as response:
        read(response)
        feed.add("late")
        begun = read_until(response, lambda kind, header: kind == "format" and header["stream"] == "late")
        assert begun["format"]["layer"] == "source"
        feed.remove("late")
        assert eventually(lambda: not packets.layer("late", SOURCE).listeners)


def slow_viewer(port: int, path: str) -> socket.socket:
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    viewer.settimeout(TIMEOUT_S)
    viewer.connect(("127.0.0.1", port))
    viewer.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    return viewer


class Records:
    """The records of a response of HTTP/1.0, which comes in whatever pieces."""

    def __init__(self) -> None:
        self._data = b""
        self._is_body = False

    def feed(self, data: bytes) -> list[tuple[dict[str, Any], bytes]]:
        self._data += data
        if not self._is_body:
            _, separator, rest = self._data.partition(b"\r\n\r\n")
            if not separator:
                return []
            self._data, self._is_body = rest, True
        found = []
        while (end := self._data.find(b"\n")) >= 0:
            header = json.loads(self._data[:end])
            size = header["bytes"] if "bytes" in header else header["jpeg_bytes"]
            if len(self._data) < end + 1 + size:
                break
            found.append((header, self._data[end + 1 : end + 1 + size]))
            self._data = self._data[end + 1 + size :]
        return found


def test_a_slow_viewer_is_skipped_to_key_frames_and_holds_nobody_up(feed: LiveFeed, serve: Serve) -> None:
    with PlayedPackets(size_px=(640, 360), grain=60) as played:
        feed.view.packets = played
        server = serve(feed)
        source = played.layer("gate", SOURCE)
        viewer, records, packets = slow_viewer(server.port, "/api/live?streams=gate&layer=source"), Records(), []
        with opened(server.port, "/api/live?streams=gate&layer=source") as quick:
            came, gaps = 0, []
            until_s = time.monotonic() + TIMEOUT_S
            while not gaps or came < 50:
                assert time.monotonic() < until_s, "something is left out"
                read(quick)
                came += 1
                if came % 4 == 0:  # a quarter of what the video needs
                    packets += [one["packet"] for one, _ in records.feed(viewer.recv(16 * 1024)) if "packet" in one]
                    gaps = [now for before, now in pairwise(packets) if now["time_us"] - before["time_us"] != 40_000]
        viewer.close()
        bytes_per_s = sum(len(packet.data) for packet in source.sent[-50:]) / 2
        assert bytes_per_s > 250_000, "else nobody is slow"
        assert came > 2 * len(packets), "the quick one has far more"
        assert all(packet["is_key"] for packet in gaps), "what comes after a gap is a key frame"
        text = get(server.port, "/metrics")[2].decode()
        assert 'streamvision_live_skips_total{layer="source"} ' in text


def test_a_slow_viewer_gets_a_smaller_layer(serve: Serve) -> None:
    with LiveFeed("gate", width_px=640, height_px=360) as feed, PlayedPackets(size_px=(640, 360), grain=60) as played:
        feed.view.packets = played
        server = serve(feed)
        viewer, records = slow_viewer(server.port, "/api/live?streams=gate&layer=auto"), Records()
        formats: list[dict[str, Any]] = []
        end_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end_s and not any(one["way"] == "encoded" for one in formats):
            time.sleep(0.1)
            formats += [one["format"] for one, _ in records.feed(viewer.recv(12 * 1024)) if "format" in one]
        viewer.close()
    assert [one["way"] for one in formats][:2] == ["passed_on", "encoded"]
    assert formats[1]["width_px"] < 640


def test_a_dead_viewer_is_evicted(feed: LiveFeed, serve: Serve, packets: PlayedPackets) -> None:
    server = serve(feed, eviction_s=2.0)
    with ExitStack() as stack:
        viewer = stack.enter_context(slow_viewer(server.port, "/api/live?layer=source"))
        assert eventually(lambda: server.fanout.connections == 1)
        assert eventually(lambda: server.fanout.evicted["takes nothing"] == 1), viewer
        assert eventually(lambda: not packets.layer("gate", SOURCE).listeners)


def test_the_metrics_tell_who_takes_what(server: WebServer, packets: PlayedPackets) -> None:
    with opened(server.port, "/api/live?streams=gate,yard&layer=source,jpeg") as response:
        read_until(response, lambda kind, _: kind == "packet")
        text = get(server.port, "/metrics")[2].decode()
    assert 'streamvision_live_viewers{layer="source"} 1.0' in text
    assert 'streamvision_live_viewers{layer="jpeg"} 1.0' in text
    assert 'streamvision_live_bytes_total{layer="source"} ' in text


def test_the_description_of_the_api_knows_the_layers(server: WebServer) -> None:
    _, document = get_json(server.port, "/api/openapi.json")
    asked = {one["name"] for one in document["paths"]["/api/live"]["get"]["parameters"]}
    assert {"streams", "width", "layer", "results"} <= asked
