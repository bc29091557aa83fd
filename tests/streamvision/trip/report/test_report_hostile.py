"""Names and texts are anybody's: of classes, files, folders and notes. And trips with hardly anything in them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from streamvision.core.errors import ConfigError
from streamvision.trip.records import TripSummary
from streamvision.trip.report import write_report
from support.browser import fresh_page
from support.made_up_trips import START_UNIX_S, drive, track, trip

HOSTILE = (
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "{{ 7 * 7 }}{% raw %}",
    "a\u2028b\u202eevil\x00\ud800",
    "'\"><svg onload=alert(1)>",
    "x" * 100_000,
    "javascript:alert(1)",
    "]]><!--",
)


def _renamed(summary: TripSummary, word: str) -> TripSummary:
    objects = tuple(
        dataclasses.replace(one, class_name=word + one.class_name[:1], text=word, picture=f"pictures/{word[:40]}.jpg")
        for one in summary.objects
    )
    drives = tuple(
        dataclasses.replace(one, clips=(word,), notes=(word,), video=f"videos/{word[:40]}.mp4")
        for one in summary.drives
    )
    return TripSummary(drives, objects, word)


@pytest.mark.browser
@pytest.mark.parametrize("word", HOSTILE)
def test_no_name_becomes_markup_or_code(browser, tmp_path, word):
    path = write_report(_renamed(trip(tmp_path, objects=6, seconds=120), word), tmp_path)
    assert path.stat().st_size < 1_000_000, "texts are cut"
    dialogs, asked = [], []
    with fresh_page(browser) as page:
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + "#1")
        assert page.locator(".object").count() == 6
        assert page.locator("script").count() == 2
        assert page.locator("[onload], [onerror]").count() == 0
        assert page.title() != "taken"
        assert page.locator("#title").inner_text().replace("\xa0", " ")[:5].split() == _shown(word)[:5].split()
        links = page.evaluate("[...document.links].map(a => a.getAttribute('href'))")
        assert all(href.startswith("videos/") for href in links if "mp4" in href)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    folder = tmp_path.as_uri()
    assert all(url.startswith((folder, "data:")) for url in asked)
    assert dialogs == []


def _shown(word: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in word)


@pytest.mark.browser
@pytest.mark.parametrize(
    "video", ["/etc/passwd", "../../other.mp4", "https://elsewhere.example/x.mp4", "videos/../../x.mp4", "\\\\host\\x"]
)
def test_files_that_do_not_lie_in_the_folder_are_not_linked(browser, tmp_path, video):
    summary = trip(tmp_path, drives=1, objects=2, seconds=60)
    drives = tuple(dataclasses.replace(one, video=video) for one in summary.drives)
    objects = tuple(dataclasses.replace(one, picture=video) for one in summary.objects)
    with fresh_page(browser) as page:
        page.goto(write_report(TripSummary(drives, objects, "t"), tmp_path).as_uri())
        links = page.evaluate("[...document.links].map(a => a.href).concat([...document.images].map(i => i.src))")
    assert all(link.startswith(tmp_path.as_uri()) for link in links), links


@pytest.mark.browser
def test_a_trip_without_anything(opened, tmp_path):
    with opened(write_report(TripSummary((), (), ""), tmp_path)) as page:
        assert page.locator("#map-empty").is_visible()


@pytest.mark.browser
def test_a_drive_without_positions_has_a_timeline_all_the_same(opened, tmp_path):
    summary = trip(tmp_path, drives=1, objects=5, seconds=120)
    without = dataclasses.replace(summary.drives[0], track=np.empty((0, 6)), distance_m=None)
    objects = tuple(
        dataclasses.replace(one, latitude_deg=None, longitude_deg=None, error_m=None, covariance_m2=None)
        for one in summary.objects
    )
    with opened(write_report(TripSummary((without,), objects, "t"), tmp_path)) as page:
        assert page.locator("#map-empty").is_visible()
        assert "no distance" in page.locator(".drive").inner_text()
        assert page.locator(".plot-mark").count() == 5
        assert page.locator(".plot-empty").count() == 1


@pytest.mark.browser
def test_values_that_are_none(opened, tmp_path):
    summary = trip(tmp_path, drives=1, objects=3, seconds=60)
    rows = summary.drives[0].track.copy()
    rows[5:9] = np.nan
    rows[20, 1] = math.inf
    rows[21, 2] = 900
    odd = dataclasses.replace(
        summary.objects[0], latitude_deg=math.nan, error_m=math.inf, best_score=math.nan, covariance_m2=(1, 2, math.nan)
    )
    drives = (dataclasses.replace(summary.drives[0], track=rows, distance_m=math.nan),)
    with opened(write_report(TripSummary(drives, (odd, *summary.objects[1:]), "t"), tmp_path)) as page:
        assert page.locator(".object").count() == 3
        page.locator(".object").first.click()


@pytest.mark.browser
def test_over_the_antimeridian_the_way_stays_in_one_piece(opened, tmp_path):
    rows = track(start_unix_s=START_UNIX_S, seconds=600)
    rows[:, 2] += 180 - rows[300, 2]
    rows[:, 2] = (rows[:, 2] + 180) % 360 - 180
    one = dataclasses.replace(drive(0, seconds=600), track=rows)
    found = dataclasses.replace(
        trip(tmp_path, drives=1, objects=1).objects[0], latitude_deg=rows[-1, 1], longitude_deg=rows[-1, 2]
    )
    with opened(write_report(TripSummary((one,), (found,), "t"), tmp_path)) as page:
        number, unit = page.locator("#scale-words").inner_text().split()
        assert float(number) * {"m": 1, "km": 1000}[unit] <= 2000, "not the world"
        page.locator(".object").click()
        assert f"{rows[-1, 2]:.4f}" in page.locator("#details").inner_text()


@pytest.mark.browser
def test_tiles_are_asked_for_where_they_are_wanted_alone(browser, tmp_path):
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
        "18dd8db00000000049454e44ae426082"
    )
    asked = []

    class Tiles(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(png)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/t/{{z}}/{{x}}/{{y}}.png"
    try:
        path = write_report(trip(tmp_path, drives=1, objects=2, seconds=120), tmp_path, tiles=address)
        with fresh_page(browser) as page:
            with page.expect_response("**/t/*/*/*.png"):
                page.goto(path.as_uri())
            assert page.locator("#tile-words").inner_text() == f"Tiles: 127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
    assert asked


@pytest.mark.parametrize(
    "tiles",
    ["", "file:///{z}/{x}/{y}", "https://host/{z}/{x}.png", "https://{z}/{x}/{y}", "https://a b/{z}/{x}/{y}",
     "https://host; script-src *//{z}/{x}/{y}", "https://host/{z}/{x}/{y}\n", "https://[::1/{z}/{x}/{y}"],
)  # fmt: skip
def test_what_is_no_address_of_tiles_is_refused(tmp_path, tiles):
    with pytest.raises(ConfigError, match="must be an http"):
        write_report(TripSummary((), (), "t"), tmp_path, tiles=tiles)


def test_a_report_is_written_whole_over_the_one_before(tmp_path):
    write_report(TripSummary((), (), "one"), tmp_path / "new")
    path = write_report(TripSummary((), (), "two"), tmp_path / "new")
    assert "two" in path.read_text(encoding="utf-8")
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
