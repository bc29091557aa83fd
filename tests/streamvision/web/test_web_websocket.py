"""Live records over a WebSocket: the same as over HTTP, decided by the same rules, and bounded like them."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from wsproto.frame_protocol import Opcode

from streamvision.core.config.serve import ServeConfig
from streamvision.core.live_video import VideoLayer
from streamvision.web.asgi import AsgiApp
from streamvision.web.certificate import Certificate
from streamvision.web.login import Login
from streamvision.web.self_signed import self_signed
from streamvision.web.server import WebServer
from streamvision.web.viewer import Subscription
from support.accounts import people
from support.live_feed import LiveFeed
from support.live_packets import PlayedPackets
from support.web_client import TIMEOUT_S, eventually
from support.websocket_client import ACCEPT, WebSocketClient

SOURCE = VideoLayer("passed_on")
Serve = Callable[..., WebServer]


def until(client: WebSocketClient, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(4000):
        header, _ = client.record()
        if wanted(header):
            return header
    raise AssertionError("it did not come")


def test_a_record_is_a_message(server: WebServer, packets: PlayedPackets) -> None:
    path = "/api/live?streams=gate,yard&layer=source,jpeg&results=1"
    with WebSocketClient(server.port, path) as client:
        assert (client.status, client.headers["sec-websocket-accept"]) == (101, ACCEPT)
        assert "sec-websocket-protocol" not in client.headers and "sec-websocket-extensions" not in client.headers
        assert client.record()[0]["heartbeat"]
        records = [client.record() for _ in range(100)]
    taken = [data for header, data in records if "packet" in header]
    assert taken == [packet.data for packet in packets.layer("gate", SOURCE).sent[: len(taken)]] and len(taken) > 10
    assert {header["stream"] for header, data in records if data.startswith(b"\xff\xd8")} == {"yard"}
    assert any("result" in header for header, _ in records) and any("scene" in header for header, _ in records)
    assert eventually(lambda: server.fanout.connections == 0)


def test_the_subprotocol_is_chosen_where_it_is_offered(server: WebServer) -> None:
    offered = {"Sec-WebSocket-Protocol": "other, streamvision.live"}
    with WebSocketClient(server.port, "/api/live", **offered) as client:
        assert client.headers["sec-websocket-protocol"] == "streamvision.live"


def test_large_pictures_come_whole(serve: Serve) -> None:
    with LiveFeed("gate", width_px=1280, height_px=720, grain=60) as feed:
        server = serve(feed)
        with WebSocketClient(server.port, "/api/live") as client:
            header = until(client, lambda one: one.get("jpeg_bytes", 0) > 65536)
    assert header["width_px"] == 1280


@pytest.mark.parametrize(
    ("path", "headers", "status", "said"),
    [
        ("/api/live?streams=moon", {}, 404, "moon"),
        ("/api/live?layer=vp9", {}, 400, "layer"),
        ("/api/live", {"Sec_WebSocket_Version": "8"}, 426, "Sec-WebSocket-Version: 13"),
        ("/api/live", {"Sec_WebSocket_Key": "short"}, 400, "Base64"),
        ("/api/live", {"Origin": "https://evil.example"}, 403, "evil.example"),
        ("/api/live", {"Host": "evil.example"}, 421, "evil.example"),
    ],
)
def test_a_refusal_is_an_ordinary_answer(
    server: WebServer, path: str, headers: dict[str, str], status: int, said: str
) -> None:
    with WebSocketClient(server.port, path, **headers) as client:
        assert client.status == status
        assert said in client.refusal()
    assert server.fanout.connections == 0


def test_the_own_page_may_connect(server: WebServer) -> None:
    with WebSocketClient(server.port, "/api/live", Origin=f"http://127.0.0.1:{server.port}") as client:
        assert client.status == 101


def test_without_upgrade_it_is_http(server: WebServer) -> None:
    for header in ({"Connection": "keep-alive"}, {"Upgrade": "h2c"}):
        with WebSocketClient(server.port, "/api/live", **header) as client:
            assert client.status == 200 and client.headers["transfer-encoding"] == "chunked"


def test_what_is_watched_changes_without_a_break(feed: LiveFeed, server: WebServer, packets: PlayedPackets) -> None:
    feed.add("door")
    with WebSocketClient(server.port, "/api/live?streams=gate,yard&layer=source,jpeg&results=1") as client:
        times_us = [until(client, lambda one: "packet" in one)["packet"]["time_us"] for _ in range(10)]
        client.send(json.dumps({"streams": "gate,door,yard", "layer": "source,jpeg,h264", "width": ",160,160"}))
        seen: set[tuple[str, str]] = set()
        wanted = {("gate", "packet"), ("door", "jpeg_bytes"), ("yard", "packet"), ("door", "result")}
        while not wanted <= seen:
            header, _ = client.record()
            seen |= {(header.get("stream", ""), kind) for kind in ("packet", "jpeg_bytes", "result") if kind in header}
            if "packet" in header and header["stream"] == "gate":
                times_us.append(header["packet"]["time_us"])
            assert "format" not in header or header["stream"] == "yard", "what stays does not begin anew"
        assert times_us == [40_000 * index for index in range(len(times_us))]
        client.send(json.dumps({"streams": "yard", "layer": "jpeg"}))
        assert until(client, lambda one: one.get("stream") == "yard" and "sequence" in one)
        assert eventually(lambda: not packets.layer("gate", SOURCE).listeners)
        assert feed["door"].channel.viewers == 0 and feed["yard"].channel.viewers == 1


def test_another_layer_begins_where_the_one_before_ends(server: WebServer, packets: PlayedPackets) -> None:
    source = packets.layer("gate", SOURCE)
    source.place = 5  # its next key frame is 0.8 s away
    with WebSocketClient(server.port, "/api/live?streams=gate&layer=h264&width=160") as client:
        until(client, lambda one: "packet" in one)
        client.send('{"streams": "gate", "layer": "source"}')
        came = []
        while not came or came[-1].get("format", {}).get("layer") != "source":
            came.append(client.record()[0])
        captured_us = [one["packet"]["captured_us"] for one in came if "packet" in one]
        assert len(captured_us) >= 10, "the former layer goes on until the key frame"
        first = client.record()[0]["packet"]
        sent_us = [one.captured_us for one in packets.layer("gate", VideoLayer("encoded", 160)).sent]
        between = [at_us for at_us in sent_us if captured_us[-1] < at_us < first["captured_us"]]
        assert first["is_key"] and len(between) < 5
        client.send('{"streams": "gate", "layer": "h264", "width": "320"}')
        begun = until(client, lambda one: "format" in one)["format"]
        assert (begun["layer"], begun["width_px"]) == ("h264", 320)
        assert client.record()[0]["packet"]["is_key"]
        assert eventually(lambda: not source.listeners)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{", "JSON object"),
        ("[]", "JSON object"),
        ('{"streams": 1}', "JSON object"),
        ('{"streams": "gate", "results": "1"}', "streams, width, layer"),
        ('{"streams": "moon"}', "no stream 'moon'"),
        ('{"streams": "\\ud800"}', "no stream '?'"),
        ("[" * 16_000, "JSON object"),
        ('{"layer": "vp9"}', "vp9"),
        ('{"streams": "gate,yard", "width": "1,2,3"}', "3 widths"),
        ("x" * 20_000, "characters"),
        (b"\0", "text"),
    ],
)
def test_what_is_not_accepted_ends_it_with_a_sentence(server: WebServer, message: str | bytes, said: str) -> None:
    with WebSocketClient(server.port, "/api/live") as client:
        client.send(message)
        code, reason = client.closed()
        assert code == 1008 and said in reason
        client.close(code)
        assert client.is_over()
    assert eventually(lambda: server.fanout.connections == 0)


def test_fragments_are_joined_and_bounded(server: WebServer) -> None:
    with WebSocketClient(server.port, "/api/live?streams=gate") as client:
        client.send('{"stre', fin=False)
        client.ping(b"between")
        client.send('ams":"yard"}')
        while (frame := client.frame()).opcode is not Opcode.PONG:
            pass
        assert frame.payload == b"between"
        assert until(client, lambda one: one.get("stream") == "yard")
        for _ in range(100):
            client.send("", fin=False)
        assert client.closed()[0] == 1008


def test_frames_that_the_rfc_forbids_end_it(server: WebServer) -> None:
    for bytes_ in (b"\x81\x03abc", b"\xf1\x80abcd", b"\x83\x80abcd", b"\x89\xfe\x00\xffabcd", b"\x80\x80abcd"):
        with WebSocketClient(server.port, "/api/live?streams=gate") as client:
            client.socket.sendall(bytes_)
            assert client.closed()[0] == 1002
            assert client.is_over()
    with WebSocketClient(server.port, "/api/live?streams=gate") as client:
        client.socket.sendall(b"\x81\x84\0\0\0\0\xff\xff\xff\xff")
        assert client.closed()[0] == 1007


def test_a_goodbye_is_answered(server: WebServer) -> None:
    with WebSocketClient(server.port, "/api/live") as client:
        client.close(1001)
        assert client.closed()[0] == 1000
        assert client.is_over()
    assert eventually(lambda: server.fanout.connections == 0)


@pytest.mark.parametrize("answers", [True, False])
def test_the_end_of_the_server_is_said(feed: LiveFeed, serve: Serve, answers: bool) -> None:
    server = serve(feed)
    with WebSocketClient(server.port, "/api/live") as client:
        client.record()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert client.closed()[0] == 1001
        if answers:
            client.close(1001)
        stopping.join(TIMEOUT_S)
        assert not stopping.is_alive() and not server.serving


def test_places_count(feed: LiveFeed, serve: Serve) -> None:
    server = serve(feed, max_viewers=2)
    with WebSocketClient(server.port, "/api/live") as first, WebSocketClient(server.port, "/api/live") as second:
        assert first.record() and second.record()
        with WebSocketClient(server.port, "/api/live") as third:
            assert third.status == 503 and "2 viewers" in third.refusal()
        second.send('{"streams": "yard"}')
        streams: list[str | None] = []
        while len(streams) < 20 or set(streams[-20:]) != {"yard"}:  # whoever has a place may change what it watches
            streams.append(second.record()[0].get("stream"))
            assert len(streams) < 1000


def test_who_takes_nothing_is_evicted_and_pings_pile_up_nowhere(feed: LiveFeed, serve: Serve) -> None:
    with PlayedPackets(size_px=(640, 360), grain=60) as played:
        feed.view.packets = played
        server = serve(feed, eviction_s=2.0)
        with WebSocketClient(server.port, "/api/live?streams=gate&layer=source", receive_bytes=8192) as client:
            assert eventually(lambda: server.fanout.connections == 1)
            begin_s = time.monotonic()
            with pytest.raises(OSError):
                while time.monotonic() < begin_s + TIMEOUT_S:
                    client.ping(b"x" * 100)
                    time.sleep(0.1)  # more than 100 frames that are read at once are no viewer's
        assert eventually(lambda: server.fanout.evicted["takes nothing"] == 1)


def test_of_many_messages_the_newest_counts(server: WebServer, packets: PlayedPackets) -> None:
    with WebSocketClient(server.port, "/api/live?streams=gate&layer=source") as client:
        until(client, lambda one: "packet" in one)
        for number in range(90):
            client.send(json.dumps({"layer": "h264", "width": str((160, 240)[number % 2])}))
        client.send('{"streams": "yard", "layer": "source"}')
        until(client, lambda one: one.get("stream") == "yard" and "packet" in one)
    begun = sum(packets.layer("gate", VideoLayer("encoded", width_px)).subscriptions for width_px in (160, 240))
    assert begun <= 20


def test_an_answer_that_comes_as_the_viewer_goes_leaves_nothing_behind(
    server: WebServer, packets: PlayedPackets, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answered_too_late(self: AsgiApp, scope: object, query: bytes) -> Subscription:
        asked.set()
        with suppress(asyncio.CancelledError):  # as asyncio.wait_for does where both come at once
            await asyncio.sleep(30)
        return Subscription("live", ("yard",))

    async def tasks() -> list[str]:
        return [repr(one) for one in asyncio.all_tasks() if "_change" in repr(one)]

    asked = threading.Event()
    monkeypatch.setattr(AsgiApp, "_asked_again", answered_too_late)
    with WebSocketClient(server.port, "/api/live?streams=gate") as client:
        client.send('{"streams": "yard"}')
        assert asked.wait(TIMEOUT_S)
    assert eventually(lambda: server.fanout.connections == 0)
    assert eventually(lambda: not server.fanout._calls.run(tasks()))


def test_over_tls(feed: LiveFeed, serve: Serve, packets: PlayedPackets, tmp_path: Any) -> None:
    files = self_signed(tmp_path)
    server = serve(feed, certificate=Certificate(lambda: files))
    context = ssl._create_unverified_context()
    with WebSocketClient(server.port, "/api/live?streams=gate&layer=source", tls=context) as client:
        taken = [client.record() for _ in range(30)]
        client.send('{"streams": "yard"}')
        assert until(client, lambda one: one.get("stream") == "yard")
    assert next(data for header, data in taken if "packet" in header) == packets.layer("gate", SOURCE).sent[0].data


def test_rights_are_those_of_http_and_end_when_they_change(
    feed: LiveFeed, serve: Serve, packets: PlayedPackets, tmp_path: Path
) -> None:
    with people(tmp_path / "state") as known:
        server = serve(feed, login=Login(known.accounts, ServeConfig()))
        with WebSocketClient(server.port, "/api/live") as client:
            assert client.status == 401 and "sign in" in client.refusal()
        with WebSocketClient(server.port, "/api/live?streams=gate", **known.headers("eve")) as client:
            assert client.status == 403 and "may not see 'gate'" in client.refusal()
        offered = {"Sec_WebSocket_Protocol": f"streamvision.live, token.{known.tokens['eve']}"}
        with WebSocketClient(server.port, "/api/live?layer=source&results=1", **offered) as client:
            assert client.headers["sec-websocket-protocol"] == "streamvision.live"
            assert {client.record()[0].get("stream", "yard") for _ in range(50)} == {"yard"}
            client.send('{"streams": "gate"}')
            code, reason = client.closed()
            assert code == 1008 and "may not see 'gate'" in reason
        with WebSocketClient(server.port, "/api/live", **known.headers("bob")) as client:
            assert client.record()
            known.accounts.users.change("bob", streams=["yard"])
            assert client.closed()[0] == 1000
