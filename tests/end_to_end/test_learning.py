"""The whole loop: a stream goes wrong, its frames are kept and labelled, the model learns, and the stream goes right.

Everything is real: the service and its stream, the page and the mouse, training, comparison and replacement. What the
weak model has never been told of is a blue panel; it takes it for a disc.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("ultralytics")
pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page, expect

from streamvision.cli.main import cli
from streamvision.core.live import LiveView
from streamvision.datasets import read_dataset
from streamvision.datasets.collection import Collection
from streamvision.datasets.labelling import FolderLabelling
from streamvision.web.server import WebServer
from support.browser import TEST_WITHIN_S, fresh_page
from support.serving import serving, until, write_config
from support.sign_film import SIZE_PX, Box, film, panel_on, pictures_with_discs

if TYPE_CHECKING:
    from support.browser import TestBrowser

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.reference, pytest.mark.timeout(900)]
LABELLED = 5
WAIT_S = 180.0


@pytest.fixture
def weak(data_dir: Path, tmp_path: Path) -> Path:
    """Return the run folder of a model that has learnt discs for a few seconds."""
    data = pictures_with_discs(tmp_path / "data", count=18, seed=1)
    how = "--imgsz 160 --batch 8 --freeze 10 --preset plain --precision fp32 --threads 1 --val-share 0.4 --warmup 0.5"
    weights = data_dir / "models" / "yolov8n_coco.pt"
    told = train(
        *how.split(), "--data", data, "--model", weights, "--epochs", "3", "--lr", "0.002", "--project", tmp_path
    )
    return Path(told["run"])


def train(*arguments: str | Path) -> dict[str, Any]:
    """Run the command, and return what it says at the end."""
    told: dict[str, Any] = json.loads(called("train", *arguments, "--json"))
    return told


def called(*arguments: str | Path) -> str:
    done = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert not done.return_value, done.output
    return done.stdout


def test_a_stream_goes_right_after_five_pictures_were_labelled(
    weak: Path, kept_browser: TestBrowser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamvision.service.models.change.TRIAL_S", 0.5)
    folder = tmp_path / "collected"
    road = film(tmp_path / "road.mp4", frames=200, seed=3)
    config = write_config(
        tmp_path / "cameras.yaml",
        weak / "weights" / "best.onnx",
        {"id": "road", "source": str(road), "realtime": True, "loop": True},
        collect={"folder": str(folder), "every_s": 0.8, "least": 0.1},
    )
    with serving(str(tmp_path / "state"), tmp_path / "state", config) as served:

        def found() -> set[str]:
            status, answer = served.ask("GET", "/api/streams/road/detections")
            return {one["class_name"] for one in answer["objects"]} if status == 200 else set()

        until(lambda: found() == {"disc"}, "the weak model finds discs", WAIT_S)
        until(lambda: waiting(folder) >= LABELLED, "frames are kept", WAIT_S)

        with kept_browser.within(TEST_WITHIN_S):
            draw_panels(kept_browser, folder)
        marked = [box for _, box in read_dataset(folder).boxes()]
        assert sum(box.class_id == 1 for box in marked) == LABELLED

        best = weak / "weights" / "best.pt"
        learning = ("--epochs", "14", "--balance", "oversample", "--project", tmp_path, "--name", "better")
        told = train("--model", best, "--add", folder, *learning)
        assert told["gate"]["passed"], told["gate"]["sentence"]
        assert "panel" not in found()

        said = called("models", "promote", "default", told["run"], "--url", f"http://127.0.0.1:{served.port}")
        assert "best.onnx -> " in said
        until(lambda: "panel" in found(), "the stream finds panels", WAIT_S)
        with kept_browser.within(TEST_WITHIN_S), fresh_page(kept_browser.lent()) as page:
            page.goto(f"http://127.0.0.1:{served.port}/")
            expect(page.locator(".counts").first).to_contain_text("panel")


def waiting(folder: Path) -> int:
    return len(Collection(folder).waiting_names()) if (folder / "data.yaml").is_file() else 0


def draw_panels(kept: TestBrowser, folder: Path) -> None:
    """Draw a box around the panel on five pictures, take away what was proposed there, and accept them."""
    view = LiveView({}, statuses=list, stage_times=dict, model="")
    view.labelling = FolderLabelling(folder)
    server = WebServer(view, host="127.0.0.1", port=0)
    server.start()
    try:
        with fresh_page(kept.lent(), viewport={"width": 1280, "height": 900}) as page:
            page.goto(f"{server.url}label")
            done: set[str] = set()
            for _ in range(LABELLED):
                name = until(lambda: opened(page, done), "a picture is shown", WAIT_S)
                correct(page, Collection(folder), name)
                page.keyboard.press("Enter")
                done.add(name)
                until(lambda: done <= set(Collection(folder).labelled_names()), "it is saved", WAIT_S)
    finally:
        server.stop()


def opened(page: Page, done: set[str]) -> str | None:
    """Return which picture the page shows, where it can be worked on and is not one of those that are done."""
    shown = page.locator("#picture:not([hidden])")
    if not shown.count() or not page.locator('[data-action="accept"]').is_enabled():
        return None
    name = (shown.get_attribute("alt") or "").removeprefix("Picture ")
    return name if name not in done else None


def correct(page: Page, collection: Collection, name: str) -> None:
    bgr = cv2.imdecode(np.frombuffer(collection.picture(name), np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    panel = panel_on(np.ascontiguousarray(bgr[..., ::-1]))
    while (wrong := wrong_entry(page, panel)) is not None:
        before = page.locator(".box-entry").count()
        page.locator(".box-entry").nth(wrong).click()
        page.keyboard.press("Delete")
        expect(page.locator(".box-entry")).to_have_count(before - 1)
    before = page.locator(".box-entry").count()
    drag(page, panel)
    expect(page.locator(".box-entry")).to_have_count(before + 1)
    page.keyboard.press("c")
    page.keyboard.type("panel")
    page.keyboard.press("Enter")
    expect(page.locator(".box-entry", has_text="panel")).to_have_count(1)


def wrong_entry(page: Page, panel: Box) -> int | None:
    """Return which of the listed boxes has its middle on the panel."""
    for index, words in enumerate(page.locator(".box-entry").all_inner_texts()):
        match = re.search(r"(\d+) . (\d+) at (\d+), (\d+)", words)
        assert match, words
        width, height, left, top = map(int, match.groups())
        if panel[0] < left + width / 2 < panel[2] and panel[1] < top + height / 2 < panel[3]:
            return index
    return None


def drag(page: Page, box: Box) -> None:
    place = page.locator("#picture").bounding_box()
    assert place is not None
    scale = place["width"] / SIZE_PX[0], place["height"] / SIZE_PX[1]
    corners = [(place["x"] + x * scale[0], place["y"] + y * scale[1]) for x, y in (box[:2], box[2:])]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=4)
    page.mouse.up()
