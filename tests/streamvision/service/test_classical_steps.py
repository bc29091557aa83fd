"""Steps that find objects without a network are a camera's own, and change while it runs: by API and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.stages.classical import ClassicalDetection
from support.serving import Served, serving, until

RED = {"name": "in_range", "options": {"lower": [170, 120, 80], "upper": [10, 255, 255]}}


def none_config(path: Path, *streams: dict[str, Any]) -> Path:
    """Write a configuration whose cameras have no network."""
    path.write_text(yaml.safe_dump({"model": {"path": "none", "steps": ["mog2:history=50"]}, "streams": list(streams)}))
    return path


def detection(served: Served, stream_id: str) -> ClassicalDetection:
    """Return what finds the objects of a stream."""
    stages = served.service.pipeline._streams[stream_id].worker.stages
    return next(stage for stage in stages if isinstance(stage, ClassicalDetection))


def test_steps_of_a_camera_change_while_it_runs(
    tmp_path: Path, start: Callable[..., AbstractContextManager[Served]]
) -> None:
    file = none_config(tmp_path / "cameras.yaml", {"id": "gate", "source": "synthetic:boxes?fps=20&size=160x120"})
    with start(str(tmp_path / "state"), file=file) as served:
        kinds = {one["name"]: one for one in served.get("/api/steps")["steps"]}
        assert kinds["mog2"]["options"]["var_threshold"]["default"] == 16
        assert kinds["dis"]["options"]["camera"]["enum"] == ["still", "moving"]
        (model,) = served.get("/api/models")["models"]
        assert [step["name"] for step in model["steps"]] == ["mog2", "open", "close", "contours"]

        stream = served.service.pipeline._streams["gate"]
        learned = detection(served, "gate")._detector._steps[0]
        larger = [{"name": "mog2", "options": {"history": "50"}}, {"name": "contours", "options": {"min_area": 0.01}}]
        status, answer = served.ask("PATCH", "/api/streams/gate", {"steps": larger})
        assert (status, answer["steps"]) == (200, larger)
        assert served.service.pipeline._streams["gate"] is stream  # it has not begun anew
        detector = detection(served, "gate")._detector
        assert [step.name for step in detector.steps] == ["mog2", "contours"]
        assert detector._steps[0] is learned  # it knows the background still

        status, answer = served.ask("PATCH", "/api/streams/gate", {"steps": ["mog2:histroy=3"]})
        assert status == 400 and "histroy" in answer["error"] and "\n" not in answer["error"]
        status, answer = served.ask("PATCH", "/api/streams/gate", {"steps": ["open"]})
        assert status == 400 and "an earlier step" in answer["error"]
        assert [step.name for step in detection(served, "gate")._detector.steps] == ["mog2", "contours"]

        signs = [RED, {"name": "contours", "options": {"name": "red"}}]
        assert served.ask("PATCH", "/api/streams/gate", {"steps": signs})[0] == 200
        assert served.service.view.channels["gate"].names == ("red",)  # classes of its own: it has begun anew
        zone = {"name": "all", "points": [[0, 0], [1, 0], [1, 1]], "classes": ["red"]}
        assert served.ask("PATCH", "/api/streams/gate", {"analytics": {"zones": [zone]}, "score": 0.2})[0] == 200
        assert served.ask("PATCH", "/api/streams/gate", {"analytics": None, "steps": None})[0] == 200
        assert served.service.view.channels["gate"].names == ("moving",)
        assert "steps" not in served.get("/api/streams/gate/config")


def test_steps_for_a_network_are_refused(start: Callable[..., AbstractContextManager[Served]], tmp_path: Path) -> None:
    with start(str(tmp_path / "state")) as served:
        status, answer = served.ask("POST", "/api/streams", {"source": "synthetic:boxes", "steps": ["mog2"]})
        assert status == 400 and "without a network" in answer["error"] and served.stream_ids() == []


@pytest.fixture(scope="module")
def page_of_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("steps")
    gate = {"id": "gate", "source": "synthetic:boxes?fps=10&size=160x120"}
    with serving(str(folder / "state"), folder / "state", none_config(folder / "cameras.yaml", gate)) as served:
        yield served


@pytest.mark.browser
@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_dialog_edits_the_steps(
    page_of_gate: Served, request: pytest.FixtureRequest, look: str, project_root: Path
) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    from support.axe import Axe
    from support.browser import fresh_page

    expect = sync_api.expect
    browser = request.getfixturevalue("browser")
    size = {"width": 1280, "height": 900} if look == "light" else {"width": 360, "height": 740}
    control = page_of_gate.service.view.control
    assert control is not None
    control.change_stream("gate", {"steps": None})
    with fresh_page(browser, viewport=size, color_scheme=look) as page:
        page.goto(f"http://127.0.0.1:{page_of_gate.port}/streams/gate")
        tile = page.locator('.tile[data-stream="gate"]')
        tile.and_(page.locator(".has-picture")).wait_for()
        tile.locator(".settings").click()
        page.locator("#camera summary", has_text="found").click()
        page.get_by_label("Steps of its own").check()
        steps = page.locator(".steps > li")
        expect(steps).to_have_count(4)
        steps.nth(1).get_by_label("Earlier: this step").click()
        page.locator("#camera-save").click()
        expect(page.locator("#camera-wrong")).to_contain_text("works on what an earlier step has marked")
        steps.first.get_by_label("Later: this step").click()
        steps.first.get_by_label("var threshold").fill("32")
        steps.nth(3).get_by_label("min area").fill("0.02")
        steps.nth(1).get_by_label("Remove: this step").click()
        expect(steps).to_have_count(3)
        page.get_by_text("Add a step").click()
        steps.nth(2).get_by_label("What the step does").select_option("median_blur")
        for _ in range(2):
            page.locator(".steps > li", has_text="by the median").get_by_label("Earlier: this step").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert Axe(project_root, request.getfixturevalue("reference_dir")).findings(page) == []
        page.locator("#camera-save").click()
        expect(page.locator("#camera")).to_be_hidden()
        assert control.stream_config("gate")["steps"] == [
            {"name": "median_blur", "options": {}},
            {"name": "mog2", "options": {"history": 50, "var_threshold": 32}},
            {"name": "close", "options": {"ksize": 9}},
            {"name": "contours", "options": {"min_area": 0.02}},
        ]
        found = [step.name for step in detection(page_of_gate, "gate")._detector.steps]
        assert found == ["median_blur", "mog2", "close", "contours"]
        tile.locator(".settings").click()
        page.locator("#camera").wait_for()
        page.get_by_label("Steps of its own").uncheck()
        page.locator("#camera-save").click()
        expect(page.locator("#camera")).to_be_hidden()
        until(lambda: "steps" not in control.stream_config("gate"), "its steps are those of its model again")
