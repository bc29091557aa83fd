"""Targets and rules on the settings page, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.event_receiver import EventReceiver
from support.serving import EVERYWHERE, serving, until, write_config

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, expect

from support.browser import fresh_page

pytestmark = pytest.mark.browser


def test_a_target_and_a_rule_are_added_tried_changed_and_removed(tmp_path: Path, model: Path, browser: Browser) -> None:
    receiver = EventReceiver()
    config = write_config(tmp_path / "cameras.yaml", model)
    with (
        serving(str(tmp_path / "state"), tmp_path / "state", config) as served,
        fresh_page(browser) as page,
        receiver.listening(),
    ):
        served.add(id="gate", analytics={"zones": [EVERYWHERE]})
        page.goto(f"http://127.0.0.1:{served.port}/settings")
        page.locator("#new-target").click()
        page.locator('#target [name="name"]').fill("hook")
        page.locator('#target [name="kind"]').select_option("webhook")
        page.locator('#target button[type="submit"]').click()
        assert page.locator("#target-fields input:invalid").count() == 1
        page.get_by_label("Where to:").fill(receiver.url)
        page.get_by_label("Further headers").fill("Authorization: Bearer abc, X-Two: 2")
        page.locator('#target button[type="submit"]').click()
        page.get_by_role("button", name="Test hook").click()
        expect(page.locator("#notify-said")).to_have_text("hook has taken a message.")
        assert receiver.taken[0].headers["authorization"] == "Bearer abc"
        expect(page.locator("#no-rules")).to_be_visible()
        page.locator("#new-rule").click()
        expect(page.locator("#rule")).to_contain_text("zone_entered")
        page.locator('#rule button[type="submit"]').click()
        assert page.locator("#rule-fields input:invalid").count() == 1
        page.get_by_label("Name", exact=True).locator("visible=true").fill("who comes")
        page.get_by_label("Kinds of events").fill("zone_entered, stay")
        page.get_by_label("Times of the day").fill("half past nine")
        page.locator('#rule button[type="submit"]').click()
        expect(page.locator("#rule-wrong")).to_contain_text("no span of a day")
        page.get_by_label("Times of the day").fill("00:00-00:00")
        page.locator('#rule button[type="submit"]').click()
        expect(page.locator("#rule-list tr")).to_contain_text("zone_entered, stay")
        until(lambda: [one for one in receiver.taken if one.event["rules"] == ["who comes"]], "it is told")
        (rule,) = served.service.run_config.notify.rules
        assert (rule.kinds, rule.picture, rule.clip) == (("zone_entered", "stay"), True, False)
        page.get_by_role("button", name="Change hook").click()
        expect(page.get_by_label("Where to:")).to_have_value(f"http://127.0.0.1:{receiver.port}/***")
        page.get_by_label("Longest wait").fill("3")
        page.locator('#target button[type="submit"]').click()
        expect(page.locator("#target")).to_be_hidden()
        options = served.service.run_config.notify.targets["hook"].options
        assert (options["url"], options["timeout_s"]) == (receiver.url, 3)
        assert options["headers"] == {"Authorization": "Bearer abc", "X-Two": "2"}
        page.get_by_role("button", name="Remove who comes").click()
        expect(page.locator("#rule-list tr")).to_have_count(0)
        page.get_by_role("button", name="Remove hook").click()
        expect(page.locator("#target-list tr")).to_have_count(0)
        assert not served.service.run_config.notify.targets
