"""Events and counts go to the database, with pictures, bounded; a slow or absent database stalls no stream."""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import simplejpeg

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.event_log import EventLogConfig
from streamvision.core.control import EventQuery
from streamvision.core.telemetry import DropCounter
from streamvision.service.event_store import EventStore
from streamvision.service.recorder import MAX_FRAMES, MAX_WAITING, EventRecorder
from streamvision.state.database import Database
from streamvision.state.events import PICTURED_EVENTS, insert_events
from support.live_feed import LiveFeed, published_after
from support.postgres_server import PostgresServer, binaries, postgres_server
from support.serving import EVERYWHERE, Served, serving, until, write_config

Start = Callable[..., Any]
CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]]


def _row(number: int, *, picture: str | None = None, age_s: float = 0.0, **more: Any) -> dict[str, Any]:
    when = time.time() - age_s
    return {
        "time_unix_s": when, "recorded_unix_s": when, "stream": "gate", "kind": "line", "class_name": "car",
        "region": "door", "track_id": number, "picture": picture,
        "details": {"direction": "in", "values": {}, "time_source": "arrival"},
    } | more  # fmt: skip


def test_the_log_gives_the_same_keys_and_values_as_what_is_told_live(start: Start, tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate", analytics={"zones": [EVERYWHERE]})
        until(lambda: served.events("?kind=zone_entered"), "something came in")
        live = {event["id"]: event for event in served.get("/api/streams/gate/analytics")["events"]}
        schema = served.get("/api/event-schema.json")
        logged = served.events("?limit=1000")
        assert logged and all(event["id"] in live for event in logged)
        for event in logged:
            jsonschema_rs.validate(schema, event)
            assert event.pop("number") > 0
            assert event == live[event["id"]] | {"picture": event["picture"]}


def test_what_happens_is_kept_with_its_picture_and_counts_go_on(start: Start, database_place: str) -> None:
    with start(database_place) as served:
        served.add(id="gate", analytics={"zones": [EVERYWHERE]})
        found = until(lambda: served.events("?kind=crowding"), "the zone is crowded")
        (crowding,) = found
        assert (crowding["stream"], crowding["region"], crowding["track_id"]) == ("gate", "all", None)
        assert abs(crowding["time_unix_s"] - time.time()) < 60
        status, jpeg = served.request("GET", f"/{crowding['picture']}")
        assert (status, simplejpeg.decode_jpeg_header(jpeg)[:2]) == (200, (120, 160))
        entered = until(lambda: served.events("?kind=zone_entered&limit=1"), "something came in")[0]
        assert entered["class_name"] is not None and entered["track_id"] is not None
    with start(database_place) as served:
        assert served.events("?kind=crowding")[-1] == crowding
        alarms = lambda: served.get("/api/streams/gate/analytics")["zones"]["all"]["alarms"]["crowding"]  # noqa: E731
        until(lambda: alarms() == 2, "the count goes on from 1")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    with serving(str(folder / "state"), folder / "state", write_config(folder / "cameras.yaml", model)) as served:
        rows = [_row(number, time_unix_s=1000.0 + number) for number in range(120)]
        rows[50] |= {"stream": "yard", "kind": "stay", "class_name": "=cmd|bus", "region": "Tür"}
        rows[50]["details"] = {"direction": "a;=1+1", "values": {}, "time_source": "arrival"}
        with served.service.database.begin() as connection:
            insert_events(connection, rows)
        yield served


def test_pages_follow_each_other_and_filters_hold(logged: Served) -> None:
    pages, before = [], ""
    while True:
        page = logged.get(f"/api/event-log?limit=50{before}")
        pages.append([event["track_id"] for event in page["events"]])
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert [len(page) for page in pages] == [50, 50, 20]
    assert list(itertools.chain(*pages)) == list(range(119, -1, -1))
    for query in ("stream=yard", "kind=stay", "class=%3Dcmd%7Cbus", "region=T%C3%BCr", "since=1050&until=1051"):
        assert [event["track_id"] for event in logged.events(f"?{query}")] == [50], query
    assert len(logged.events("?stream=yard,gate&limit=1000")) == 120


def test_the_file_holds_the_same_and_no_formula(logged: Served) -> None:
    status, body = logged.request("GET", "/api/event-log.csv?stream=yard")
    (row,) = csv.DictReader(io.StringIO(body.decode()))
    assert status == 200
    assert (row["time"], row["class_name"], row["region"]) == ("1970-01-01T00:17:30.000+00:00", "'=cmd|bus", "Tür")
    assert row["direction"] == "a;'=1+1"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "limit: "), ("limit=1001", "limit: "), ("before=99999999999999999999", "before: "),
        ("kind=party", "kind: "), ("since=yesterday", "since: "), ("region=a%00b", "region: "), ("x=1", "unknown key"),
    ],
)  # fmt: skip
def test_a_query_that_is_not_accepted_is_one_sentence(logged: Served, query: str, sentence: str) -> None:
    status, answer = logged.ask("GET", f"/api/event-log?{query}")
    assert status == 400 and sentence in answer["error"]


def test_pictures_that_are_not_there_are_said(logged: Served) -> None:
    for event_id in ("1", "999999", "9223372036854775807"):
        status, answer = logged.ask("GET", f"/api/event-log/{event_id}/picture")
        assert (status, set(answer)) == (404, {"error"})
    assert logged.ask("GET", f"/api/event-log/{2**70}/picture")[0] == 404


def test_events_and_pictures_are_bounded_by_number_and_by_age(database_place: str, tmp_path: Path) -> None:
    database = Database.open(database_place)
    store = EventStore(database, tmp_path, EventLogConfig(kept=100, pictures_kept=20, days=1))
    folder = tmp_path / "event-pictures"
    for number in range(60):
        store.pictures.write(f"{number:03d}.jpg", b"jpeg")
    (folder / "left-by-a-crash.jpg").write_bytes(b"")
    with database.begin() as connection:
        old = [_row(number, picture=f"{number:03d}.jpg", age_s=2 * 86400.0) for number in range(30)]
        insert_events(connection, [*old, *(_row(number, picture=f"{number:03d}.jpg") for number in range(30, 60))])
    store.purge()
    with database.reading() as connection:
        assert PICTURED_EVENTS.count(connection) == 30
    assert sorted(path.name for path in folder.iterdir()) == [f"{number:03d}.jpg" for number in range(40, 60)]
    with database.begin() as connection:
        insert_events(connection, [_row(number) for number in range(700)])
    store.note_events(700)
    store.purge()
    with database.reading() as connection:
        assert PICTURED_EVENTS.count(connection) == 100
    assert list(folder.iterdir()) == []
    database.close()


def test_a_folder_of_pictures_is_for_its_owner_alone(start: Start, tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        served.add(id="gate", analytics={"zones": [EVERYWHERE]})
        until(lambda: list((tmp_path / "folder" / "event-pictures").iterdir()), "a picture is written")
    for path in (tmp_path / "folder" / "event-pictures").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "folder" / "event-pictures").stat().st_mode & 0o777 == 0o700


def test_a_burst_shares_pictures_and_a_full_queue_waits_for_nobody(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    store = EventStore(database, tmp_path, EventLogConfig())
    recorder = EventRecorder(database, store, dict)
    with LiveFeed("gate") as feed:
        assert published_after(feed["gate"].channel, 0)
        rendered = feed["gate"].channel.latest
    assert rendered is not None
    event = AnalyticsEvent(
        kind="line", stream="gate", frame=1, pts_s=0.0, time_unix_s=None, track_id=1, class_name="car", region="door",
        direction="in",
    )  # fmt: skip
    drops = DropCounter()
    for _ in range(MAX_WAITING + 7):  # nobody takes anything
        recorder.put("gate", (event,), rendered, drops)
    assert drops.by_cause() == {"events": 7}
    recorder.flush()
    with database.reading() as connection:
        assert PICTURED_EVENTS.count(connection) == MAX_WAITING
    assert len(list((tmp_path / "event-pictures").iterdir())) <= 1 + MAX_FRAMES
    assert all(event.has_picture for event in store.find(EventQuery(limit=1000)))
    database.close()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    if binaries() is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    with postgres_server(durable=True) as server:
        yield server


def test_a_database_that_goes_away_is_said_and_nothing_is_lost_or_stalled(
    start: Start, own_postgres: PostgresServer
) -> None:
    with start(own_postgres.create_database()) as served:
        served.add(id="gate")
        own_postgres.stop()
        zones = [{"name": name, "points": CORNERS, "anchor": "center", "crowd": 1} for name in ("a", "b")]
        status, answer = served.ask("PATCH", "/api/streams/gate", {"analytics": {"zones": zones}})
        assert status == 503 and "cannot be used" in answer["error"]
        assert served.get("/api/streams/gate/analytics")["config"]["zones"] == []
        served.service.pipeline.replace_stream("gate", _with_zones(served, zones))  # something happens nevertheless
        waiting = "events wait to be written down: "
        until(lambda: _beginning(waiting, served.get("/api/streams")["faults"]), "the fault is told")
        status, ready = served.ask("GET", "/readyz")
        assert (status, _beginning(waiting, ready["missing"])) == (503, 1)
        done = served.get("/api/streams/gate")["frames_done"]
        until(lambda: served.get("/api/streams/gate")["frames_done"] > done + 5, "frames go on")
        assert served.ask("GET", "/api/event-log")[0] == 503
        own_postgres.start()
        until(lambda: not served.get("/api/streams")["faults"], "the database is back")
        regions = {event["region"] for event in served.events("?kind=crowding")}
        assert regions == {"a", "b"}
        assert served.ask("PATCH", "/api/streams/gate", {"loop": True})[0] == 200


def _beginning(words: str, sentences: list[str]) -> int:
    """Count the sentences that begin so: whatever else is written down waits for the database, too."""
    return sum(one.startswith(words) for one in sentences)


def _with_zones(served: Served, zones: list[dict[str, Any]]) -> Any:
    config = served.service._running["gate"]
    return type(config).model_validate({**config.model_dump(exclude_unset=True), "analytics": {"zones": zones}})
