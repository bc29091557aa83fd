"""A service with users: by its own description, strangers and viewers are answered as they must and change nothing."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from streamvision.core.config.serve import ServeConfig
from streamvision.core.status import StageStatus, StreamStatus
from streamvision.state.tokens import DEFAULT_DAYS
from streamvision.web.access import EVERYBODY, Principal, level_of
from streamvision.web.app import create_app
from streamvision.web.events import stream_json
from streamvision.web.login import Login
from support.accounts import People, people
from support.changes import until
from support.serving import EVERYWHERE, Served, serving, write_config
from support.websocket_client import WebSocketClient

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BRIEF = settings(
    max_examples=2,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SEEDS = {"gate": 31, "yard": 37, "vault9": 70707}
ABOUT_VAULT = re.compile(r"vault9|cellar|nightwatch|guard|70707", re.IGNORECASE)
"""What tells of the stream vault9: its id, name, model, the model's file, its source, its zone."""
ASKED = {"since": "0", "until": "2000000000", "at": "1900000000", "polygon": "0,0,1,0,1,1", "stream": "yard"}
"""Values of the parameters that addresses require."""
PICTURE = b64encode(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()).decode()
EVE = Principal("eve", frozenset({"view"}), frozenset({"yard"}))
OPEN_TO_VIEWERS = {"POST /api/me/password", "POST /api/tracklets/similar", "POST /login", "POST /logout"}
"""What changes something of whoever asks alone, or only asks with a picture."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def known(folder: Path) -> Iterator[People]:
    with people(folder) as found:
        yield found


@pytest.fixture(scope="module")
def served(folder: Path, known: People, model: Path) -> Iterator[Served]:
    other = shutil.copy(model, folder / "nightwatch.onnx")
    file = write_config(folder / "cameras.yaml", model, models={"guard": {"path": str(other), "threads": 1}})
    with serving(str(folder), folder, file, login=True) as running:
        for stream_id, more in {"gate": {}, "yard": {}, "vault9": {"model": "guard", "name": "Cellar"}}.items():
            zones = {"zones": [{**EVERYWHERE, "name": f"all of {stream_id}"}]}
            source = f"synthetic:boxes?fps=5&size=160x120&seed={SEEDS[stream_id]}"
            running.service.view.control.add_stream({"id": stream_id, "source": source, "analytics": zones, **more})
        yield running


@pytest.fixture(scope="module")
def app(served: Served, known: People) -> Flask:
    return create_app(served.service.view, login=Login(known.accounts, ServeConfig()))


def operations(app: Flask) -> Iterator[Any]:
    for found in schemathesis.openapi.from_wsgi("/api/openapi.json", app).get_all_operations():
        yield found.ok()


def addresses_of(app: Flask) -> Iterator[str]:
    """Yield an address of each GET in the description that ends, about the stream yard or the first things."""
    document = json.loads(app.test_client().get("/api/openapi.json").get_data())
    for path, operations in document["paths"].items():
        if "get" not in operations or "live" in operations["get"].get("tags", ()):
            continue
        parameters = operations["get"].get("parameters", ())
        query = "&".join(f"{one['name']}={ASKED[one['name']]}" for one in parameters if one["name"] in ASKED)
        for number in range(1, 5) if "_id}" in path.replace("{stream_id}", "") or "{number}" in path else (1,):
            address = re.sub(
                r"\{[a-z_]+\}", str(number), path.replace("{stream_id}", "yard").replace("{name}", "default")
            )
            yield f"{address}?{query}" if "/recordings" in path else address


def endpoint_of(app: Flask, operation: Any) -> str:
    path = operation.path
    for rule in app.url_map.iter_rules():
        shown = "".join("{" + part.rpartition(":")[2] if n else part for n, part in enumerate(rule.rule.split("<")))
        if shown.replace(">", "}") == path and operation.method.upper() in (rule.methods or ()):
            return rule.endpoint
    raise AssertionError(operation.label)


@pytest.mark.parametrize("who", [None, "bob"])
def test_each_address_answers_those_who_may_not_with_401_or_403(app: Flask, known: People, who: str | None) -> None:
    rights = {"view"} if who else set()
    before = (known.accounts.users.list(), [token.id for token in known.accounts.tokens.list()])
    refused = set()
    for operation in operations(app):
        level = level_of(app, endpoint_of(app, operation))
        if level == "public" or level in rights:
            continue

        @BRIEF
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            if "stream_id" in case.path_parameters:
                case.path_parameters["stream_id"] = "gate"
            case.headers = {**(case.headers or {}), **known.headers(who)}
            if who is None:
                case.headers.pop("Authorization", None)
            status = case.call().status_code
            assert status == (401 if who is None else 403) or status == 415, (case.operation.label, status)

        answers()
        refused.add(operation.label)
    assert {"POST /api/users", "POST /api/streams", "DELETE /api/streams/{stream_id}", "PATCH /api/settings"} <= refused
    changing = {one.label for one in operations(app) if one.method.upper() != "GET"}
    assert changing - refused <= OPEN_TO_VIEWERS, "whatever else changes something is refused"
    assert (known.accounts.users.list(), [token.id for token in known.accounts.tokens.list()]) == before


def test_events_and_streams_of_others_are_not_shown(app: Flask, known: People) -> None:
    client, eve = app.test_client(use_cookies=False), known.headers("eve")
    assert [one["id"] for one in client.get("/api/streams", headers=eve).get_json()["streams"]] == ["yard"]
    assert {one["stream"] for one in client.get("/api/event-log", headers=eve).get_json()["events"]} <= {"yard"}
    assert client.get("/api/event-log?stream=gate", headers=eve).status_code == 403
    page = client.get("/events", headers=eve).get_data(as_text=True)
    assert "yard" in page and "gate" not in page


def test_no_answer_tells_a_viewer_of_a_stream_that_may_not_be_seen(app: Flask, known: People) -> None:
    client = app.test_client(use_cookies=False)
    until(
        lambda: client.get("/api/event-log?stream=vault9&limit=1", headers=known.headers("ann")).get_json()["events"],
        "something was seen in the vault",
    )
    told: dict[str, list[str]] = {"ann": [], "eve": []}
    answered = []
    for who in told:
        for address in (*addresses_of(app), "/", "/streams/yard", "/events", "/timeline", "/streams/nowhere"):
            answer = client.get(address, headers=known.headers(who))
            if ABOUT_VAULT.search(f"{answer.headers}{answer.get_data().decode('latin-1')}"):
                told[who].append(address)
            if who == "eve" and answer.status_code == 200:
                answered.append(address)
    assert {"/api/streams", "/readyz", "/api/event-log", "/api/tracklets", "/metrics", "/api/models"} <= set(
        told["ann"]
    )
    assert told["eve"] == []
    assert {
        "/api/streams/yard/analytics",
        "/api/settings",
        "/api/recordings?since=0&until=2000000000",
        "/api/event-log.csv",
        "/",
        "/events",
    } <= set(answered), answered


@pytest.mark.parametrize("address", ["/api/events?detections=1", "/api/live?layer=h264&results=1"])
def test_no_live_answer_tells_a_viewer_of_a_stream_that_may_not_be_seen(
    served: Served, known: People, address: str
) -> None:
    def first_bytes(who: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
        connection.request("GET", address, headers=known.headers(who))
        response, got = connection.getresponse(), b""
        while len(got) < 60_000 and got.count(b"yard") < 40:
            got += response.read1(4096)
        connection.close()
        return got

    assert ABOUT_VAULT.search(first_bytes("ann").decode("latin-1"))
    assert not ABOUT_VAULT.search(first_bytes("eve").decode("latin-1"))


@pytest.mark.parametrize("address", ["/api/live?layer=h264&results=1", "/api/live?layer=jpeg&results=1"])
def test_no_web_socket_tells_a_viewer_of_a_stream_that_may_not_be_seen(
    served: Served, known: People, address: str
) -> None:
    def first_bytes(who: str, more: str = "") -> bytes:
        with WebSocketClient(served.port, address + more, **known.headers(who)) as client:
            if client.status != 101:
                return client.refusal().encode()
            got = b""
            while len(got) < 60_000 and got.count(b"yard") < 40:
                got += bytes(client.frame().payload)
            return got

    assert ABOUT_VAULT.search(first_bytes("ann").decode("latin-1"))
    assert not ABOUT_VAULT.search(first_bytes("eve").decode("latin-1"))
    refused = first_bytes("eve", "&streams=vault9").decode("latin-1")
    assert "may not see 'vault9'; the streams to see are: yard" in refused
    assert not ABOUT_VAULT.search(refused.replace("vault9", ""))


def test_nothing_that_changes_tells_a_viewer_of_a_stream_that_may_not_be_seen(app: Flask, known: People) -> None:
    """Every address of the description but those of GET, with bodies that are right, empty and wrong."""
    client, asked = app.test_client(use_cookies=False), set()
    for operation in operations(app):
        if operation.method.upper() == "GET":
            continue

        @BRIEF
        @given(case=operation.as_strategy())
        def tells_nothing(case: Any) -> None:
            address = re.sub(r"\{[a-z_]+\}", "1", case.operation.path.replace("{stream_id}", "yard"))
            given_body = case.body if isinstance(case.body, (dict, list, str, int)) else {}
            for body in (given_body, {}, [1], {**ASKED, "picture": PICTURE, "streams": "yard"}):
                answer = client.open(address, method=case.method.upper(), json=body, headers=known.headers("eve"))
                said = f"{answer.headers}{answer.get_data().decode('latin-1')}"
                assert not ABOUT_VAULT.search(said), (case.operation.label, body)

        tells_nothing()
        asked.add(operation.label)
    assert asked >= {"POST /api/streams", "PATCH /api/streams/{stream_id}", "POST /api/tracklets/similar"}
    hidden = client.post(
        "/api/tracklets/similar", json={"picture": PICTURE, "streams": "vault9"}, headers=known.headers("eve")
    )
    assert hidden.status_code == 403 and hidden.get_data(as_text=True).count("vault9") == 1


def test_numbers_of_all_streams_are_told_to_those_who_see_all() -> None:
    own = StageStatus("own", "running", "", 5.0, 7, 0, 0, 0, 1.0)
    shared = replace(own, name="across_cameras", counts={"identities": 3}, of_all_streams=True)
    status = replace(
        StreamStatus.without_frames("yard", source="", state="running", reason="", state_age_s=0.0, live=True),
        stages=(own, shared),
    )
    names = [[stage["name"] for stage in stream_json(status, who)["stages"]] for who in (EVERYBODY, EVE)]
    assert names == [["own", "across_cameras"], ["own"]]
    assert len(status.stages) == 2


def test_a_viewer_is_told_of_the_models_of_streams_to_see_alone(app: Flask, known: People) -> None:
    client = app.test_client(use_cookies=False)

    def model_for(who: str) -> str:
        return client.get("/api/streams", headers=known.headers(who)).get_json()["model"]

    until(lambda: "tiny.onnx" in model_for("eve") and "nightwatch" in model_for("bob"), "the models are open")
    assert "nightwatch" not in model_for("eve") and "tiny.onnx" in model_for("bob")


def test_numbers_tell_nobody_of_events_and_identities_of_others(app: Flask, known: People) -> None:
    client, eve, ann = app.test_client(use_cookies=False), known.headers("eve"), known.headers("ann")
    numbers: dict[str, int] = {}

    def have_come() -> bool:
        events = client.get("/api/event-log?stream=gate&limit=1", headers=ann).get_json()["events"]
        seen = client.get("/api/tracklets?streams=gate&limit=1", headers=ann).get_json()["tracklets"]
        if events and seen:
            numbers["event-log/{}/picture"] = events[0]["number"]
            numbers["tracklets/{}/crop.jpg"] = numbers["tracklets/{}/similar"] = seen[0]["id"]
        return bool(numbers)

    until(have_come, "something was seen")
    for path, number in numbers.items():
        hidden, absent = (client.get(f"/api/{path.format(one)}", headers=eve) for one in (number, 10**9))
        assert hidden.status_code == absent.status_code == 404, path
        assert hidden.get_data() == absent.get_data().replace(b"1000000000", b"%d" % number)


def test_who_is_told_of_events_is_shown_to_administrators_alone(app: Flask, known: People) -> None:
    client = app.test_client(use_cookies=False)
    notify = {
        "targets": {"hook": {"kind": "webhook", "url": "http://127.0.0.1:9/inside"}},
        "rules": [{"name": "At the gate", "streams": ["gate"]}],
    }
    changed = client.patch("/api/settings", json={"notify": notify}, headers=known.headers("ann"))
    assert changed.get_json()["notify"]["rules"][0]["streams"] == ["gate"]
    for who in ("bob", "eve", "reader"):
        shown = client.get("/api/settings", headers=known.headers(who))
        assert shown.status_code == 200 and "gate" not in shown.get_data(as_text=True), who
        assert "notify" not in shown.get_json() and "recording" in shown.get_json()
    client.patch("/api/settings", json={"notify": None}, headers=known.headers("ann"))


def test_the_layout_with_other_streams_is_not_shown(app: Flask, known: People) -> None:
    client = app.test_client(use_cookies=False)
    changed = client.patch("/api/settings", json={"layout": {"order": ["gate"]}}, headers=known.headers("ann"))
    assert changed.get_json()["layout"] == {"order": ["gate"]}
    shown = {who: client.get("/api/settings", headers=known.headers(who)).get_json() for who in ("bob", "eve")}
    assert shown["bob"]["layout"] == {"order": ["gate"]} and shown["eve"] == {**shown["bob"], "layout": {}}


def test_tokens_that_are_made_on_the_page_end_after_a_year(app: Flask, known: People) -> None:
    page = app.test_client(use_cookies=False).get("/settings", headers=known.headers("ann")).get_data(as_text=True)
    assert re.findall(r'name="expires_days"[^>]* value="(\d+)"', page) == [f"{DEFAULT_DAYS:g}"]


def test_accounts_answer_an_admin_as_the_description_says(app: Flask, known: People) -> None:
    asked = set()
    for operation in operations(app):
        if not operation.path.startswith(("/api/users", "/api/tokens", "/api/audit", "/api/me")):
            continue

        @BRIEF
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            if "name" in case.path_parameters:
                case.path_parameters["name"] = "bob" if case.method == "GET" else "nobody"
            case.headers = {**(case.headers or {}), **known.headers("ann")}
            case.validate_response(case.call(), checks=CHECKS)

        answers()
        asked.add(operation.label)
    assert {"GET /api/users", "POST /api/users/{name}/tokens", "GET /api/audit", "GET /api/me"} <= asked
