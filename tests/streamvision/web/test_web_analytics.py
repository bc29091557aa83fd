"""Lines, zones, counts and events over HTTP: read by everybody, changed by the page alone."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema_rs
import pytest
import yaml

from streamvision.core.config.app import parse_analytics
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import eventually, get, get_json, opened, post_json, read_event

DOOR = {"name": "door", "points": [[0.5, 0.0], [0.5, 1.0]], "directions": ["west", "east"]}
HALL = {"name": "hall", "points": [[0, 0.5], [0.5, 0.5], [0.5, 1], [0, 1]]}
PATH = "/api/streams/gate/analytics"


def read_analytics_event(response: Any) -> Any:
    while (found := read_event(response))[0] != "analytics":
        pass
    return found[1]


def test_a_stream_without_lines_says_so(server: WebServer) -> None:
    status, body = get_json(server.port, PATH)
    assert status == 200
    assert body["stream"] == "gate" and body["events"] == []
    assert body["lines"] == body["zones"] == {}
    assert body["config"] == {"lines": [], "zones": [], "speed": None, "heat_map": None}


def test_a_line_counts_from_the_next_frame_on_and_is_told_as_it_happens(server: WebServer) -> None:
    with opened(server.port, "/api/events?streams=gate") as response:
        status, body = post_json(server.port, PATH, {"lines": [DOOR], "zones": [HALL]})
        assert status == 200 and body["config"]["lines"][0]["name"] == "door"
        kinds = set()
        while not {"line", "zone_entered", "zone_left"} <= kinds:
            told = read_analytics_event(response)
            kinds.add(told["kind"])
            assert (told["stream"], told["track_id"], told["class_name"]) == ("gate", 1, "car")
            assert told["region"] == ("door" if told["kind"] == "line" else "hall")
    _, now = get_json(server.port, PATH)
    schema = get_json(server.port, "/api/event-schema.json")[1]
    for event in (told, *now["events"]):
        jsonschema_rs.validate(schema, event)
        assert set(event) == set(schema["required"])
    assert told["box"] is not None and 0 <= told["box"][0] < told["box"][2] <= 1 and 0 < told["score"] <= 1
    assert abs(told["captured_unix_s"] - time.time()) < 60
    assert len({event["id"] for event in now["events"]}) == len(now["events"])
    counts = now["lines"]["door"]
    assert counts["west"]["total"] + counts["east"]["total"] == sum(event["kind"] == "line" for event in now["events"])
    assert get_json(server.port, "/api/streams/gate")[1]["analytics"]["zones"]["hall"]["entered"] >= 1
    assert get_json(server.port, "/api/streams/yard/analytics")[1]["lines"] == {}, "streams keep to themselves"


def test_events_of_other_streams_are_not_told(feed: LiveFeed, server: WebServer) -> None:
    feed["yard"].analytics.apply(parse_analytics({"lines": [DOOR]}, origin="test"))
    with opened(server.port, "/api/events?streams=gate") as response:
        assert eventually(lambda: len(feed["yard"].analytics.recent()) >= 1)
        assert {read_event(response)[0] for _ in range(3)} == {"status"}


def test_the_configuration_comes_as_yaml_that_can_be_read_again(server: WebServer) -> None:
    zone = {**HALL, "crowd": 3, "heading_deg": 90.0}
    post_json(server.port, PATH, {"lines": [DOOR], "zones": [zone], "heat_map": {"half_life_s": 60}})
    status, headers, body = get(server.port, PATH + "?form=yaml")
    assert status == 200 and headers["Content-Type"] == "text/yaml; charset=utf-8"
    again = parse_analytics(yaml.safe_load(body)["analytics"], origin="test")
    assert again.lines[0].directions == ("west", "east") and again.zones[0].crowd == 3
    assert again == parse_analytics(get_json(server.port, PATH)[1]["config"], origin="test")
    assert get_json(server.port, PATH + "?form=xml") == (400, {"error": "form=xml is not known; use json or yaml"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:1"},
    ],
)
def test_other_sites_may_not_change_anything(server: WebServer, headers: dict[str, str]) -> None:
    status, body = post_json(server.port, PATH, {"lines": [DOOR]}, **headers)
    assert status == 403 and "may not change this" in body["error"]
    assert get_json(server.port, PATH)[1]["config"]["lines"] == []


def test_the_own_page_may(server: WebServer) -> None:
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Sec_Fetch_Site": "same-origin"}
    assert post_json(server.port, PATH, {"lines": [DOOR]}, **own)[0] == 200
    assert post_json(server.port, PATH, {"lines": []}, Origin=own["Origin"])[0] == 200


def test_forms_of_other_sites_cannot_be_json(server: WebServer) -> None:
    status, body = post_json(server.port, PATH, b'{"lines": []}', Content_Type="text/plain")
    assert status == 415 and "Content-Type: application/json" in body["error"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is not JSON; send what GET gives under 'config'"),
        ([], "is a section; give its keys, each with a value"),
        ({"lines": [{**DOOR, "points": [[0.5, 0], [0.5, 1.5]]}]}, "lines.0.points.1.1: give 1 or less"),
        ({"lines": [DOOR, DOOR]}, "names of lines must differ, but ['door'] stands more than once"),
        ({"lines": [{**DOOR, "classes": ["tram"]}]}, "'door' asks for the class 'tram'"),
        ({"zones": [{**HALL, "points": [[0, 0], [0.5, 0.5], [1, 1]]}]}, "zone 'hall' has no area"),
        ({"zone": []}, "unknown key 'zone': did you mean 'zones'?"),
    ],
)
def test_what_is_not_accepted_is_said_and_changes_nothing(server: WebServer, body: Any, sentence: str) -> None:
    assert post_json(server.port, PATH, {"lines": [DOOR]})[0] == 200
    status, answer = post_json(server.port, PATH, body)
    assert status == 400 and sentence in answer["error"]
    assert [line["name"] for line in get_json(server.port, PATH)[1]["config"]["lines"]] == ["door"]


PLANE = {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [40, 0], [40, 20], [0, 20]]}


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity", "1e300", "1e400"])
def test_a_number_that_is_none_changes_nothing_and_the_page_goes_on(server: WebServer, wrong: str) -> None:
    assert post_json(server.port, PATH, {"lines": [DOOR], "speed": PLANE})[0] == 200
    body = json.dumps({"lines": [], "speed": {**PLANE, "ground_m": [[0, 0], [40, 0], [40, 20], [0, 12345]]}})
    status, answer = post_json(server.port, PATH, body.replace("12345", wrong).encode())
    fault = "speed.ground_m.3.1: give" if wrong == "1e300" else "the body is not JSON"
    assert status == 400 and fault in answer["error"]
    _, _, now = get(server.port, PATH)
    config = json.loads(now, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))["config"]
    assert [line["name"] for line in config["lines"]] == ["door"]
    assert config["speed"]["ground_m"] == PLANE["ground_m"]


def test_json_that_is_too_deep_is_refused(server: WebServer) -> None:
    status, answer = post_json(server.port, PATH, b'{"lines": ' + b"[" * 50_000 + b"]" * 10_000)
    assert status == 400 and "the body is not JSON" in answer["error"]


def test_the_classes_to_choose_from_are_told(server: WebServer) -> None:
    assert get_json(server.port, PATH)[1]["classes"] == ["person", "car", "truck"]


def test_unknown_streams_and_methods(server: WebServer) -> None:
    assert get_json(server.port, "/api/streams/x/analytics")[0] == 404
    assert post_json(server.port, "/api/streams/x/analytics", {})[0] == 404
    status, _, answer = get(server.port, PATH, method="DELETE")
    assert status == 405 and b"use GET or POST" in answer


def test_heat_map(server: WebServer) -> None:
    status, body = get_json(server.port, "/streams/gate/heat-map.png")
    assert status == 404 and "configure analytics.heat_map" in body["error"]
    post_json(server.port, PATH, {"heat_map": {}})
    status, headers, png = get(server.port, "/streams/gate/heat-map.png")
    assert (status, headers["Content-Type"]) == (200, "image/png") and png.startswith(b"\x89PNG")
