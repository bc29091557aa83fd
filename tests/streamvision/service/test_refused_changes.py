"""A change that is refused stores nothing, whether the stream runs, is switched off, or could not begin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamvision.state.streams import read_streams
from support.serving import BOXES, Served, serving, write_config

STEPS_THAT_ARE_WRONG = [{"name": "open"}]
"""They clean what nothing has marked."""
REFUSED: list[dict[str, Any]] = [
    {"tracker": {"name": "nope"}},
    {"tracker": {"options": {"colour": 3}}},
    {"tracker": {"memory_s": -1}},
    {"slices": "4x2"},
    {"steps": ["bogus"]},
    {"steps": ["mog2:histroy=3"]},
    {"steps": ["mog2", "erode", "mog2:history=0"]},
    {"classes": ["giraffe"]},
    {"model": "nope"},
    {"record": True},
    {"collect": True},
    {"camera": {"focal_px": -1}},
    {"overlay": {"trails_s": 99}},
    {"adaptive": {"mode": "sometimes"}},
    {"recording": {"mode": "always"}},
    {"analytics": {"lines": [{"name": "door", "points": [[0, 0]]}]}},
    {"ignore": [[[0, 0]]]},
    {"name": "two\nlines"},
]
STATES = {
    "running": {"source": BOXES},
    "off": {"source": BOXES, "enabled": False},
    "away": {"source": "was/here/yesterday.mp4"},
    "broken": {"source": BOXES, "steps": STEPS_THAT_ARE_WRONG},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    streams = [{"id": name, **about} for name, about in STATES.items()]
    file = write_config(folder / "cameras.yaml", Path("none"), *streams)
    with serving(str(folder / "state"), folder / "state", file) as running:
        yield running


def all_that_is_stored(served: Served) -> str:
    with served.service.database.reading() as connection:
        return json.dumps([str(read_streams(connection)), served.service.layers.exported()])


@pytest.mark.parametrize(
    ("state", "change"),
    # Which classes there are follows from steps that are right.
    [(state, change) for state in STATES for change in REFUSED if state != "broken" or "classes" not in change],
    ids=lambda given: json.dumps(given)[:60],
)
def test_a_refused_change_stores_nothing(served: Served, state: str, change: dict[str, Any]) -> None:
    before = all_that_is_stored(served)
    status, answer = served.ask("PATCH", f"/api/streams/{state}", change)
    assert (status, list(answer)) == (400, ["error"]), answer
    assert "\n" not in answer["error"]
    assert all_that_is_stored(served) == before


@pytest.mark.parametrize("change", [{"tracker": {"name": "nope"}}, {"classes": ["giraffe"]}, {"slices": "4x2"}])
def test_a_refused_change_of_the_run_stores_nothing(served: Served, change: dict[str, Any]) -> None:
    before = all_that_is_stored(served)
    status, answer = served.ask("PATCH", "/api/settings", change)
    assert status == 400 and "\n" not in answer["error"]
    assert all_that_is_stored(served) == before


@pytest.mark.parametrize("state", STATES)
def test_what_is_right_is_stored_though_something_else_is_wrong(served: Served, state: str) -> None:
    status, answer = served.ask("PATCH", f"/api/streams/{state}", {"name": f"The {state} one", "overlay": None})
    assert (status, answer["name"]) == (200, f"The {state} one")


def test_what_was_wrong_is_mended_while_it_runs(tmp_path: Path) -> None:
    broken = {"id": "gate", **STATES["broken"]}
    file = write_config(tmp_path / "cameras.yaml", Path("none"), broken)
    with serving(str(tmp_path / "state"), tmp_path / "state", file) as running:
        assert running.get("/api/streams")["streams"][0]["state"] == "failed"
        assert running.ask("PATCH", "/api/streams/gate", {"steps": ["mog2"]})[0] == 200
        assert running.get("/api/streams/gate")["state"] != "failed"


def test_a_stream_that_is_switched_off_is_not_added_with_what_no_stream_can_have(served: Served) -> None:
    before = all_that_is_stored(served)
    document = {"source": BOXES, "id": "new", "enabled": False, "steps": STEPS_THAT_ARE_WRONG}
    assert served.ask("POST", "/api/streams", document)[0] == 400
    assert all_that_is_stored(served) == before
