"""A service tells others of events: rules and targets are set over HTTP, secrets stay, and a kill loses nothing."""

from __future__ import annotations

import base64
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import simplejpeg
import yaml

from support.command_line import running
from support.event_receiver import EventReceiver
from support.serving import BOXES, EVERYWHERE, Served, serving, until, write_config

SECRET, TOKEN = "a secret for signing", "Bearer a-token-of-theirs"


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    one = EventReceiver()
    with one.listening():
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("notify")
    with serving(str(folder / "state"), folder / "state", write_config(folder / "cameras.yaml", model)) as one:
        one.add(id="gate", analytics={"zones": [EVERYWHERE]})
        yield one


def tell(served: Served, **notify: Any) -> dict[str, Any]:
    """Set targets and rules and return what is shown of them."""
    status, answer = served.ask("PATCH", "/api/settings", {"notify": notify})
    assert status == 200, answer
    shown: dict[str, Any] = answer["notify"]
    return shown


def target(served: Served, name: str = "hook") -> dict[str, Any]:
    (found,) = [one for one in served.get("/api/notify")["targets"] if one["name"] == name]
    return found


def test_events_are_told_with_picture_rule_and_clip_as_the_log_has_them(
    served: Served, receiver: EventReceiver
) -> None:
    tell(
        served,
        targets={"hook": {"kind": "webhook", "url": receiver.url}},
        rules=[{"name": "who comes", "kinds": ["zone_entered"], "clip": True}],
    )
    first = until(lambda: receiver.taken[:1], "the first event is told")[0].event
    jsonschema_rs.validate(served.get("/api/event-schema.json"), first)
    assert (first["stream"], first["region"], first["kind"], first["rules"]) == (
        "gate", "all", "zone_entered", ["who comes"],
    )  # fmt: skip
    assert simplejpeg.decode_jpeg_header(base64.b64decode(first["picture_jpeg_base64"]))[:2] == (120, 160)
    assert first["clip"] is None, "nothing is recorded"
    logged = until(lambda: [one for one in served.events() if one["id"] == first["id"]], "it is in the log")[0]
    differing = {key for key in logged if key not in ("number", "picture") and logged[key] != first[key]}
    assert not differing
    served.ask("PATCH", "/api/settings", {"recording": {"mode": "events"}})
    clip = until(lambda: receiver.taken[-1].event["clip"], "with the clip's address")
    assert clip.startswith("api/recordings/export.mp4?stream=gate&since=")
    served.ask("PATCH", "/api/settings", {"recording": {"mode": "off"}})
    tell(served, targets={"hook": None}, rules=[])
    assert served.get("/api/notify")["targets"] == []


def test_secrets_stay_here_and_a_masked_value_means_what_it_stood_for(served: Served, receiver: EventReceiver) -> None:
    options = {"url": receiver.url, "secret": SECRET, "headers": {"Authorization": TOKEN}}
    shown = tell(served, targets={"hook": {"kind": "webhook", **options}})["targets"]["hook"]
    assert shown["url"] == f"http://127.0.0.1:{receiver.port}/***"
    assert (shown["secret"], shown["headers"]) == ("***", {"Authorization": "***"})
    status, everything = served.request("GET", "/api/settings")
    for word in (b"hidden-in", SECRET.encode(), b"a-token"):
        assert word not in everything
        assert word not in served.request("GET", "/api/notify")[1]
    tell(served, targets={"hook": {**shown, "timeout_s": 5.0}})
    run = served.service.run_config.notify.targets["hook"].options
    assert run["timeout_s"] == 5.0
    assert (run["url"], run["secret"], run["headers"]) == (receiver.url, SECRET, {"Authorization": TOKEN})
    same_host = f"http://127.0.0.1:{receiver.port}/other"
    tell(served, targets={"hook": {**shown, "url": same_host, "headers": {"Authorization": "***", "X-More": "1"}}})
    run = served.service.run_config.notify.targets["hook"].options
    assert (run["url"], run["secret"]) == (same_host, SECRET)
    assert run["headers"] == {"Authorization": TOKEN, "X-More": "1"}
    for patch, sentence in (
        ({"url": "http://evil.example/"}, "has another host now; write secret anew, too"),
        ({"url": "http://evil.example/", "secret": "another one", "headers": {"Authorization": "***"}}, "headers anew"),
        ({"url": "http://evil.example/", "secret": "another one", "headers": {"X-More": "2"}}, "headers anew"),
        ({"secret": "*** of mine"}, "secret that is not known here"),
        ({"kind": "pigeon"}, "'pigeon' is no kind of target"),
        ({"url": "gopher://x/", "secret": None, "headers": None}, "is no HTTP address"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ):
        status, answer = served.ask("PATCH", "/api/settings", {"notify": {"targets": {"hook": patch}}})
        assert status == 400 and sentence in answer["error"], answer
    assert served.service.run_config.notify.targets["hook"].options == run, "nothing has changed"
    status, answer = served.ask("PATCH", "/api/settings", {"notify": {"rules": [{"name": "x", "to": ["nobody"]}]}})
    assert status == 400 and "'nobody', which is no target" in answer["error"]
    assert answer["error"].startswith("settings: "), "not the file, which says nothing of it"
    tell(served, targets={"hook": None})


def test_a_target_is_tried_by_a_message_and_its_state_is_told(served: Served, receiver: EventReceiver) -> None:
    tell(served, targets={"hook": {"kind": "webhook", "url": receiver.url, "secret": SECRET}}, rules=[])
    assert served.request("POST", "/api/notify/hook/test", {}) == (204, b"")
    assert (receiver.taken[0].event["stream"], receiver.taken[0].event["rules"]) == ("test", ["test"])
    receiver.answer = lambda handler, received: 403
    status, answer = served.ask("POST", "/api/notify/hook/test", {})
    assert status == 502 and "403: this is not welcome" in answer["error"]
    assert served.ask("POST", "/api/notify/nobody/test", {})[0] == 404
    tell(served, rules=[{"name": "all", "to": ["hook"]}])
    until(lambda: target(served)["state"] == "failing", "it fails")
    assert target(served)["waiting"] >= 1 and "403" in target(served)["reason"]
    metrics = served.request("GET", "/metrics")[1].decode()
    assert 'streamvision_notify_failing{target="hook"} 1.0' in metrics
    assert 'streamvision_notify_waiting{target="hook"}' in metrics
    receiver.answer = lambda handler, received: 200
    until(lambda: target(served)["sent"] > 3, "it is told again", timeout_s=90)
    kinds = {kind["name"]: kind for kind in served.get("/api/notify")["kinds"]}
    options = {one["name"]: one for one in kinds["webhook"]["options"]}
    assert options["url"]["required"] and options["secret"]["secret"] and options["headers"]["form"] == "pairs"
    tell(served, targets={"hook": None}, rules=[])


@pytest.mark.slow
def test_a_killed_service_tells_after_the_next_start_what_waited(tmp_path: Path, model: Path) -> None:
    receiver = EventReceiver()
    with receiver.listening():
        pass  # it has a port, and is away
    config = write_config(
        tmp_path / "cameras.yaml",
        model,
        {"source": BOXES, "id": "gate", "analytics": {"zones": [EVERYWHERE]}},
        serve={"port": 0},
        notify={
            "targets": {"hook": {"kind": "webhook", "url": receiver.url, "secret": "${HOOK_SECRET}"}},
            "rules": [{"name": "all", "picture": False}],
        },
    )
    state, log = tmp_path / "state", tmp_path / "log.txt"
    environment = {"HOOK_SECRET": SECRET}

    def waiting() -> int:
        file = state / "notify" / "hook.db-wal"
        return file.stat().st_size if file.exists() else 0

    arguments = ("serve", "--config", config, "--state", state)
    with log.open("w") as stderr, running(*arguments, stderr=stderr, env=environment) as process:
        until(lambda: waiting() > 60_000, "events wait on disk", timeout_s=120)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | {"streams": []}))
    with receiver.listening(), log.open("a") as stderr, running(*arguments, stderr=stderr, env=environment):
        until(lambda: len(receiver.taken) >= 3, "they are told", timeout_s=120)
    frames = [one.event["frame"] for one in receiver.taken]
    assert frames == sorted(frames) and len(set(receiver.ids)) >= 3
    assert all("webhook-signature" in one.headers for one in receiver.taken)
    assert SECRET not in log.read_text() and "hidden-in" not in log.read_text()
