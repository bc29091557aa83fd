"""A model that is replaced on the settings page, by keys alone, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.serving import BOXES, serving, until, write_config
from support.tiny_detector import tiny_detector

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from support.axe import Axe
from support.browser import fresh_page

pytestmark = pytest.mark.browser


def press(page: Page, label: str) -> None:
    """Go to a button or field by the Tab key, and press Enter there."""
    wanted = page.get_by_label(label, exact=True).locator("visible=true")
    expect(wanted).to_be_enabled()
    for _ in range(150):
        if wanted.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{label} cannot be reached by keys")


def test_a_model_is_compared_takes_over_and_goes_back(
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    model: Path,
    project_root: Path,
    reference_dir: Path,
) -> None:
    monkeypatch.setattr("streamvision.service.models.change.TRIAL_S", 0.5)
    other = tiny_detector(tmp_path / "other.onnx", seed=1)
    config = write_config(tmp_path / "cameras.yaml", model, {"id": "gate", "source": BOXES})
    with (
        serving(str(tmp_path / "state"), tmp_path / "state", config) as served,
        fresh_page(browser, viewport={"width": 360, "height": 740}) as page,
    ):
        until(lambda: served.get("/api/models")["models"][0]["description"], "the model is open")
        page.goto(f"http://127.0.0.1:{served.port}/settings")
        entry = page.locator(".model")
        expect(entry).to_contain_text(str(model))
        press(page, "Replace: the run's model")
        dialog = page.locator("#replacement")
        page.keyboard.type("/no/such.onnx")
        page.keyboard.press("Enter")
        expect(page.locator("#replacement-wrong")).to_contain_text("such.onnx")
        page.locator('#replacement [name="path"]').fill(str(other))
        page.locator('#replacement [name="prove"]').select_option("gate")
        page.locator('#replacement button[type="submit"]').click()
        expect(page.locator("#replacement-wrong")).to_contain_text("there is no comparison")
        page.locator('#replacement [name="prove"]').select_option("none")
        page.get_by_label("Least agreement").fill("0")
        page.get_by_label("Compared on this share").fill("1")
        page.get_by_label("For so many seconds").fill("0.5")
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()

        expect(entry.locator(".badge")).to_have_text("waits for you")
        picture = entry.locator(".example svg").first
        expect(picture).to_be_visible()
        assert "the new one finds" in str(picture.get_attribute("aria-label"))
        expect(picture.locator(".alone rect.new, .alone rect.current").first).to_be_attached()
        shown = picture.locator("image").get_attribute("href")
        assert (
            page.evaluate(
                "url => fetch(url).then((answer) => answer.blob()).then(createImageBitmap).then((b) => b.width)", shown
            )
            > 0
        )
        expect(entry.locator(".comparison tbody tr")).not_to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than a phone"
        assert Axe(project_root, reference_dir).findings(page) == []

        press(page, "Take over: the run's model")
        expect(entry.locator(".badge")).to_have_text("replaced")
        expect(page.locator("#announcer")).to_contain_text("the run's model: ")
        expect(entry.locator("h3")).to_be_focused()
        expect(entry.locator("dd").first).to_have_text(str(other))
        press(page, "Put the former back: the run's model")
        expect(entry.locator("dd").first).to_have_text(str(model))
