"""The addresses of the labelling page: what they give, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from streamvision.core.live import LiveView
from streamvision.datasets.collection import Collection
from streamvision.datasets.labelling import FolderLabelling
from streamvision.web.app import create_app
from support.collection_folders import collection_with
from support.live_feed import LiveFeed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return collection_with(tmp_path / "collected", hardness=(0.9, 0.5))


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    view = LiveView({}, statuses=list, stage_times=dict, model="")
    view.labelling = FolderLabelling(folder)
    return create_app(view).test_client()


@pytest.fixture
def path(client: FlaskClient) -> str:
    return f"/api/label/pictures/{client.get('/api/label').json['pictures'][0]['name']}"


def test_the_page_is_where_one_begins_where_there_are_no_streams(client: FlaskClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "./label")
    page = client.get("/label")
    assert page.status_code == 200
    assert "aria-current" not in page.text, "one page needs no row of pages"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_beside_streams_it_is_one_of_the_pages(folder: Path) -> None:
    with LiveFeed("gate") as feed:
        feed.view.labelling = FolderLabelling(folder)
        client = create_app(feed.view).test_client()
        wall = client.get("/")
        assert (wall.status_code, 'href="./label"' in wall.text) == (200, True)
        assert "aria-current=page>Label" in client.get("/label").text


def test_a_picture_is_given_accepted_and_thrown_away(client: FlaskClient, path: str, folder: Path) -> None:
    picture = client.get(f"{path}/picture.jpg")
    assert (picture.mimetype, picture.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    opened = client.get(path).json
    boxes = [{"class_name": "stop", "box_xyxy_px": [1, 2, 30, 40]}]
    saved = client.post(f"{path}/accept", json={"version": opened["version"], "boxes": boxes})
    assert (saved.status_code, saved.json["state"]) == (200, "labelled")
    late = client.post(f"{path}/refuse", json={"version": opened["version"]})
    assert (late.status_code, "somebody else has decided" in late.json["error"]) == (409, True)
    assert client.post(f"{path}/refuse", json={"version": saved.json["version"]}).status_code == 200
    assert Collection(folder).counts().refused == 1
    assert client.post(f"{path}/put-back", json={}).json["state"] == "waiting"


def test_who_goes_lets_others_have_the_picture(client: FlaskClient, path: str) -> None:
    def is_taken() -> bool:
        return client.get("/api/label?by=other").json["pictures"][0]["taken"]

    client.get(f"{path}?by=one")
    assert is_taken()
    for body in ({}, {"by": ""}, {"by": "<b>"}, {"by": "x" * 41}):
        assert client.post("/api/label/let-go", json=body).status_code == 400
    assert client.post("/api/label/let-go", json={"by": "two"}).status_code == 204
    assert is_taken(), "what another one has before them stays theirs"
    assert client.post("/api/label/let-go", json={"by": "one"}).status_code == 204
    assert not is_taken()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": "waiting"},
        {"version": "waiting", "boxes": [{"class_name": "", "box_xyxy_px": [0, 0, 9, 9]}]},
        {"version": "waiting", "boxes": [{"class_name": "x" * 101, "box_xyxy_px": [0, 0, 9, 9]}]},
        {"version": "waiting", "boxes": [{"class_name": "a", "box_xyxy_px": [0, 0, 9]}]},
        {"version": "waiting", "boxes": [{"class_name": "a", "box_xyxy_px": [9, 0, 0, 9]}]},
        {"version": "waiting", "boxes": [{"class_name": "a", "box_xyxy_px": ["a", 0, 0, 9]}]},
        {"version": "waiting", "boxes": [{"class_name": "a", "box_xyxy_px": [0, 0, 9, 9], "more": 1}]},
        {"version": "waiting", "boxes": [{"class_name": "a", "box_xyxy_px": [0, 0, 9, 9]}] * 501},
    ],
)
def test_what_is_no_label_is_refused_and_changes_nothing(
    client: FlaskClient, path: str, folder: Path, body: dict[str, object]
) -> None:
    answer = client.post(f"{path}/accept", json=body)
    assert (answer.status_code, list(answer.json)) == (400, ["error"])
    assert Collection(folder).counts().labelled == 0


def test_other_sites_and_other_names_get_nothing(client: FlaskClient, path: str) -> None:
    body = {"version": "waiting", "boxes": []}
    assert client.post(f"{path}/accept", json=body, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post(f"{path}/accept", data="{}", content_type="text/plain").status_code == 415
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/api/label?by=<b>").status_code == 400
    for name in ("nothing", "..", "%2e%2e%2fdata", "..%2f..%2fdata.yaml"):
        assert client.get(f"/api/label/pictures/{name}").status_code == 404
        assert client.get(f"/api/label/pictures/{name}/picture.jpg").status_code == 404


def test_without_a_folder_there_is_no_page() -> None:
    client = create_app(LiveView({}, statuses=list, stage_times=dict, model="")).test_client()
    assert client.get("/label").status_code == 404
    assert client.get("/").status_code == 200
