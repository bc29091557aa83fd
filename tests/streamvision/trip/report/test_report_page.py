"""The report in a real browser without network: what it shows is what the summary says."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import expect

from streamvision.trip.report import write_report
from support.made_up_trips import trip
from support.serving import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    output = tmp_path_factory.mktemp("trip")
    summary = trip(output)
    return write_report(summary, output), summary


def _painted(page):
    """Return how many pixels of the map are not as the first one."""
    return page.evaluate(
        """() => { const c = document.getElementById('map-canvas');
        const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 4; i < p.length; i += 4) if (p[i] !== p[0] || p[i + 1] !== p[1]) n += 1; return n; }"""
    )


def test_it_lists_the_objects_and_the_drives(opened, made):
    path, summary = made
    with opened(path) as page:
        assert page.locator(".object").count() == len(summary.objects)
        assert page.locator(".drive").count() == len(summary.drives)
        assert page.locator("#title").inner_text() == summary.title
        assert "2.4 s could not be decoded" in page.locator(".drive").nth(1).inner_text()
        assert page.locator(".tick").count() >= len(summary.drives)
        until(lambda: _painted(page) > 5_000, "it is drawn")


def test_pictures_are_shown_and_the_scale_bar_says_a_round_distance(opened, made):
    path, _ = made
    with opened(path) as page:
        page.wait_for_function("document.querySelector('.object img').naturalWidth === 160")
        number, unit = page.locator("#scale-words").inner_text().split()
        assert unit in ("m", "km")
        assert number.lstrip("0.")[0] in "125"


def test_filters_leave_what_fits(opened, made):
    path, summary = made
    with opened(path) as page:
        page.get_by_role("button", name="stop").first.click()
        stops = [one for one in summary.objects if one.class_name == "stop"]
        assert page.locator(".object").count() == len(stops)
        page.get_by_role("button", name="All objects").click()
        page.locator("#filter-state").select_option("gone")
        assert page.locator(".object").count() == sum(one.state == "gone" for one in summary.objects)
        page.locator("#filter-state").select_option("all")
        page.locator("#filter-drive").select_option("2")
        here = summary.drives[2].id
        assert page.locator(".object").count() == sum(here in one.drives for one in summary.objects)
        page.locator("#filter-words").fill("nothing like it")
        assert page.locator("#objects-none").is_visible()


def test_an_object_is_chosen_in_the_list_on_the_map_and_by_its_address(opened, made):
    path, summary = made
    placed = next(one for one in summary.objects if one.latitude_deg is not None and summary.drives[0].id in one.drives)
    with opened(path, address=f"#{placed.id}") as page:
        details = page.locator("#details")
        assert f"{placed.latitude_deg:.6f}, {placed.longitude_deg:.6f}" in details.inner_text()
        assert page.locator('.object[aria-pressed="true"] .number').inner_text() == str(placed.id)
        box = page.locator("#map-canvas").bounding_box()
        page.keyboard.press("Escape")
        page.locator("#details .icon-button").click()
        assert details.is_hidden()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # where it was shown
        assert f"{placed.latitude_deg:.6f}" in details.inner_text()


def test_the_link_leads_into_the_video_at_the_objects_time(opened, made):
    path, summary = made
    drive = summary.drives[0]
    one = next(one for one in summary.objects if drive.id in one.drives)
    with opened(path, address=f"#{one.id}") as page:
        seconds = one.views[0].first_unix_s - drive.start_unix_s - 1
        link = page.get_by_role("link", name="Watch", exact=False).first
        assert link.get_attribute("href") == f"videos/{drive.id}.mp4#t={seconds:.1f}"


def test_the_map_is_moved_by_keys_wheel_and_buttons(opened, made):
    path, _ = made
    with opened(path) as page:
        words = page.locator("#scale-words")
        page.locator("#map-canvas").focus()
        page.keyboard.press("0")
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        before = words.inner_text()

        def until_other(move):
            def moved():
                move()
                return words.inner_text() != before

            until(moved, "it is nearer")  # what comes while the page is busy may be lost

        until_other(lambda: page.keyboard.press("+"))
        page.keyboard.press("0")
        expect(words).to_have_text(before)
        page.locator("#map-canvas").hover()
        until_other(lambda: page.mouse.wheel(0, -900))
        page.locator("#map-all").click()
        expect(words).to_have_text(before)


def test_two_fingers_zoom_the_map(opened, made):
    path, _ = made
    with opened(path, width=390, height=844, has_touch=True, is_mobile=True) as page:
        before = page.locator("#scale-words").inner_text()
        page.locator("#map-canvas").scroll_into_view_if_needed()
        box = page.locator("#map-canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        fingers = page.context.new_cdp_session(page)

        def touch(kind, *apart_px):
            points = [{"x": x + px, "y": y, "id": number} for number, px in enumerate(apart_px)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", -20, 20)
        for apart in range(30, 150, 10):
            touch("touchMove", -apart, apart)
        touch("touchEnd")
        expect(page.locator("#scale-words")).not_to_have_text(before)


def test_the_plot_says_speed_and_limit_at_a_moment(opened, made):
    path, summary = made
    limits = [
        (view.last_unix_s, one.speed_limit_kmh)
        for one in summary.objects
        for view in one.views
        if one.speed_limit_kmh is not None and view.drive == summary.drives[0].id
    ]
    last = max(limits)
    with opened(path) as page:
        page.locator("#plot").focus()
        page.keyboard.press("End")
        words = page.locator("#plot-words").inner_text()
        speed_kmh = summary.drives[0].track[-1, 3] * 3.6
        assert f"{speed_kmh:.0f} km/h" in words
        assert f"limit {last[1]:.0f}" in words
        assert page.locator("#plot").get_attribute("aria-valuetext") == words
        assert page.locator(".plot-over").get_attribute("d")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_shut_out_and_nothing_scrolls_sideways(opened, made, project_root, reference_dir, width, scheme):
    from support.axe import Axe

    path, _ = made
    with opened(path, width=width, color_scheme=scheme, address="#3") as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert Axe(project_root, reference_dir).findings(page, theme=scheme) == []


def test_the_theme_is_changed_and_kept(opened, made):
    path, _ = made
    with opened(path, color_scheme="light") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)

        def is_kept() -> bool:
            while page.evaluate("document.documentElement.dataset.theme") != "dark":
                page.locator("#theme").click()
            page.wait_for_function(f"light => {ground} !== light", arg=light)
            page.reload()  # Chromium may not have stored the last word of a file's page by then
            return page.evaluate(ground) != light

        until(is_kept, "the theme is kept")


def test_all_objects_are_on_paper_and_none_of_the_buttons(opened, made, tmp_path):
    path, summary = made
    with opened(path, color_scheme="dark") as page:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator(".object").count() == len(summary.objects)
        assert page.locator("#map-in").is_hidden()
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(22, 29, 39)"
