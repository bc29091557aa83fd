"""What was recorded, over HTTP: lists, real files in parts, exports that hold no thread, and who may do what."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from streamvision.core.config.serve import ServeConfig
from streamvision.web import asgi
from streamvision.web.app import create_app
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from support.accounts import People, people
from support.live_feed import LiveFeed
from support.recorded import FILE_S, SQUARE_PX, RecordedFolder, left_px
from support.web_client import TIMEOUT_S, eventually

T = 1_780_000_000.0
"""When the first file begins."""
REQUEST_S = 3.0
"""How long a short request may take, where a test needs one that takes longer."""


@dataclass
class Site:
    """A server with recordings of the streams `gate` and `yard`."""

    feed: LiveFeed
    recordings: RecordedFolder
    known: People
    port: int

    def ask(
        self, path: str, who: str = "ann", *, method: str = "GET", body: object = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and body."""
        connection = self.connection()
        fields = self.known.headers(who) | {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, data, fields | ({"Content-Type": "application/json"} if data else {}))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)

    def json(self, path: str, who: str = "ann", **options: object) -> object:
        """Return the JSON of what is answered."""
        status, _, body = self.ask(path, who, **options)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("recordings")
    recordings = RecordedFolder(folder)
    recordings.add("gate", T)
    recordings.add("gate", T + FILE_S, hue=130)
    recordings.add("yard", T)
    recordings.add("gate", T + 3600, "event")
    with people(folder / "people") as known, LiveFeed("gate", "yard") as feed:
        feed.view.recordings = recordings
        server = WebServer(feed.view, port=0, login=Login(known.accounts, ServeConfig()))
        server.start()
        yield Site(feed, recordings, known, server.port)
        server.stop()


def test_what_there_is_of_the_streams_that_may_be_seen(site: Site) -> None:
    everything = site.json(f"/api/recordings?since={T}&until={T + 7200}")
    assert [(one["stream"], one["start_unix_s"] - T) for one in everything["recordings"]] == [
        ("gate", 0),
        ("yard", 0),
        ("gate", FILE_S),
        ("gate", 3600),
    ]
    assert everything["summary"]["bytes"] > 0
    of_eve = site.json(f"/api/recordings?since={T}&until={T + 7200}", "eve")
    assert [one["stream"] for one in of_eve["recordings"]] == ["yard"] and of_eve["summary"] == {}
    one = site.json(f"/api/recordings?streams=gate&since={T + 7}&until={T + 8}")
    assert [(found["id"], found["codec"], found["width_px"]) for found in one["recordings"]] == [(2, "h264", 320)]


def test_files_that_follow_each_other_are_one_stretch(site: Site) -> None:
    answer = site.json(f"/api/recordings/stretches?streams=gate&since={T}&until={T + 7200}")
    assert answer["next"] is None
    assert [(one["kind"], one["start_unix_s"] - T, one["end_unix_s"] - T) for one in answer["stretches"]] == [
        ("continuous", 0, 2 * FILE_S),
        ("event", 3600, 3600 + FILE_S),
    ]


def test_media_is_the_file_whole_and_in_parts(site: Site) -> None:
    whole = site.recordings.file(1).read_bytes()
    status, headers, body = site.ask("/api/recordings/1/media.mp4", "bob")
    assert (status, body) == (200, whole)
    assert headers["Content-Type"].startswith('video/mp4; codecs="avc1.') and headers["Accept-Ranges"] == "bytes"
    assert int(headers["Content-Length"]) == len(whole) and headers["Cache-Control"] == "no-store"
    status, headers, body = site.ask("/api/recordings/1/media.mp4", Range="bytes=100-299")
    assert (status, body) == (206, whole[100:300])
    assert headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    status, _, body = site.ask("/api/recordings/1/media.mp4", Range="bytes=-10")
    assert (status, body) == (206, whole[-10:])
    assert site.ask("/api/recordings/1/media.mp4", Range=f"bytes={len(whole)}-")[0] == 416
    status, headers, body = site.ask("/api/recordings/1/media.mp4", method="HEAD")
    assert (status, body, int(headers["Content-Length"])) == (200, b"", len(whole))
    assert site.ask("/api/recordings/99/media.mp4")[0] == 404


def test_one_connection_serves_one_file_after_another(site: Site) -> None:
    connection = site.connection()
    for number in (1, 2, 1):
        connection.request("GET", f"/api/recordings/{number}/media.mp4", headers=site.known.headers("bob"))
        response = connection.getresponse()
        assert response.read() == site.recordings.file(number).read_bytes()
    connection.close()


def test_a_client_of_http_1_0_gets_an_export_without_chunks(site: Site) -> None:
    connection = site.connection()
    connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"
    path = f"/api/recordings/export.mp4?stream=gate&since={T}&until={T + 5}"
    connection.request("GET", path, headers=site.known.headers("bob"))
    response = connection.getresponse()
    assert response.read() == site.recordings.file(1).read_bytes()
    assert response.getheader("Transfer-Encoding") is None
    connection.close()


def test_an_export_is_a_file_to_be_kept(site: Site) -> None:
    status, headers, body = site.ask(f"/api/recordings/export.mp4?stream=gate&since={T}&until={T + 5}", "bob")
    assert status == 200 and headers["Content-Type"] == "video/mp4"
    assert headers["Content-Disposition"] == 'attachment; filename="gate-20260528-202640Z.mp4"'
    with av.open(io.BytesIO(body)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FILE_S * 10
    assert site.ask(f"/api/recordings/export.mp4?stream=gate&since={T + 900}&until={T + 905}")[0] == 404


def test_no_more_than_two_exports_and_none_holds_a_thread(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = f"/api/recordings/export.mp4?stream=gate&since={T}&until={T + 5}&annotated=1"
    running = [site.connection() for _ in range(2)]
    responses = []
    with monkeypatch.context() as patched:
        patched.setattr(asgi, "REQUEST_S", REQUEST_S)
        for connection in running:
            connection.request("GET", endless, headers=site.known.headers("bob"))
            responses.append(connection.getresponse())
    begin_s = time.monotonic()
    status, headers, body = site.ask(endless)
    assert status == 503 and headers["Retry-After"] and "no more than 2" in json.loads(body)["error"]
    read = [0, 0]
    while min(read) < 20 << 20 or time.monotonic() < begin_s + REQUEST_S + 0.2:  # far beyond what lies in buffers
        for number, response in enumerate(responses):
            piece = response.read(1 << 20)
            assert piece, "it goes on"
            read[number] += len(piece)
        assert site.ask("/healthz")[0] == 200 and site.ask("/api/streams")[0] == 200
    running[0].close()
    responses[0].close()
    assert eventually(lambda: _begins(site, endless)), "who has gone makes room"
    running[1].close()
    responses[1].close()


def _begins(site: Site, path: str) -> bool:
    connection = site.connection()
    try:
        connection.request("GET", path, headers=site.known.headers("bob"))
        with connection.getresponse() as response:
            return response.status == 200
    finally:
        connection.close()


def test_a_thumbnail_shows_the_moment(site: Site) -> None:
    path = f"/api/recordings/thumbnail.jpg?stream=gate&at={T + 4.5}&width=160"
    status, headers, body = site.ask(path, "bob")
    assert status == 200 and headers["Content-Type"] == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (90, 160, 3)
    square = np.flatnonzero(picture[45, :, 2] > 180)
    assert square.mean() == pytest.approx((left_px(4) + SQUARE_PX / 2) / 2, abs=3), "of the key frame before it"
    assert site.ask(f"/api/recordings/thumbnail.jpg?stream=gate&at={T - 50}")[0] == 404


def test_boxes_of_a_span(site: Site) -> None:
    frames = site.json(f"/api/recordings/boxes?stream=gate&since={T + 1}&until={T + 2}", "bob")["frames"]
    assert [round(one["time_unix_s"] - T, 1) for one in frames] == [1 + n / 10 for n in range(11)]
    (found,) = frames[0]["objects"]
    assert (found["track_id"], found["class_name"], found["score"]) == (7, "car", 0.9)
    assert found["box"][0] == pytest.approx(left_px(1) / 320)
    assert site.ask(f"/api/recordings/boxes?stream=gate&since={T}&until={T + 901}")[0] == 400


def test_motion_is_found_where_something_moved(site: Site) -> None:
    where = "0,0.3,0.3,0.3,0.3,0.7,0,0.7"
    path = f"/api/recordings/motion?stream=gate&since={T}&until={T + FILE_S}&polygon="
    found = site.json(path + where, "bob")
    assert found["until"] == T + FILE_S
    moved = [one["time_unix_s"] - T for one in found["moments"] if one["share"] > 0.02]
    assert moved and max(moved) <= 3, "the square is there in the first seconds alone"
    for wrong in ("0,0,1,1", "0,0,1,1,2,0", "a,b", "", "0,0,nan,1,1,1", ",".join(["0.5"] * 130)):
        status, _, body = site.ask(path + wrong, "bob")
        assert status == 400 and "polygon" in json.loads(body)["error"], wrong


def test_a_long_look_for_motion_goes_on_where_it_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from streamvision.web import recordings

    monkeypatch.setattr(recordings, "MOTION_S", 0.0)
    path = f"/api/recordings/motion?stream=gate&until={T + FILE_S}&polygon=0,0,1,0,1,1&since="
    seen, since = [], T
    while since < T + FILE_S:
        answer = site.json(f"{path}{since}")
        assert answer["until"] > since
        seen += [one["time_unix_s"] for one in answer["moments"]]
        since = answer["until"]
    assert len(seen) >= 5 and seen == sorted(seen)


@pytest.mark.parametrize(
    "path",
    [
        f"/api/recordings/thumbnail.jpg?stream=gate&at={T}",
        f"/api/recordings/export.mp4?stream=gate&since={T}&until={T + 1}",
        f"/api/recordings/boxes?stream=gate&since={T}&until={T + 1}",
        f"/api/recordings/motion?stream=gate&since={T}&until={T + 1}&polygon=0,0,1,0,1,1",
        f"/api/recordings?streams=gate&since={T}&until={T + 1}",
        f"/api/recordings/stretches?streams=gate,yard&since={T}&until={T + 1}",
    ],
)
def test_other_peoples_streams_are_not_shown(site: Site, path: str) -> None:
    assert site.ask(path, "bob")[0] == 200
    status, _, body = site.ask(path, "eve")
    assert status == 403 and "gate" in json.loads(body)["error"]
    assert site.ask(path, "scraper")[0] == 403
    connection = site.connection()
    connection.request("GET", path)
    assert connection.getresponse().status == 401
    connection.close()


def test_the_number_of_a_recording_tells_nobody_which_other_streams_there_are(site: Site) -> None:
    path = "/api/recordings/{}/media.mp4"
    hidden, absent = site.ask(path.format(1), "eve"), site.ask(path.format(99), "eve")
    assert hidden[0] == absent[0] == 404
    assert hidden[2] == absent[2].replace(b"99", b"1")
    assert site.ask(path.format(3), "eve")[0] == 200 and site.ask(path.format(1), "scraper")[0] == 403


def test_what_has_no_place_takes_no_work(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece of an export, and of what browsers do not play as it is, is made before it is sent."""
    begun: list[str] = []

    def endless(what: str) -> Iterator[bytes]:
        begun.append(what)
        return iter(lambda: bytes(1 << 16), None)

    monkeypatch.setattr(site.recordings, "export", lambda *_, **__: endless("export"))
    monkeypatch.setattr(site.recordings, "playable", lambda *_: endless("conversion"))
    for path in (f"/api/recordings/export.mp4?stream=gate&since={T}&until={T + 5}", "/api/recordings/1/media.mp4"):
        monkeypatch.setattr(site.recordings, "plays_as_it_is", lambda *_: False)
        begun.clear()
        running = [site.connection() for _ in range(2)]
        responses = []
        for connection in running:
            connection.request("GET", path, headers=site.known.headers("bob"))
            responses.append(connection.getresponse())
        assert [response.status for response in responses] == [200, 200]
        assert site.ask(path)[0] == 503 and len(begun) == 2
        for connection, response in zip(running, responses, strict=True):
            connection.close()
            response.close()
        assert eventually(lambda asked=path: _begins(site, asked)), "who has gone makes room"


def test_admins_keep_and_remove_and_that_is_written_down(site: Site) -> None:
    site.recordings.add("yard", T + 500)
    span = {"stream": "yard", "since": T + 500, "until": T + 501}
    for path, body in (("keep", span | {"kept": True}), ("remove", span)):
        assert site.ask(f"/api/recordings/{path}", "bob", method="POST", body=body)[0] == 403
    assert site.json("/api/recordings/keep", method="POST", body=span | {"kept": True}) == {"files": 1}
    listed = site.json(f"/api/recordings?streams=yard&since={T + 499}&until={T + 510}")["recordings"]
    assert [one["kind"] for one in listed] == ["kept"]
    assert site.json("/api/recordings/remove", method="POST", body=span) == {"files": 1}
    assert site.json(f"/api/recordings?streams=yard&since={T + 499}&until={T + 510}")["recordings"] == []
    assert "/api/recordings/remove" in json.dumps(site.json("/api/audit"))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"stream": "yard", "since": 5, "until": 5},
        {"stream": "yard", "since": 5, "until": 1e300},
        {"stream": 7, "since": 5, "until": 6},
        {"stream": "yard", "since": "x", "until": 6},
        {"stream": "yard", "since": 5, "until": 6, "more": 1},
        [],
    ],
)
def test_what_is_no_span_is_refused_and_nothing_is_removed(site: Site, body: object) -> None:
    before = len(site.recordings.removed)
    status, _, answer = site.ask("/api/recordings/remove", method="POST", body=body)
    assert status == 400 and json.loads(answer)["error"]
    assert len(site.recordings.removed) == before


def test_what_is_asked_by_the_description_is_answered_as_it_says(tmp_path: Path) -> None:
    recordings = RecordedFolder(tmp_path)
    recordings.add("gate", T)
    with LiveFeed("gate") as feed:
        feed.view.recordings = recordings
        app = create_app(feed.view)
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app).include(path_regex="^/api/recordings")
    asked = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("remove"):
            continue
        asked.add(operation.label)

        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers(case: schemathesis.Case) -> None:
            if case.query and "annotated" in case.query:
                case.query["annotated"] = "0"
            response = case.call()
            assert response.status_code < 500
            case.validate_response(
                response, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
            )

        answers()
    assert len(asked) >= 8
