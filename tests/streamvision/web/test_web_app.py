"""Pages, snapshots and JSON, and the sentences in which they fail."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path

import simplejpeg

from streamvision.web.app import create_app
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import get, get_json

LOADED = re.compile(rb"""(?:["'`(]\s*|url\()https?://(?!www\.w3\.org/)[a-z0-9.-]+\.[a-z]{2,}""", re.IGNORECASE)
"""An address of another site as scripts and styles load it: not one in a sentence, and no name of XML."""


def test_page_without_javascript_has_a_picture_of_every_stream(server: WebServer) -> None:
    status, headers, body = get(server.port, "/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert b'src="./streams/gate/mjpeg?' in body and b'src="./streams/yard/mjpeg?' in body


def test_page_of_one_stream_leaves_out_the_others(server: WebServer) -> None:
    status, _, body = get(server.port, "/streams/yard")
    assert status == 200 and b"<title>yard \xc2\xb7 StreamVision</title>" in body
    assert b'src="../streams/yard/mjpeg?' in body and b"/gate/mjpeg" not in body


def test_page_loads_nothing_from_elsewhere(server: WebServer) -> None:
    _, headers, body = get(server.port, "/")
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert b"https://" not in body
    static = Path(str(resources.files("streamvision.web") / "static"))
    for file in sorted(file for file in static.rglob("*") if file.is_file()):
        status, _, text = get(server.port, f"/static/{file.relative_to(static).as_posix()}")
        assert status == 200 and text
        code = re.sub(rb"^\s*//.*$", b"", text, flags=re.MULTILINE)
        named = LOADED.search(code) if file.suffix in {".js", ".css"} else None
        assert named is None, f"{file.name}: {named}"


def test_snapshot_is_the_newest_picture(server: WebServer) -> None:
    status, headers, body = get(server.port, "/streams/gate/snapshot.jpg")
    assert status == 200 and headers["Content-Type"] == "image/jpeg"
    assert simplejpeg.decode_jpeg_header(body)[:2] == (180, 320)
    assert 0 <= float(headers["X-Frame-Age-S"]) < 5
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"


def test_snapshot_before_the_first_frame_says_so() -> None:
    client = create_app(LiveFeed("gate").view).test_client()
    response = client.get("/streams/gate/snapshot.jpg")
    assert response.status_code == 503
    assert response.get_json() == {"error": "stream 'gate' has no picture yet; see /api/streams for its state"}


def test_statuses(server: WebServer) -> None:
    status, body = get_json(server.port, "/api/streams")
    assert status == 200 and body["model"].startswith("yolox_nano")
    assert [s["id"] for s in body["streams"]] == ["gate", "yard"]
    assert get_json(server.port, "/api/streams/yard")[1]["state"] == "live"


def test_detections_carry_frame_and_objects(server: WebServer) -> None:
    status, body = get_json(server.port, "/api/streams/gate/detections")
    assert status == 200 and body["stream"] == "gate"
    assert body["pts_s"] == round(body["frame"] / 25, 6) and 0 <= body["age_s"] < 60
    car, person = body["objects"]
    assert (car["class_name"], car["track_id"], car["score"]) == ("car", 1, 0.91)
    assert len(car["box_xyxy_px"]) == 4
    assert person["track_id"] is None, "an object without identity has none, not -1"


def test_unknown_stream_is_named_with_those_that_exist(server: WebServer) -> None:
    for path in ("/streams/x", "/streams/x/snapshot.jpg", "/streams/x/mjpeg", "/api/streams/x/detections"):
        status, body = get_json(server.port, path)
        assert status == 404
        assert body == {"error": "there is no stream 'x'; the streams are: gate, yard"}
    assert get_json(server.port, "/api/live?streams=gate,x")[0] == 404


def test_unknown_path_method_and_option_are_refused_in_a_sentence(server: WebServer) -> None:
    assert get_json(server.port, "/nowhere") == (
        404,
        {"error": "there is nothing at /nowhere; begin at / or /api/streams"},
    )
    status, body = get_json(server.port, "/streams/gate/mjpeg?boundary=late")
    assert status == 400 and "boundary=late" in body["error"] and "early" in body["error"]
    status, _, answer = get(server.port, "/api/streams", method="POST")
    assert status == 405 and b"use GET" in answer


def test_head_of_a_live_response_is_answered_and_closed(server: WebServer) -> None:
    status, headers, body = get(server.port, "/streams/gate/mjpeg", method="HEAD")
    assert status == 200 and headers["Content-Type"].startswith("multipart/x-mixed-replace") and body == b""


def test_health_and_readiness(feed: LiveFeed, server: WebServer) -> None:
    assert get_json(server.port, "/healthz") == (200, {"alive": True})
    code, answer = get_json(server.port, "/readyz")
    assert (code, answer["ready"], answer["missing"]) == (200, True, [])
    assert set(answer["newest_age_s"]) == {"gate", "yard"}
    feed["yard"].enter("reconnecting", "connection refused")
    assert get_json(server.port, "/readyz")[0] == 200, "a camera's fault does not make the process unready"
    feed["yard"].enter("failed", "wrong password")
    code, answer = get_json(server.port, "/readyz")
    assert (code, answer["ready"], answer["missing"]) == (503, False, ["stream yard is failed: wrong password"])
    assert get_json(server.port, "/healthz")[0] == 200


def test_a_camera_that_never_gave_a_picture_is_not_ready() -> None:
    feed = LiveFeed("gate")
    client = create_app(feed.view, ready_age_s=None).test_client()
    for state in ("reconnecting", "stalled", "live"):
        feed["gate"].enter(state, "connection refused")
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.get_json()["missing"] == [
            f"stream gate has given no picture yet; it is {state}: connection refused"
        ]
    feed["gate"].publish()
    assert client.get("/readyz").status_code == 200


def test_a_fault_of_ours_is_one_sentence(feed: LiveFeed) -> None:
    def broken() -> list:
        raise RuntimeError("secret detail")

    feed.view.statuses = broken
    response = create_app(feed.view).test_client().get("/api/streams")
    assert response.status_code == 500
    assert response.get_json() == {"error": "the server made a mistake; its log says which"}


def test_empty_page_says_what_to_do() -> None:
    body = create_app(LiveFeed().view).test_client().get("/").get_data(as_text=True)
    assert "No streams yet" in body and "streamvision run" in body


def test_readiness_asks_how_old_the_newest_frame_is(feed: LiveFeed, server: WebServer) -> None:
    feed["gate"].enter("reconnecting", "silent")
    feed["yard"].status = replace(feed["yard"].status, live=False, state="stalled")
    until_s = time.monotonic() + 10
    while get_json(server.port, "/readyz?max_age_s=0.5")[0] == 200 and time.monotonic() < until_s:
        time.sleep(0.05)
    code, answer = get_json(server.port, "/readyz?max_age_s=0.5")
    assert code == 503
    (sentence,) = answer["missing"]
    assert re.fullmatch(
        r"stream gate: its newest frame is \d+\.\d s old, and 0\.5 s are allowed; it is reconnecting: silent", sentence
    )
    assert get_json(server.port, "/readyz")[0] == 200
    for wrong in ("soon", "-1", "0", "nan", "inf", "1e400"):
        assert get_json(server.port, f"/readyz?max_age_s={wrong}")[0] == 400
