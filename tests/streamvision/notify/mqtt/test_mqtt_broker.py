"""A real broker is told what holds, in order and at once, through outages; and what strangers send harms nothing."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simplejpeg
import yaml

from streamvision.core.analysis import Analysis
from streamvision.core.config.mqtt import MqttConfig
from streamvision.core.live import LiveChannel
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.notify.mqtt import publisher as module
from streamvision.notify.mqtt.connection import Connection
from streamvision.notify.mqtt.publisher import MqttPublisher
from streamvision.notify.mqtt.topics import Topics
from streamvision.notify.spool import open_spool
from streamvision.notify.target import DeliveryError
from support.command_line import called, running
from support.live_feed import LiveFeed, published_after
from support.mosquitto import Authority, Client, Mosquitto, kept_by
from support.recorded_segments import clip
from support.rtsp_server import RtspServer, unavailable
from support.serving import BOXES, Served, until
from support.told import happened

Publishing = Callable[..., Any]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, so that a test does not take the time of a real outage."""
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(module, "LONGEST_RETRY_S", 0.3)


def counts_of(witness: Client, stream: str = "gate") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(witness.newest(f"streamvision/{stream}/counts") or b"{}")
    return found


def test_a_broker_keeps_what_holds_and_hears_what_happens(
    broker: Mosquitto, served: Served, publishing: Publishing, halves: dict[str, Any]
) -> None:
    with Client(broker) as witness:
        with publishing(broker, served, picture_every_s=0.5):
            served.add(id="gate", name="Süd/Tor +#", analytics=halves)
            until(lambda: witness.newest("streamvision/gate/picture"), "its picture is kept")
            until(lambda: counts_of(witness).get("zones", {}).get("left", {}).get("entered"), "somebody came in")
            events = until(lambda: witness.of("streamvision/gate/events"), "an event is told")
            status = next(one for one in served.get("/api/streams")["streams"] if one["id"] == "gate")
            logged = until(lambda: served.events("?kind=zone_entered"), "it is in the log, too")
            state = served.get("/api/notify")["mqtt"]
            assert (state["state"] != "failing", state["lost"], state["sent"] > 0) == (True, {}, True)
            assert b'streamvision_notify_failing{target="mqtt"} 0.0' in served.request("GET", "/metrics")[1]
            kept = kept_by(broker, "streamvision/#")
            told = {name: json.loads(kept[f"streamvision/gate/{name}"]) for name in ("counts", "health")}
            assert told["counts"]["objects"].keys() == told["counts"]["present"].keys() >= set(status["identities"])
            assert any(told["counts"]["present"].values())
            assert told["counts"]["lines"]["mid"].keys() == {"in", "out"}
            assert (told["health"]["state"], told["health"]["reason"]) == ("live", "")
            assert (kept["streamvision/status"], kept["streamvision/gate/availability"]) == (b"online", b"online")
            assert (kept["streamvision/gate/detection"], kept["streamvision/gate/recording"]) == (b"ON", b"OFF")
            assert simplejpeg.decode_jpeg(kept["streamvision/gate/picture"]).shape == (120, 160, 3)
            assert "streamvision/gate/events" not in kept
            by_id = {event["id"]: event for event in logged}
            same = [event for event in map(json.loads, events) if event["id"] in by_id]
            assert same and all(
                by_id[one["id"]].items() >= (one | {"picture": by_id[one["id"]]["picture"]}).items() for one in same
            )
            configs = kept_by(broker, "homeassistant/#")
            assert {json.loads(one)["device"]["name"] for one in configs.values()} == {"StreamVision", "Süd/Tor +#"}
            assert served.ask("DELETE", "/api/streams/gate")[0] == 204
            until(lambda: not [topic for topic in kept_by(broker) if "gate" in topic], "it is gone, entities and all")
            served.add(id="gate", enabled=False)
            until(lambda: witness.newest("streamvision/gate/availability") == b"offline", "it is switched off")
        until(lambda: witness.newest("streamvision/status") == b"offline", "the service says that it ends")


def test_switches_act_and_nothing_else_does(
    broker: Mosquitto, served: Served, publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    served.add(id="gate")
    switches = "streamvision/gate/detection", "streamvision/gate/recording"
    with Client(broker) as witness:
        witness.send(f"{switches[0]}/set", "OFF", kept=True)  # of another time: it must not switch at each start
        with publishing(broker, served, recording="events"):
            until(lambda: [witness.newest(one) for one in switches] == [b"ON", b"OFF"], "the switches say how they are")
            hostile = [b"", b"offf", b"\x00\xff", b"ON" * 100_000, b"1", "öff".encode(), b"[" * 5000, b"O N", b"OFF;rm"]
            for content in hostile:
                for topic in (
                    *switches,
                    "streamvision/none/detection",
                    "streamvision/%2e%2e/recording",
                    "streamvision/gate/x",
                ):
                    witness.send(f"{topic}/set", content)
            witness.send("streamvision/none/detection/set", "OFF")
            witness.send("streamvision/gate/counts", "[" * 100_000, kept=True)
            witness.send("homeassistant/switch/streamvision/x/config", "{", kept=True)
            witness.send(f"{switches[1]}/set", " on\n")
            until(lambda: witness.newest(switches[1]) == b"ON", "recording is on")
            assert served.get("/api/streams/gate/config")["recording"] == {"mode": "events"}
            assert served.get("/api/streams/gate/config").get("detect", True)
            witness.send(f"{switches[0]}/set", "off")
            until(lambda: witness.newest(switches[0]) == b"OFF", "detection is off")
            until(
                lambda: (witness.newest("streamvision/gate/counts") or b"")[:1] == b"{", "the service's counts are back"
            )
            until(lambda: not any(counts_of(witness)["present"].values()), "nobody is there any more")
            assert witness.newest("streamvision/gate/availability") == b"online"
            assert served.ask("PATCH", "/api/streams/gate", {"detect": True})[0] == 200  # on the page
            until(lambda: witness.newest(switches[0]) == b"ON", "a change elsewhere is told, too")
    assert 1 <= len([one for one in caplog.records if "give ON or OFF" in one.message]) <= 3  # not one for each
    assert not [one for one in caplog.records if one.exc_info]


@pytest.mark.gstreamer
def test_the_recording_switch_records_a_real_camera(
    tmp_path: Path, broker: Mosquitto, served: Served, publishing: Publishing
) -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    switch, ever = "streamvision/gate/recording", "since=0&until=9000000000"
    (tmp_path / "film.mp4").write_bytes(clip(8, 10))
    assert served.ask("PATCH", "/api/settings", {"recording": {"min_free_gb": 0, "segment_s": 2}})[0] == 200

    def recorder() -> dict[str, Any] | None:
        outputs = served.get("/api/streams/gate")["outputs"]
        return next((one["state"] for one in outputs if one["name"] == "recording"), None)

    with RtspServer(tmp_path / "film.mp4", fps=10, size=(64, 48)) as camera, Client(broker) as witness:
        served.add(id="gate", source=camera.url)
        with publishing(broker, served):
            until(lambda: witness.newest(switch) == b"OFF" and recorder() == "off", "nothing is recorded unasked")
            witness.send(f"{switch}/set", "ON")
            until(lambda: served.get(f"/api/recordings?{ever}")["recordings"], "a file comes")
            until(lambda: (witness.newest(switch), recorder()) == (b"ON", "writing"), "it is said to be recorded")
            assert served.ask("PATCH", "/api/streams/gate", {"recording": None})[0] == 200
            until(lambda: witness.newest(switch) == b"OFF", "a change on the page is told")
            assert served.ask("PATCH", "/api/settings", {"recording": {"mode": "events"}})[0] == 200
            until(lambda: witness.newest(switch) == b"ON", "and one for all cameras")
            witness.send(f"{switch}/set", "OFF")
            until(lambda: witness.newest(switch) == b"OFF" and recorder() == "off", "it is off")
            witness.send(f"{switch}/set", "ON")
            until(lambda: witness.newest(switch) == b"ON", "it is on")
            assert served.get("/api/streams/gate/config")["recording"]["mode"] == "events"


def test_what_an_earlier_run_left_is_taken_away_or_taken_up(
    broker: Mosquitto, served: Served, publishing: Publishing
) -> None:
    served.add(id="gate")
    served.add(id="yard")
    with Client(broker) as witness:
        witness.send("homeassistant/switch/other/gate-detection/config", "{}", kept=True)
        with publishing(broker, served):
            until(lambda: counts_of(witness).get("objects") and counts_of(witness, "yard").get("objects"), "both count")
        classes = counts_of(witness)["objects"].keys()
        assert served.ask("DELETE", "/api/streams/yard")[0] == 204
        assert served.ask("PATCH", "/api/streams/gate", {"detect": False})[0] == 200
        until(lambda: not served.get("/api/streams")["streams"][0]["objects"], "nothing is found now")
        with publishing(broker, served):
            until(lambda: not [topic for topic in kept_by(broker) if "yard" in topic], "the other is gone")
            until(lambda: counts_of(witness)["objects"].keys() == classes, "the classes are those from before")
            assert not any(counts_of(witness)["objects"].values())
            kept = kept_by(broker, "homeassistant/#")
            assert "homeassistant/switch/other/gate-detection/config" in kept
            assert sum("-count-" in topic for topic in kept) == len(classes)


def tell(channel: LiveChannel, *numbers: int) -> None:
    """Let these events happen on a frame of the stream."""
    latest = channel.latest
    assert latest is not None
    events = tuple(happened(number) for number in numbers)
    result = replace(latest.result, analysis=Analysis(events=events))
    channel.publish(RenderedFrame(result, draw=latest.canvas, encode=lambda _canvas: b""), encode=False)


@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_an_outage_loses_nothing_keeps_the_order_and_ends_with_what_holds(broker: Mosquitto, kind: str) -> None:
    with LiveFeed("gate") as feed, Client(broker) as witness:
        channel = feed["gate"].channel
        assert published_after(channel, 0)
        config = MqttConfig(host="127.0.0.1", port=broker.port, counts_every_s=0.2, picture_every_s=None)
        publisher = MqttPublisher(config, feed.view, spool=open_spool(None, "mqtt", max_messages=5000, max_bytes=10**8))
        publisher.start()
        for number in range(100):
            tell(channel, 2 * number, 2 * number + 1)
        until(lambda: publisher.status().sent >= 50, "some are sent")
        getattr(broker, kind)()
        for number in range(100, 500):
            tell(channel, 2 * number, 2 * number + 1)
        before = feed["gate"].published
        until(lambda: publisher.status().state == "failing", "the outage is said")
        until(lambda: feed["gate"].published > before + 10, "the stream goes on")
        feed["gate"].counts = {"zones": {"left": {"inside": 7, "entered": 9, "left": 2}}, "lines": {}}
        broker.start()
        until(lambda: counts_of(witness).get("zones", {}).get("left", {}).get("inside") == 7, "what holds is told")
        until(lambda: publisher.status().waiting == 0, "all is sent")
        tell(channel, 1000)
        until(lambda: publisher.status().waiting == 0 and publisher.status().sent >= 1001, "and what comes then, too")
        until(lambda: any(b'"frame": 1000' in one for one in witness.of("streamvision/gate/events")), "it is there")
        publisher.stop()
        by_id = {event["id"]: event["frame"] for event in map(json.loads, witness.of("streamvision/gate/events"))}
        assert list(by_id.values()) == list(range(1001))
        assert publisher.status().lost == {}
        until(lambda: witness.newest("streamvision/status") == b"offline", "it says that it has gone")


@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_what_is_sent_on_a_connection_that_broke_is_not_confirmed(broker: Mosquitto, kind: str) -> None:
    config = MqttConfig(host="127.0.0.1", port=broker.port)
    connection = Connection(config, Topics(config), lambda *_: None)
    connection.open()
    assert connection.send([("a", b"1"), ("a", b"2")], retain=False) == 2
    getattr(broker, kind)()
    until(lambda: connection.lost, "the end of the connection is noticed")
    with pytest.raises(DeliveryError, match="broke the connection") as raised:
        connection.send([("a", b"3"), ("a", b"4")], retain=False)
    assert (raised.value.delivered, raised.value.retry) == (0, True)
    connection.close()
    with pytest.raises(DeliveryError, match="cannot be reached"):
        Connection(config, Topics(config), lambda *_: None).open()


def test_the_oldest_make_room_where_too_many_wait(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker, LiveFeed("gate") as feed:
        broker.stop()
        assert published_after(feed["gate"].channel, 0)
        config = MqttConfig(host="127.0.0.1", port=broker.port, picture_every_s=None)
        publisher = MqttPublisher(config, feed.view, spool=open_spool(None, "mqtt", max_messages=10, max_bytes=10**6))
        publisher.start()
        for number in range(25):
            tell(feed["gate"].channel, number)
        until(lambda: publisher.status().lost == {"overflow": 15}, "the oldest are lost")
        assert (publisher.status().waiting, publisher.status().state) == (10, "failing")
        assert f"mqtt://127.0.0.1:{broker.port}" in publisher.status().reason
        broker.start()
        with Client(broker) as witness:
            until(lambda: len(witness.of("streamvision/gate/events")) == 10, "the newest are told")
            told = [json.loads(one)["frame"] for one in witness.of("streamvision/gate/events")]
        assert told == list(range(15, 25))
        publisher.stop()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_tls_with_certificates_of_both_sides_and_a_password(tmp_path: Path, version: str) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    server, client, stranger = ours.issue("broker"), ours.issue("client"), other.issue("client")
    lines = [f"cafile {ours.file}", f"certfile {server[0]}", f"keyfile {server[1]}", "require_certificate true"]
    right = {"tls": True, "ca": ours.file, "cert": client[0], "key": client[1], "user": "ann", "password": "s3cret!"}
    with Mosquitto(tmp_path / "broker", *lines, user=("ann", "s3cret!")) as broker, LiveFeed("gate") as feed:
        for wrong, words in [
            ({"password": "wr0ng!"}, "refused the connection"),
            ({"ca": other.file}, "its certificate is not accepted"),
            ({"cert": stranger[0], "key": stranger[1]}, "mqtts://"),
            ({"ca": tmp_path / "none.pem"}, "cannot be used"),
            ({"tls": False, "ca": None, "cert": None, "key": None}, "mqtt://"),
            ({}, ""),
        ]:
            config = MqttConfig(host="127.0.0.1", port=broker.port, version=version, **{**right, **wrong})
            spool = open_spool(None, "mqtt", max_messages=10, max_bytes=10**6)
            publisher = MqttPublisher(config, feed.view, spool=spool)
            publisher.start()
            until(
                lambda told=publisher, said=words: said in (reason := told.status().reason) and "yet" not in reason,
                words,
            )
            assert not {"s3cret!", "wr0ng!"} & set(publisher.status().reason.split())
            publisher.stop()


def test_several_processes_are_refused_since_their_frames_are_passed_over(tmp_path: Path, model: Path) -> None:
    document = {"model": {"path": str(model)}, "streams": [{"source": BOXES}] * 2, "workers": 2, "mqtt": "localhost"}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(document))
    done = called("run", "--config", tmp_path / "c.yaml")
    assert done.code != 0 and "workers is 2, but mqtt" in done.sentence()


def test_a_service_that_is_killed_is_said_to_be_offline_and_keeps_what_waits_on_disk(
    tmp_path: Path, broker: Mosquitto, model: Path, halves: dict[str, Any]
) -> None:
    stream = {"source": "synthetic:boxes?fps=20&size=160x120", "id": "gate", "analytics": halves}
    document = {
        "model": {"path": str(model), "threads": 1, "score": 0.05}, "streams": [stream], "serve": {"port": 0},
        "mqtt": {"host": "127.0.0.1", "port": broker.port, "prefix": "home/cams"},
    }  # fmt: skip
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(document))
    arguments = "serve", "--config", tmp_path / "c.yaml", "--state", tmp_path / "state"
    with Client(broker, "home/cams/#") as witness:
        with running(*arguments) as process:
            until(lambda: witness.of("home/cams/gate/events"), "events are told", 120)
            assert witness.newest("home/cams/status") == b"online"
            broker.stop()
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        assert (tmp_path / "state/mqtt/mqtt.db").stat().st_mode & 0o077 == 0
        broker.start()
        with running(*arguments) as process:
            until(lambda: witness.newest("home/cams/status") == b"online", "it is there again", 120)
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        until(lambda: witness.newest("home/cams/status") == b"offline", "its last will is done")
