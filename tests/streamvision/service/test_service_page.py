"""A service as people use it, in a real Chromium: sign in, add a camera, draw, see what happened, sign out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamvision.service import onvif
from support.accounts import PASSWORD, people
from support.rtsp_server import RtspServer, unavailable
from support.serving import Served, serving, until, write_config
from support.virtual_onvif_camera import PASSWORD as CAMERA_PASSWORD
from support.virtual_onvif_camera import USER, virtual_camera

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Locator, Page, Route, expect

from support.axe import Axe
from support.browser import fresh_page

pytestmark = [pytest.mark.browser, pytest.mark.gstreamer]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a camera that wants a password, and give its address."""
    if reason := unavailable():
        pytest.skip(reason)
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    drawn = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=4", "-pix_fmt", "yuv420p", str(film)]
    subprocess.run(["ffmpeg", "-v", "error", *drawn], check=True, timeout=60)
    with RtspServer(film, users={"cam": "secret"}) as server:
        yield server.url


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    config = write_config(folder / "cameras.yaml", model)
    with people(folder / "state"):
        pass  # they are in the database from now on
    with serving(str(folder / "state"), folder / "state", config, login=True) as running:
        yield running


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """What the browser keeps of one who has signed in."""
    return {}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 900}, color_scheme="light") as page:
        yield page


def sign_in(page: Page, served: Served, name: str, path: str = "") -> None:
    page.goto(f"http://127.0.0.1:{served.port}/{path}")
    page.locator("#user").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.locator(".sign-in button").click()


def enter(page: Page, served: Served, known: dict[str, Any], path: str = "") -> None:
    """Open a page as ann, who signs in where she has not before."""
    if known:
        page.context.add_cookies(known["cookies"])
        page.goto(f"http://127.0.0.1:{served.port}/{path}")
    else:
        sign_in(page, served, "ann", path)
    page.locator("#who").wait_for()
    known["cookies"] = page.context.cookies()


def draw_everything(page: Page, tile: Locator, mode: str) -> None:
    """Draw a region of four corners that holds nearly all of the picture."""
    tile.locator(f'[data-mode="{mode}"]').click()
    drawing = tile.locator(".drawing")
    for x, y in [(0.01, 0.02), (0.99, 0.02), (0.99, 0.98), (0.01, 0.98), (0.01, 0.02)]:
        box = drawing.bounding_box()  # anew for each corner: the page may still be making room
        assert box is not None
        drawing.click(position={"x": x * box["width"], "y": y * box["height"]})
    expect(tile.locator(".editor-words")).to_have_text("Applied and saved.")


def masked_objects(served: Served) -> int:
    """Count the objects on the newest frame whose lower edge has its middle in what :func:`draw_everything` draws."""
    newest = served.service.view.channels["door"].latest
    assert newest is not None
    boxes = newest.result.detections.box_xyxy_px
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2 / 320, boxes[:, 3] / 180
    return int(((x > 0.02) & (x < 0.98) & (y > 0.03) & (y < 0.97)).sum())


def test_the_first_evening(page: Page, served: Served, camera: str, project_root: Path, reference_dir: Path) -> None:
    axe = Axe(project_root, reference_dir)

    def config() -> dict[str, Any]:
        return served.service.view.control.stream_config("door")  # type: ignore[union-attr]

    sign_in(page, served, "ann")
    page.locator("#empty .add").click()
    page.locator('#camera [name="source"]').fill(camera.replace("secret", "wrong"))
    page.locator("#try").click()
    expect(page.locator("#camera-wrong")).to_contain_text("password")
    page.locator('#camera [name="source"]').fill(camera)
    page.locator("#try").click()
    page.locator("#tried").wait_for()
    assert page.locator("#tried").evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    page.locator('#camera [name="name"]').fill("Front door")
    page.locator('#camera [name="id"]').fill("door")
    assert axe.findings(page) == []
    page.locator("#camera-save").click()

    tile = page.locator('.tile[data-stream="door"]')
    expect(tile.locator("h2")).to_have_text("Front door")
    tile.and_(page.locator(".has-picture")).wait_for()
    assert "secret" not in page.content()

    tile.locator(".edit").click()
    draw_everything(page, tile, "zone")
    tile.locator('.properties [name="crowd"]').fill("1")
    page.keyboard.press("Tab")
    expect(tile.locator(".happened li").first).to_contain_text("zone 1")
    until(lambda: masked_objects(served), "something is there before")
    draw_everything(page, tile, "mask")
    assert len(config()["ignore"]) == 1
    until(lambda: not masked_objects(served), "what is in the mask is dropped")

    page.locator(".places a", has_text="Events").click()
    page.locator(".filters [name=kind]").select_option("crowding")
    page.locator(".filters [type=submit]").click()
    expect(page.locator(".event").first).to_contain_text("zone 1: crowded")
    expect(page.locator(".event").first).to_contain_text("Front door")
    assert {e.get_attribute("data-kind") for e in page.locator(".event").all()} == {"crowding"}
    page.locator(".event button.thumbnail").first.click()
    wide = "image => image.decode().then(() => image.naturalWidth)"
    assert page.locator("#large-picture").evaluate(wide) == 320
    assert axe.findings(page) == []
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert "crowding" in download.value.path().read_text()

    page.locator("#who").click()
    page.locator("#sign-out").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    page.goto(f"http://127.0.0.1:{served.port}/streams/door")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_fields_wait_for_the_script_that_answers_them(page: Page, served: Served, known: dict[str, Any]) -> None:
    """What is chosen before would be lost, and a password would go into the address of a plain form."""
    enter(page, served, known)
    held: list[Route] = []
    page.route("**/dom.js", lambda route: held.append(route))
    with page.expect_request("**/dom.js"):
        page.goto(f"http://127.0.0.1:{served.port}/events?kind=crowding", wait_until="commit")
    kind, password = page.locator(".filters [name=kind]"), page.locator("#own-password [name=current]")
    expect(kind).to_be_disabled()
    expect(password).to_be_disabled()
    for route in held:
        route.continue_()
    page.unroute("**/dom.js")
    expect(kind).to_be_enabled()
    expect(kind).to_have_value("crowding")
    expect(password).to_be_enabled()
    page.locator(".places a", has_text="Settings").click()
    expect(page.locator("#run [type=submit]")).to_be_enabled()


def test_a_camera_is_switched_off_changed_and_removed(page: Page, served: Served, known: dict[str, Any]) -> None:
    enter(page, served, known)
    if "yard" not in served.service.layers.documents:
        control = served.service.view.control
        assert control is not None
        control.add_stream({"id": "yard", "source": "synthetic:boxes?fps=5&size=160x120"})
    page.goto(f"http://127.0.0.1:{served.port}/streams/yard")
    tile = page.locator('.tile[data-stream="yard"]')
    tile.and_(page.locator(".has-picture")).wait_for()
    tile.locator(".settings").click()
    page.locator('#camera [name="name"]').fill("The yard")
    page.locator("#camera summary", has_text="found").click()
    page.locator("#camera-found input").first.fill("0.5")
    page.locator("#camera-save").click()
    page.locator("#camera").wait_for(state="hidden")
    expect(tile.locator("h2")).to_have_text("The yard")
    assert served.service.view.control.stream_config("yard")["score"] == 0.5  # type: ignore[union-attr]
    for wanted, word in ((False, "Stopped"), (True, "Live")):
        tile.locator(".settings").click()
        page.locator("#camera").wait_for()  # a box that is hidden and has its default counts as checked
        page.locator('#camera [name="enabled"]').set_checked(wanted)
        page.locator("#camera-save").click()
        page.locator("#camera").wait_for(state="hidden")
        expect(tile.locator(".badge")).to_have_text(word)
    tile.locator(".settings").click()
    expect(page.locator("#camera-title")).to_have_text("Settings of The yard")
    limited = page.locator("#camera [pattern], #camera [required]").all()
    assert len(limited) >= 2
    assert all(one.get_attribute("title") for one in limited)
    page.locator("#camera-cancel").click()
    expect(tile).not_to_have_attribute("data-freshness", "old")
    tile.locator(".settings").click()
    page.locator("#camera-remove").click()
    page.locator("#sure button", has_text="Remove it").click()
    expect(tile).to_have_count(0)
    assert "yard" not in served.service.layers.documents


def test_tiles_of_a_camera_are_chosen_while_it_runs(page: Page, served: Served, known: dict[str, Any]) -> None:
    control, pipeline = served.service.view.control, served.service.pipeline
    assert control is not None
    enter(page, served, known)
    control.add_stream({"id": "small", "source": "synthetic:boxes?fps=5&size=160x120", "slices": "2x2"})
    page.goto(f"http://127.0.0.1:{served.port}/streams/small")
    tile = page.locator('.tile[data-stream="small"]')
    tile.and_(page.locator(".has-picture")).wait_for()
    stream = pipeline._streams["small"]
    assert len(stream.settings.tiling.of(160, 120)) == 4
    tile.locator(".settings").click()
    page.locator("#camera summary", has_text="found").click()
    tiles = page.get_by_label("Tiles, for small objects")
    expect(tiles).to_have_value("2x2")  # which a word gave
    suggested = page.locator(f"#{tiles.get_attribute('list')} option".replace(".", "\\."))
    assert {"off", "auto"} <= {one.get_attribute("value") for one in suggested.all()}
    tiles.fill("three")
    page.locator("#camera-save").click()
    expect(page.locator("#camera-wrong")).to_contain_text("give auto, off, COLSxROWS such as 4x2")
    tiles.fill("3x2")
    page.locator("#camera-save").click()
    expect(page.locator("#camera")).to_be_hidden()
    assert control.stream_config("small")["slices"] == {"tiles": "3x2"}
    assert pipeline._streams["small"] is stream  # it has not begun anew
    assert len(stream.settings.tiling.of(160, 120)) == 6
    tile.locator(".settings").click()
    page.locator("#camera").wait_for()
    page.get_by_label("Tiles, for small objects").fill("")
    page.locator("#camera-save").click()
    expect(page.locator("#camera")).to_be_hidden()
    assert "slices" not in control.stream_config("small")
    assert stream.settings.tiling is None
    control.remove_stream("small")


def test_a_film_is_played_as_the_dialog_says(page: Page, served: Served, known: dict[str, Any], tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    drawn = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=2", "-pix_fmt", "yuv420p", str(film)]
    subprocess.run(["ffmpeg", "-v", "error", *drawn], check=True, timeout=60)
    control = served.service.view.control
    assert control is not None
    enter(page, served, known)
    page.locator(".add >> visible=true").first.click()
    page.locator('#camera [name="source"]').fill(str(film))
    page.locator('#camera [name="id"]').fill("film")
    page.locator("#camera summary", has_text="film").click()
    for flag in page.locator("#camera-film input").all():
        flag.check()
    page.locator("#camera-save").click()
    expect(page.locator("#camera")).to_be_hidden()
    config = control.stream_config("film")
    assert config["realtime"] is True
    assert config["loop"] is True

    page.goto(f"http://127.0.0.1:{served.port}/streams/film")
    tile = page.locator('.tile[data-stream="film"]')
    tile.and_(page.locator(".has-picture")).wait_for()
    tile.locator(".settings").click()
    page.locator("#camera").wait_for()  # its boxes are filled before it is shown
    assert [flag.is_checked() for flag in page.locator("#camera-film input").all()] == [True, True]
    page.locator("#camera summary", has_text="film").click()
    page.locator("#camera-film input").last.uncheck()
    page.locator("#camera-save").click()
    expect(page.locator("#camera")).to_be_hidden()
    assert not control.stream_config("film").get("loop")
    control.remove_stream("film")


def test_masks_are_seen_while_nothing_is_edited(page: Page, served: Served, known: dict[str, Any]) -> None:
    control = served.service.view.control
    assert control is not None
    corners = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
    control.add_stream({"id": "masked", "source": "synthetic:boxes?fps=5&size=160x120", "ignore": [corners]})
    enter(page, served, known, "streams/masked")
    tile = page.locator('.tile[data-stream="masked"]')
    tile.and_(page.locator(".has-picture")).wait_for()
    expect(tile.locator(".masks .mask")).to_have_count(1)
    expect(tile.locator(".mask-names li")).to_have_text(["mask 1"])
    stage, mask = tile.locator(".stage .picture").bounding_box(), tile.locator(".masks .mask .edge").bounding_box()
    assert stage is not None and mask is not None
    assert mask["height"] == pytest.approx(0.4 * stage["height"], rel=0.1)
    tile.locator(".edit").click()
    draw_everything(page, tile, "mask")
    expect(tile.locator(".masks")).to_be_hidden()
    tile.locator(".done").click()
    expect(tile.locator(".masks .mask")).to_have_count(2)
    expect(tile.locator(".mask-names li")).to_have_text(["mask 1", "mask 2"])
    control.remove_stream("masked")


def test_the_streams_of_an_onvif_camera_fill_the_dialog(
    page: Page, served: Served, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onvif, "TIMEOUT_S", 120.0)  # for machines that are busy
    pytest.importorskip("onvif")
    pytest.importorskip("ipycam")
    enter(page, served, known)
    with virtual_camera() as port:
        page.locator(".add >> visible=true").first.click()
        page.locator("#finder summary").click()
        page.locator("#onvif-address").fill(f"127.0.0.1:{port}")
        page.locator("#onvif-user").fill(USER)
        page.locator("#onvif-password").fill("another")
        page.locator("#profiles").click()
        expect(page.locator("#profile-list .wrong")).to_contain_text("password")
        page.locator("#onvif-password").fill(CAMERA_PASSWORD)
        page.locator("#profiles").click()
        page.locator("#profile-list button").first.click()
    source = page.locator('#camera [name="source"]').input_value()
    assert source.startswith("rtsp://root:") and "@127.0.0.1" in source
    assert page.locator('#camera [name="name"]').input_value()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_shuts_anybody_out_of_the_other_pages(
    page: Page, served: Served, theme: str, project_root: Path, reference_dir: Path
) -> None:
    axe = Axe(project_root, reference_dir)
    page.emulate_media(color_scheme=theme)
    page.goto(f"http://127.0.0.1:{served.port}/settings")
    assert axe.findings(page) == []
    expect(page.locator("h1")).to_have_count(1)
    sign_in(page, served, "ann", "settings")
    page.locator("#user-list tr").first.wait_for()
    page.locator("#audit-list tr").first.wait_for()
    assert axe.findings(page) == []
    expect(page.locator("h1")).to_have_count(1)
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("settings", "events"):
        page.goto(f"http://127.0.0.1:{served.port}/{path}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert axe.findings(page) == [], path


def test_a_viewer_sees_and_changes_nothing(page: Page, served: Served) -> None:
    sign_in(page, served, "bob")
    page.locator("#link[data-link=connected]").wait_for()
    expect(page.locator(".places a")).to_have_text(["Wall", "Timeline", "Events"])
    expect(page.locator(".add, .edit, .settings, #camera")).to_have_count(0)


def test_cameras_of_one_name_are_told_apart_where_a_viewers_are_chosen(
    page: Page, served: Served, known: dict[str, Any]
) -> None:
    enter(page, served, known)
    control = served.service.view.control
    assert control is not None
    for stream_id, name in (("north", "Door"), ("south", "Door"), ("side", "Gate")):
        control.add_stream({"id": stream_id, "name": name, "source": "synthetic:boxes", "enabled": False})
    page.goto(f"http://127.0.0.1:{served.port}/settings")
    page.locator("#user-list tr").first.wait_for()  # from then on its buttons are answered
    page.locator("#new-user").click()
    offered = page.locator("#user-streams label", has=page.locator('[name="stream"]'))
    for words in ("Door (north)", "Door (south)", "Gate"):
        expect(offered.filter(has_text=words)).to_have_text(words)
    page.locator('#user [name="name"]').fill("zoe")
    page.locator('#user [name="password"]').fill(PASSWORD)
    page.locator('#user [name="all"]').uncheck()
    for words in ("Door (south)", "Gate"):
        offered.filter(has_text=words).locator("input").check()
    page.locator("#user-save").click()
    expect(page.locator("#user-list tr", has_text="zoe").locator("td").nth(2)).to_have_text("Door (south), Gate")
    for stream_id in ("north", "south", "side"):
        control.remove_stream(stream_id)
