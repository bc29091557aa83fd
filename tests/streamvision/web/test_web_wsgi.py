"""The Flask application under a WSGI server that knows nothing of event loops."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from werkzeug.serving import make_server

from streamvision.core.live_video import VideoLayer
from streamvision.web.app import create_app
from streamvision.web.live_service import LiveService
from streamvision.web.viewer import Subscription
from streamvision.web.wire import OPENINGS
from support.live_feed import LiveFeed, published_after
from support.live_packets import PlayedPackets
from support.web_client import TIMEOUT_S, eventually, get, opened, raw_viewer, read_event, read_part, read_record
from support.websocket_client import WebSocketClient


@contextmanager
def served(feed: LiveFeed) -> Iterator[int]:
    live = LiveService(feed.view, eviction_s=1.0)
    server = make_server("127.0.0.1", 0, create_app(feed.view, live=live), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    live.stop()
    server.shutdown()
    thread.join(60)


@pytest.fixture
def port(feed: LiveFeed) -> Iterator[int]:
    with served(feed) as port:
        yield port


def test_pictures_records_and_events_flow(port: int) -> None:
    with opened(port, "/streams/gate/mjpeg") as response:
        assert response.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
        assert len({read_part(response) for _ in range(5)}) == 5
    with opened(port, "/api/live") as response:
        assert {read_record(response)[0]["stream"] for _ in range(8)} == {"gate", "yard"}
    with opened(port, "/api/events") as response:
        events = [read_event(response) for _ in range(3)]
    assert [name for name, _ in events] == ["status"] * 3
    assert json.loads(get(port, "/healthz")[2]) == {"alive": True}


def test_a_viewer_that_leaves_is_forgotten(feed: LiveFeed, port: int) -> None:
    viewer = raw_viewer(port, "/streams/gate/mjpeg")
    assert eventually(lambda: feed["gate"].channel.viewers == 1)
    viewer.close()
    assert eventually(lambda: feed["gate"].channel.viewers == 0)


def test_a_viewer_that_takes_nothing_keeps_nothing_encoded() -> None:
    large = LiveFeed("gate", width_px=1280, height_px=720, grain=120)  # the system keeps some MB before a write waits
    with large as feed, served(feed) as port:
        viewer = raw_viewer(port, "/streams/gate/mjpeg", receive_buffer_bytes=4096)
        assert eventually(lambda: feed["gate"].channel.viewers == 1)
        assert eventually(lambda: feed["gate"].channel.viewers == 0)
        viewer.close()


def test_mjpeg_of_a_stream_that_is_over_comes_to_an_end(feed: LiveFeed, port: int) -> None:
    with opened(port, "/streams/gate/mjpeg") as response:
        read_part(response)
        feed["gate"].enter("ended")
        assert response.read().endswith(b"--frame--\r\n")


def test_without_an_event_loop_there_are_no_websockets(port: int) -> None:
    with WebSocketClient(port, "/api/live") as client:
        assert client.status == 400 and "without Upgrade" in client.refusal()


def test_live_video_flows(feed: LiveFeed, port: int) -> None:
    with PlayedPackets() as packets:
        feed.view.packets = packets
        with opened(port, "/api/live?streams=gate&layer=source&results=1") as response:
            taken = []
            while len(taken) < 20:
                header = json.loads(response.readline())
                data = response.read(header.get("bytes", 0))
                taken += [data] if "packet" in header else []
        assert taken == [packet.data for packet in packets.layer("gate", VideoLayer("passed_on")).sent[:20]]


def test_a_reader_who_waits_has_the_end_when_the_service_stops(
    feed: LiveFeed, caplog: pytest.LogCaptureFixture
) -> None:
    assert published_after(feed["gate"].channel, 0)
    feed["gate"].enter("stalled", "silent")
    live, others = LiveService(feed.view), threading.enumerate()
    messages = live.blocking(Subscription("mjpeg", ("gate",)))
    (loop_thread,) = (one for one in threading.enumerate() if one.name == "web-fanout" and one not in others)
    assert (next(messages), bool(next(messages))) == (OPENINGS["mjpeg"], True)
    over: list[bytes] = []
    reading = threading.Thread(target=lambda: over.extend([*messages, b"over"]))
    reading.start()
    (viewer,) = live.fanout._viewers
    assert eventually(lambda: viewer.link.ready(0.0)), "it waits"
    live.stop()
    reading.join(TIMEOUT_S)
    loop_thread.join(TIMEOUT_S)
    assert over[-1:] == [b"over"] and not loop_thread.is_alive()
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
