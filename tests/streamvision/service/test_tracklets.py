"""Identities of a service: written down, found by time, class and region, within bounds, and over HTTP."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from pipelines.outputs.sink import SinkContext
from streamvision.core.cells import cells_of_polygon
from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.errors import ConfigError, StateError
from streamvision.core.frame import Result
from streamvision.core.tracklets import TrackletQuery
from streamvision.service.tracklets.recorder import TrackletRecorder
from streamvision.service.tracklets.store import TrackletStore
from streamvision.state.database import Database
from support.identities import rendered, seen_on
from support.serving import Served, serving, until, write_config
from support.tiny_embedder import tiny_embedder

NAMES = ("person", "car")
ALL = TrackletQuery(limit=1000)
TOP_LEFT, BOTTOM_RIGHT = (0, 0, 60, 60), (250, 120, 320, 180)
LEFT_HALF = [(0.0, 0.0), (0.45, 0.0), (0.45, 1.0), (0.0, 1.0)]
Start = Callable[..., Any]


class Kept:
    """A recorder over a database, fed by hand."""

    def __init__(self, place: str, folder: Path, **config: Any) -> None:
        self.database = Database.open(place)
        self.store = TrackletStore(self.database, folder, TrackletsConfig(**config))
        self.recorder = TrackletRecorder(self.store)
        self.sinks = {name: self.recorder(SinkContext(name, True, NAMES)) for name in ("gate", "yard")}

    def show(self, *results: Result) -> None:
        for one in rendered(results):
            self.sinks[one.result.frame.stream_id].write(one)

    def close(self) -> None:
        for sink in self.sinks.values():
            sink.close()
        self.recorder.flush()
        self.database.close()


@pytest.fixture
def kept(database_place: str, tmp_path: Path) -> Iterator[Kept]:
    one = Kept(database_place, tmp_path / "folder")
    yield one
    one.close()


def test_a_row_says_when_where_and_what(kept: Kept) -> None:
    kept.show(seen_on(0, (7, TOP_LEFT, 0.5, 1), age_s=20.0), seen_on(1, (7, (160, 45, 240, 90), 0.875, 1), age_s=10.0))
    kept.recorder.flush()
    (row,) = kept.store.find(ALL)
    assert (row.stream, row.track_id, row.class_name, row.frames) == ("gate", 7, "car", 2)
    assert (row.best_score, row.best_box) == (0.875, (0.5, 0.25, 0.75, 0.5))
    assert row.first_unix_s == pytest.approx(time.time() - 20, abs=5)
    assert row.last_unix_s - row.first_unix_s == pytest.approx(10, abs=1) and row.best_unix_s == row.last_unix_s
    jpeg = kept.store.crop(row.id)
    assert row.has_crop and jpeg is not None and simplejpeg.is_jpeg(jpeg)
    assert kept.store.tracklet(row.id) == row and kept.store.tracklet(row.id + 1) is None


def test_what_goes_on_stays_the_same_row(kept: Kept) -> None:
    for index in range(5):
        kept.show(seen_on(index, (1, TOP_LEFT, 0.5 + index / 100, int(index > 1))))
        kept.recorder.flush()
    (row,) = kept.store.find(ALL)
    assert (row.frames, row.class_name, round(row.best_score, 2)) == (5, "car", 0.54)
    kept.show(seen_on(5, (1, TOP_LEFT, 0.5, 0), segment=1))  # the stream has connected again
    kept.recorder.flush()
    assert [(one.track_id, one.frames) for one in kept.store.find(ALL)] == [(1, 1), (1, 5)]


def test_what_was_here_is_found_by_stream_class_time_and_region(kept: Kept) -> None:
    kept.show(seen_on(0, (1, TOP_LEFT, 0.5, 0), (2, BOTTOM_RIGHT, 0.5, 1), age_s=1000.0))
    kept.show(seen_on(1, (3, TOP_LEFT, 0.5, 0), stream="yard", age_s=500.0))
    kept.show(seen_on(1, (4, TOP_LEFT, 0.5, 0)), seen_on(2, (4, BOTTOM_RIGHT, 0.5, 0)))
    kept.recorder.flush()
    now = time.time()

    def found(**query: Any) -> set[int]:
        return {one.track_id for one in kept.store.find(TrackletQuery(**query))}

    assert found() == {1, 2, 3, 4}
    assert found(streams=frozenset({"yard"})) == {3} and found(class_name="car") == {2}
    assert found(since_unix_s=now - 600) == {3, 4} and found(until_unix_s=now - 600) == {1, 2}
    assert found(cells=cells_of_polygon(LEFT_HALF)) == {1, 3, 4}
    corner = [(0.95, 0.95), (0.99, 0.95), (0.99, 0.99)]
    assert found(cells=cells_of_polygon(corner)) == {2, 4}
    assert found(cells=cells_of_polygon([(0.5, 0.4), (0.6, 0.4), (0.6, 0.5)])) == set()
    first, second = kept.store.find(TrackletQuery(limit=2))
    assert found(before=second.id, limit=10) == {1, 2, 3, 4} - {first.track_id, second.track_id}


def test_a_crash_loses_nothing_that_was_flushed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    place, folder = str(tmp_path / "state"), tmp_path / "folder"
    first = Kept(place, folder)
    first.show(seen_on(0, (1, TOP_LEFT, 0.5, 0)))
    first.recorder.flush()
    first.show(seen_on(1, (2, TOP_LEFT, 0.5, 0)))
    first.database.close()  # and nothing more: it was killed
    (folder / "tracklet-crops" / "left-by-a-crash.jpg").write_bytes(b"")
    second = Kept(place, folder)
    second.show(seen_on(0, (1, TOP_LEFT, 0.5, 0)))
    second.recorder.flush()
    assert [(one.track_id, one.frames) for one in second.store.find(ALL)] == [(1, 1), (1, 1)], "another one"
    assert len(list((folder / "tracklet-crops").iterdir())) == 2
    second.close()


def test_rows_and_pictures_are_bounded_by_number_and_by_age(database_place: str, tmp_path: Path) -> None:
    kept = Kept(database_place, tmp_path, kept=40, crops_kept=10, days=1)
    old = [seen_on(0, *[(number, TOP_LEFT, 0.5, 0) for number in range(1, 6)], age_s=2 * 86400.0)]
    kept.show(*old, seen_on(1, *[(number, TOP_LEFT, 0.5, 0) for number in range(11, 31)]))
    kept.recorder.flush()
    assert {one.track_id for one in kept.store.find(ALL)} == set(range(11, 31))
    folder = tmp_path / "tracklet-crops"
    assert len(list(folder.iterdir())) == 10 == sum(one.has_crop for one in kept.store.find(ALL))
    kept.show(seen_on(2, *[(number, TOP_LEFT, 0.5, 0) for number in range(100, 750)]))
    kept.recorder.flush()
    left = kept.store.find(ALL)
    assert len(left) == 40 and {one.track_id for one in left} == set(range(710, 750))
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    kept.close()


def test_what_waits_for_a_database_that_is_away_is_written_once_it_is_back(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StateError("the database does not answer")

    kept.show(seen_on(0, (1, TOP_LEFT, 0.5, 0)))
    with monkeypatch.context() as patch:
        patch.setattr(TrackletStore, "write", away)
        for index in range(1, 4):
            kept.show(seen_on(index, (1, TOP_LEFT, 0.5, 0), (index + 1, TOP_LEFT, 0.5, 0)))
            with pytest.raises(StateError):
                kept.recorder.flush()
    kept.recorder.flush()
    assert {one.track_id: one.frames for one in kept.store.find(ALL)} == {1: 4, 2: 1, 3: 1, 4: 1}
    assert all(one.has_crop for one in kept.store.find(ALL))


# --- similar objects ------------------------------------------------------------------------------------------------


def coloured(index: int, identity: int, bgr: tuple[int, int, int]) -> Result:
    """Return a frame that is all of one colour, with one object."""
    result = seen_on(index, (identity, (40, 20, 200, 170), 0.9, 0))
    result.frame.picture.to_bgr()[:] = bgr
    return result


def test_what_looks_alike_is_found_by_identity_and_by_picture(tmp_path: Path) -> None:
    embedder = tiny_embedder(tmp_path / "looks.onnx")
    kept = Kept(str(tmp_path / "state"), tmp_path / "folder", embedder=embedder, describe_per_s=1000)
    colours = {1: (0, 0, 250), 2: (0, 250, 0), 3: (0, 30, 240), 4: (250, 0, 0)}
    kept.show(*(coloured(number, number, bgr) for number, bgr in colours.items()))
    for sink in kept.sinks.values():
        sink.close()
    kept.recorder.flush()
    ids = {one.track_id: one.id for one in kept.store.find(ALL)}
    with pytest.raises(ConfigError, match="not open yet"):
        kept.store.similar(ids[1], ALL)
    assert kept.store.describer is not None
    kept.store.describer.start()
    try:
        until(lambda: len(_alike(kept, ids[1])) == 3, "all are described")
        found = _alike(kept, ids[1])
        assert found[0].tracklet.track_id == 3 and found[0].similarity > 0.95 > found[1].similarity
        assert [one.tracklet.track_id for one in _alike(kept, ids[3], limit=1)] == [1]
        assert _alike(kept, ids[1], streams=frozenset({"yard"})) == []
        blue = cv2.imencode(".png", np.full((90, 90, 3), (240, 20, 10), np.uint8))[1].tobytes()
        assert kept.store.similar_to_picture(blue, ALL)[0].tracklet.track_id == 4
        for no_picture in (b"", b"GIF89a", blue[:40]):
            with pytest.raises(ConfigError, match="no picture that can be read"):
                kept.store.similar_to_picture(no_picture, ALL)
        bomb = blue[:16] + (20_000).to_bytes(4, "big") * 2 + blue[24:]
        with pytest.raises(ConfigError, match="40 million pixels"):
            kept.store.similar_to_picture(bomb, ALL)
        with pytest.raises(ConfigError, match="not known yet"):
            kept.store.similar(999, ALL)
        assert kept.recorder.faults() == []
    finally:
        kept.store.describer.stop()
        kept.database.close()


def _alike(kept: Kept, tracklet_id: int, **query: Any) -> list[Any]:
    try:
        return kept.store.similar(tracklet_id, replace(ALL, **query))
    except ConfigError:
        return []


def test_a_model_that_cannot_be_opened_is_said_and_the_rows_go_on(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "state"), tmp_path / "folder", embedder=tmp_path / "absent.onnx")
    assert kept.store.describer is not None
    kept.store.describer.start()
    (sentence,) = until(kept.recorder.faults, "the fault is said")
    assert sentence.startswith("identities are not described: ") and "absent.onnx" in sentence
    kept.show(seen_on(0, (1, TOP_LEFT, 0.5, 0)))
    kept.recorder.flush()
    assert len(kept.store.find(ALL)) == 1
    kept.store.describer.stop()
    kept.close()


# --- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    config = write_config(folder / "cameras.yaml", model)
    with serving(str(folder / "state"), folder / "state", config) as running:
        running.add(id="gate")
        until(lambda: running.get("/api/tracklets?limit=3")["next"] is not None, "three identities are there")
        yield running


def test_a_service_keeps_what_its_streams_see(served: Served) -> None:
    page = served.get("/api/tracklets?streams=gate&limit=2")
    one, other = page["tracklets"]
    assert one["id"] > other["id"] == page["next"] and one["stream"] == "gate" and one["class_name"]
    assert 0 < one["best_score"] <= 1 and len(one["best_box"]) == 4 and abs(one["last_unix_s"] - time.time()) < 120
    assert served.get(f"/api/tracklets?before={page['next']}&limit=1")["tracklets"][0]["id"] < page["next"]
    left, top, right, bottom = one["best_box"]
    around = f"{left},{top},{right},{top},{right},{bottom},{left},{bottom}"
    assert one["id"] in {
        found["id"] for found in served.get(f"/api/tracklets?polygon={around}&limit=1000")["tracklets"]
    }
    assert served.get(f"/api/tracklets?until={one['first_unix_s'] - 3600}")["tracklets"] == []
    with_crop = next(found for found in served.get("/api/tracklets?limit=50")["tracklets"] if found["crop"])
    status, jpeg = served.request("GET", f"/{with_crop['crop']}")
    assert status == 200 and simplejpeg.is_jpeg(jpeg)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "limit: "), ("polygon=0,0,1", "is no region"), ("polygon=0,0,1,0,nan,1", "is no region"),
        ("since=-1", "since: "), ("class=a%00", "class: "), ("before=99999999999999999999", "before: "),
        ("x=1", "unknown key"),
    ],
)  # fmt: skip
def test_a_query_that_is_not_accepted_is_one_sentence(served: Served, query: str, sentence: str) -> None:
    status, answer = served.ask("GET", f"/api/tracklets?{query}")
    assert status == 400 and sentence in answer["error"], answer


def test_without_an_embedding_model_it_is_said_what_is_missing(served: Served) -> None:
    first = served.get("/api/tracklets?limit=1")["tracklets"][0]
    picture = base64.b64encode(np.zeros(45_000, np.uint8).tobytes()).decode()
    for method, path, body in (
        ("GET", f"/api/tracklets/{first['id']}/similar", None),
        ("POST", "/api/tracklets/similar", {"picture": picture}),
    ):
        status, answer = served.ask(method, path, body)
        assert (status, answer["error"]) == (
            400, "no embedding model is set, so nobody knows what looks alike; set tracklets.embedder",
        )  # fmt: skip
    assert served.ask("POST", "/api/tracklets/similar", {"picture": "%"})[0] == 400
    for path in ("/api/tracklets/999999/crop.jpg", "/api/tracklets/999999/similar", f"/api/tracklets/{2**70}/crop.jpg"):
        assert served.ask("GET", path)[0] == 404


def test_where_they_are_not_kept_nothing_is_there_and_nothing_is_done(tmp_path: Path, model: Path) -> None:
    config = write_config(tmp_path / "cameras.yaml", model, tracklets={"enabled": False})
    with serving(str(tmp_path), tmp_path, config) as served:
        served.add(id="gate")
        assert served.ask("GET", "/api/tracklets")[0] == 404
        (status,) = served.get("/api/streams")["streams"]
        assert "tracklets" not in {output["name"] for output in status["outputs"]}
    assert not (tmp_path / "tracklet-crops").exists()
