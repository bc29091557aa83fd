"""Models that are replaced over HTTP: what is answered, told, and written down, and to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import simplejpeg
from flask.testing import FlaskClient

from streamvision.core.config.serve import ServeConfig
from streamvision.web.app import create_app
from streamvision.web.login import Login
from support.accounts import People, people
from support.serving import BOXES, Served, serving, until, write_config
from support.tiny_detector import tiny_detector
from support.web_client import opened, read_event

COMPARED = {"prove": "none", "min_agreement": 0, "min_objects": 0, "shadow_share": 1, "shadow_s": 0.5}
"""Takes a model that finds other things, too."""


@dataclass(frozen=True)
class Place:
    """A service with users, and a model that can take the place of its own."""

    served: Served
    known: People
    client: FlaskClient
    other: Path

    def ask(self, method: str, path: str = "", body: Any = None, *, who: str = "ann") -> tuple[int, Any]:
        """Return status and JSON of an answer below ``/api/models``."""
        headers = {**self.known.headers(who), "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        answer = self.client.open(f"/api/models{path}", method=method, data=data, headers=headers)
        return answer.status_code, answer.get_json()

    def change(self) -> dict[str, Any]:
        """Return the change of the run's model."""
        status, change = self.ask("GET", "/default/change")
        assert status == 200, change
        return change

    def reaches(self, *states: str) -> dict[str, Any]:
        """Wait until the change stands there."""
        until(lambda: self.change()["state"] in states, f"{states}, not {self.change()}")
        return self.change()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("models")
    other = tiny_detector(folder / "other.onnx", seed=1)
    spare = {"spare": {"path": str(other), "threads": 1}, "still": {"path": "none"}}
    config = write_config(folder / "cameras.yaml", model, {"id": "gate", "source": BOXES}, models=spare)
    state = folder / "state"
    with (
        pytest.MonkeyPatch.context() as patch,
        people(state) as known,
        serving(str(state), state, config, login=True) as served,
    ):
        patch.setattr("streamvision.service.models.change.TRIAL_S", 0.5)
        app = create_app(served.service.view, login=Login(known.accounts, ServeConfig()))
        yield Place(served, known, app.test_client(use_cookies=False), other)


def test_what_cannot_be_is_refused_in_a_sentence(place: Place) -> None:
    for method, path, body, status, words in (
        ("PUT", "/nobody", {"path": str(place.other)}, 404, "nobody"),
        ("PUT", "/default", {"path": "/no/such.onnx"}, 400, "such.onnx"),
        ("PUT", "/default", {"path": "x" * 400}, 400, "no model at"),
        ("PUT", "/default", {"path": f"package:numpy/{'x' * 400}"}, 400, "has no file"),
        ("PUT", "/default", {"path": "none"}, 409, "cannot give way to"),
        ("PUT", "/default", {"path": str(place.other), "take_over": "soon"}, 400, "take_over"),
        ("PUT", "/default", {"path": str(place.other), "take_overs": "ask"}, 400, "take_over"),
        ("PUT", "/default", [], 400, "JSON object"),
        ("GET", "/default/change", None, 404, "not replaced"),
        ("GET", "/nobody/change", None, 404, "nobody"),
        ("POST", "/default/take-over", None, 409, ""),
        ("POST", "/default/rollback", None, 409, ""),
        ("DELETE", "/default/change", None, 409, ""),
    ):
        given = place.ask(method, path, body)
        assert (given[0], list(given[1])) == (status, ["error"]), (method, path, body, given)
        assert words in given[1]["error"]
    only = place.ask("GET")[1]["models"][0]
    assert (only["id"], only["name"], only["default"], only["change"]) == ("default", None, True, None)


def test_a_model_is_replaced_and_put_back(place: Place, model: Path) -> None:
    until(lambda: place.ask("GET")[1]["models"][0]["description"], "the model is open")
    status, begun = place.ask("PUT", "/default", {"path": str(place.other), **COMPARED})
    assert (status, begun["path"], begun["previous_path"]) == (202, str(place.other), str(model))
    assert place.ask("PUT", "/default", {"path": str(place.other)})[0] == 409
    change = until(lambda: (now := place.change())["shadow"] and now["shadow"]["examples"] and now, "they differ")
    example = change["shadow"]["examples"][0]
    assert example["stream_id"] == "gate" and change["shadow"]["comparison"]["current_ms"]["p50_ms"] > 0
    address = f"/api/models/default/change/examples/{example['number']}/picture"
    headers = place.known.headers("ann")
    picture = place.client.get(f"{address}?change={change['number']}", headers=headers)
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(picture.get_data())
    assert (width_px, height_px) == (example["width_px"], example["height_px"])
    for wrong in (f"{address}?change={change['number'] + 1}", address.replace(f"/{example['number']}/", "/99999/")):
        assert place.client.get(wrong, headers=headers).status_code == 404
    assert place.ask("POST", "/default/take-over")[0] == 202
    place.reaches("done")
    until(lambda: place.change()["may_roll_back"], "the former is closed and may be put back")
    now = place.ask("GET")[1]["models"][0]
    assert (now["path"], now["previous_path"], now["change"]["state"]) == (str(place.other), str(model), "done")
    assert place.ask("POST", "/default/rollback")[0] == 202
    place.reaches("rolled_back", "done")
    until(lambda: place.ask("GET")[1]["models"][0]["path"] == str(model), "it is back")


def test_steps_are_told_to_administrators_alone_and_who_asked_is_written_down(place: Place) -> None:
    def listening(who: str) -> Any:
        return opened(place.served.port, "/api/events", place.known.headers(who))

    with listening("ann") as told, listening("bob") as others:
        read_event(told), read_event(told)  # the second one comes from the watch that tells of models, too
        assert place.ask("PUT", "/default", {"path": str(place.other), **COMPARED})[0] == 202
        event = until(lambda: next((data for name, data in [read_event(told)] if name == "model"), None), "it is told")
        assert event["model"] == "default" and event["number"] == place.change()["number"] and event["sentence"]
        assert place.ask("DELETE", "/default/change")[1]["state"] == "cancelled"
        until(lambda: read_event(told)[1].get("state") == "cancelled", "the end is told")
        until(lambda: read_event(others)[0] == "status", "a viewer is told of streams")
        assert "model" not in {read_event(others)[0] for _ in range(3)}
    lines = place.known.accounts.audit.find(limit=10)
    begun = next(line for line in lines if line.action == "PUT replace_model")
    assert (begun.who, begun.target) == ("ann by token", "/api/models/default")
    assert begun.details["path"] == str(place.other) and "shadow_s" in begun.details["keys"]
    assert "DELETE discard_model" in {line.action for line in lines}


def test_viewers_may_neither_see_nor_replace(place: Place) -> None:
    for method, path in (
        ("GET", ""), ("PUT", "/default"), ("GET", "/default/change"), ("DELETE", "/default/change"),
        ("POST", "/default/take-over"), ("POST", "/default/rollback"), ("GET", "/default/change/examples/0/picture"),
    ):  # fmt: skip
        assert place.ask(method, path, {"path": "x"} if method == "PUT" else None, who="bob")[0] == 403


def test_a_name_means_the_model_of_the_run_or_one_that_ships(place: Place) -> None:
    listed = place.ask("GET")[1]
    assert "road_signs" in listed["shipped"] and [one["id"] for one in listed["models"]] == [
        "default",
        "spare",
        "still",
    ]
    for name, path in (("spare", str(place.other)), ("road_signs", "road_signs")):
        status, change = place.ask("PUT", "/default", {"path": name, **COMPARED})
        assert (status, change["path"]) == (202, path), change
        place.reaches("shadowing", "refused", "done")
        place.ask("DELETE", "/default/change")
        place.reaches("cancelled", "refused", "done")
    status, answer = place.ask("PUT", "/default", {"path": "still"})
    assert status == 409 and "cannot give way to none" in answer["error"]
