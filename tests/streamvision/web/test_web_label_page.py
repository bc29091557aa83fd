"""Pictures labelled in a real Chromium: with mouse, fingers and keys alone, by two people, and without the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from streamvision.core.live import LiveView
from streamvision.datasets import read_dataset
from streamvision.datasets.collection import Collection
from streamvision.datasets.labelling import FolderLabelling
from streamvision.web.server import WebServer
from support.axe import Axe
from support.browser import PATIENCE_MS, fresh_page
from support.collection_folders import PROPOSED, SIZE_PX, collection_with
from support.web_client import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return collection_with(tmp_path / "collected", hardness=(0.9, 0.5, 0.1))


@pytest.fixture
def names(folder: Path) -> list[str]:
    """The pictures in the order in which they come."""
    return [one.name for one in FolderLabelling(folder).overview("").pictures]


@pytest.fixture
def labelling(folder: Path) -> FolderLabelling:
    return FolderLabelling(folder)


@pytest.fixture
def server(labelling: FolderLabelling) -> Iterator[WebServer]:
    view = LiveView({}, statuses=list, stage_times=dict, model="")
    view.labelling = labelling
    started = WebServer(view, host="127.0.0.1", port=0)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def page(browser: Browser, server: WebServer, names: list[str]) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 900}, has_touch=True) as fresh:
        fresh.goto(server.url)
        is_open(fresh, names[0])
        yield fresh


def is_open(page: Page, name: str) -> None:
    expect(page.locator("#picture:not([hidden])")).to_have_attribute("alt", f"Picture {name}")
    expect(page.locator('[data-action="accept"]')).to_be_enabled()


def spot(page: Page, x_px: float, y_px: float) -> tuple[float, float]:
    """Return where a pixel of the picture is on the page."""
    place = page.locator("#picture").bounding_box()
    assert place is not None
    return place["x"] + x_px * place["width"] / SIZE_PX[0], place["y"] + y_px * place["height"] / SIZE_PX[1]


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*spot(page, *begin))
    page.mouse.down()
    page.mouse.move(*spot(page, *end), steps=4)
    page.mouse.up()


def saved(folder: Path, name: str) -> list[tuple[str, tuple[float, ...]]] | None:
    """Return what the folder holds of a labelled picture: class and corners; ``None`` where it is not labelled."""
    if name not in Collection(folder).labelled_names():
        return None
    boxes = FolderLabelling(folder).opened(name, "").boxes
    return [(box.class_name, tuple(round(side) for side in box.box_xyxy_px)) for box in boxes]


def listed(page: Page) -> list[str]:
    return page.locator("#boxes .box-words").all_inner_texts()


def test_boxes_are_drawn_moved_resized_and_saved_in_pixels_of_the_picture(
    page: Page, folder: Path, names: list[str]
) -> None:
    expect(page.locator(".proposed")).to_have_count(1)
    expect(page.locator("#why")).to_contain_text("a stop sign was seen with a score of 0.31")
    drag(page, (100, 20), (130, 50))
    expect(page.locator(".confirmed.chosen")).to_have_count(1)
    page.keyboard.press("2")
    drag(page, (110, 30), (115, 40))  # the one that is taken is moved
    drag(page, (135, 60), (140, 70))  # and resized by its lower right corner
    page.mouse.move(*spot(page, 120, 90))
    page.mouse.wheel(0, -900)
    drag(page, (117, 84), (123, 97))  # the same pixels, many times as large
    page.keyboard.press("f")
    page.mouse.click(*spot(page, 40, 50))
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    is_open(page, names[1])
    wanted = [("yield", (105, 30, 140, 70)), ("yield", (117, 84, 123, 97))]
    assert eventually(lambda: saved(folder, names[0]) == wanted), saved(folder, names[0])
    expect(page.locator("#progress")).to_have_text("1 of 3")
    [image] = read_dataset(folder).images
    assert [box.box_xyxy_px for box in image.boxes] == [pytest.approx(box, abs=1e-3) for _, box in wanted]
    document = json.loads((folder / "annotations.json").read_text())
    assert [entry["bbox"] for entry in document["annotations"]] == [[105, 30, 35, 40], [117, 84, 6, 13]]


def test_keys_alone_do_everything(page: Page, folder: Path, names: list[str]) -> None:
    keys = page.keyboard
    for key in ("b", "ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"):
        keys.press(key)
    expect(page.locator("#boxes")).to_contain_text("41 × 39 at 21, 31")
    for key in ("Escape", "n", "ArrowLeft", "c"):
        keys.press(key)
    keys.type("no entry")
    keys.press("Enter")
    before = listed(page)
    assert before[1].startswith("no entry")
    keys.press("Delete")
    expect(page.locator(".box-entry")).to_have_count(1)
    keys.press("z")
    expect(page.locator(".box-entry")).to_have_count(2)
    keys.press("Shift+Z")
    expect(page.locator(".box-entry")).to_have_count(1)
    keys.press("Control+z")
    assert listed(page) == before
    keys.press("Space")
    is_open(page, names[1])
    assert eventually(lambda: saved(folder, names[0]) is not None)
    [first, (second, _)] = saved(folder, names[0]) or []
    assert (first, second) == (("stop", (21, 31, 62, 70)), "no entry")
    assert eventually(lambda: Collection(folder).names()[-1] == "no entry")
    keys.press("x")
    is_open(page, names[2])
    assert eventually(lambda: Collection(folder).counts().refused == 1)
    keys.press("z")  # nothing is changed on this one: the decision before it is taken back
    is_open(page, names[1])
    assert Collection(folder).counts().refused == 0
    keys.press("?")
    expect(page.locator("#help")).to_be_visible()
    keys.press("Escape")
    page.locator("#theme").focus()
    keys.press("x")  # beside the picture a letter does nothing
    page.locator("#stage").focus()
    keys.press("ArrowRight")
    is_open(page, names[2])
    keys.press("PageUp")
    is_open(page, names[1])


def test_tiny_boxes_are_refused_in_a_sentence_and_boxes_end_at_the_picture(page: Page, folder: Path) -> None:
    drag(page, (90, 20), (92, 40))
    expect(page.locator("#said")).to_contain_text("at least 3 pixels")
    expect(page.locator(".box-entry")).to_have_count(1)
    drag(page, (130, 100), (190, 130))
    expect(page.locator("#boxes")).to_contain_text("30 × 20 at 130, 100")


def test_a_finger_draws_and_two_fingers_zoom(page: Page) -> None:
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        where = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    begin, end = spot(page, 100, 20), spot(page, 130, 50)
    touch("touchStart", begin)
    touch("touchMove", end)
    touch("touchEnd")
    expect(page.locator("#boxes")).to_contain_text("30 × 30 at 100, 20")
    width = page.locator("#picture").bounding_box()["width"]
    a, b = spot(page, 60, 60), spot(page, 100, 60)
    touch("touchStart", a)
    touch("touchStart", a, b)
    touch("touchMove", (a[0] - 60, a[1]), (b[0] + 60, b[1]))
    touch("touchEnd")
    expect(page.locator(".box-entry")).to_have_count(2)
    assert page.locator("#picture").bounding_box()["width"] > 1.1 * width


def test_two_people_do_not_overwrite_each_other(
    page: Page, browser: Browser, server: WebServer, folder: Path, names: list[str]
) -> None:
    name = names[0]
    with fresh_page(browser) as other:
        other.goto(server.url)
        is_open(other, names[1])  # the first one is taken
    theirs = FolderLabelling(folder).opened(name, "").boxes
    FolderLabelling(folder).accept(name, theirs, "waiting")
    drag(page, (100, 20), (130, 50))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("somebody else has decided")
    is_open(page, names[0])
    assert saved(folder, names[0]) == [("stop", PROPOSED)]
    expect(page.locator(".box-entry")).to_have_count(2)
    page.locator("#theirs").click()
    expect(page.locator(".box-entry")).to_have_count(1)
    drag(page, (100, 20), (130, 50))
    page.keyboard.press("Enter")
    assert eventually(lambda: saved(folder, names[0]) == [("stop", PROPOSED), ("stop", (100, 20, 130, 50))])


def test_a_closed_page_gives_its_picture_back_and_one_begins_with_the_first_that_waits(
    page: Page, browser: Browser, server: WebServer, labelling: FolderLabelling, names: list[str]
) -> None:
    assert labelling.overview("another").pictures[0].taken
    page.goto("about:blank")
    assert eventually(lambda: not labelling.overview("another").pictures[0].taken)
    with fresh_page(browser) as other:
        other.goto(server.url)
        is_open(other, names[0])


def test_nothing_is_lost_with_the_connection_or_the_tab(page: Page, folder: Path, names: list[str]) -> None:
    drag(page, (100, 20), (130, 50))
    expect(page.locator("#saved")).to_have_text("changed, not accepted")
    page.reload()
    is_open(page, names[0])
    expect(page.locator("#said")).to_contain_text("Your changes of before are here again")
    expect(page.locator(".box-entry")).to_have_count(2)
    page.route("**/accept", lambda route: route.abort())
    page.keyboard.press("Enter")
    is_open(page, names[1])
    expect(page.locator("#saved")).to_have_text("1 picture not saved: the server cannot be reached")
    assert saved(folder, names[0]) is None
    page.once("dialog", lambda dialog: dialog.accept())  # the browser asks, since something waits
    page.reload()
    with page.expect_response("**/accept", timeout=PATIENCE_MS):  # which lets Playwright go on with what it holds
        page.unroute("**/accept")
    assert eventually(lambda: saved(folder, names[0]) == [("stop", PROPOSED), ("stop", (100, 20, 130, 50))])
    expect(page.locator("#saved")).to_have_text("")


def test_pictures_are_filtered_by_state_and_class(page: Page, folder: Path, names: list[str]) -> None:
    page.keyboard.press("b")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    is_open(page, names[1])
    page.locator("#by-state").select_option("all")
    page.locator("#by-class").select_option("yield")
    is_open(page, names[0])
    expect(page.locator("#shown-words")).to_have_text("1 of 3 pictures.")
    expect(page.locator("#why")).to_contain_text("labelled")
    page.locator("#by-class").select_option("")
    page.locator("#by-state").select_option("waiting")
    is_open(page, names[1])
    for _ in range(2):
        page.locator('[data-action="accept"]').click()
    expect(page.locator("#stage-words")).to_contain_text("Nothing is left to label")
    expect(page.locator("#progress")).to_have_text("3 of 3, all done")


@pytest.mark.reference
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(
    browser: Browser, server: WebServer, project_root: Path, reference_dir: Path, theme: str, names: list[str]
) -> None:
    axe = Axe(project_root, reference_dir)
    with fresh_page(browser, viewport={"width": 390, "height": 844}, color_scheme=theme) as phone:
        phone.goto(server.url)
        is_open(phone, names[0])
        phone.keyboard.press("b")
        assert axe.findings(phone, theme=theme) == []
        phone.keyboard.press("h")
        assert axe.findings(phone, theme=theme) == []
        phone.keyboard.press("Escape")
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is beside the screen"


def test_the_geometry_of_boxes_and_the_queue(page: Page) -> None:
    """What has no page in it is asked directly."""
    found = page.evaluate(
        """async () => {
          const boxes = await import("./static/label_boxes.js");
          const view = await import("./static/label_view.js");
          const { Queue } = await import("./static/label_queue.js");
          const { actionOf } = await import("./static/label_keys.js");
          const { Marks } = await import("./static/label_marks.js");
          const size = [100, 80];
          const queue = new Queue();
          const waiting = { state: "waiting", reasons: [], classes: [], taken: false };
          queue.pictures = ["a", "b", "c"].map((name) => ({ ...waiting, name, taken: name === "b" }));
          const order = [queue.next(""), queue.next("a"), queue.from("c", -1), queue.next("c")];
          for (const seconds of [4, 6, 5000]) queue.spent(seconds);
          const whole = view.fitted(size, [200, 100]);
          const near = view.zoomed(whole, 4, [60, 50], size, [200, 100]);
          const marks = new Marks([{ className: "a", box: [0, 0, 9, 9], confirmed: false }]);
          for (const at of [1, 2, 3]) marks.change(0, { box: [at, 0, 9, 9] }, "arrow");
          marks.undo();
          return {
            spanned: boxes.spanned([90.4, -5], [20.6, 33.5], size),
            shifted: boxes.shifted([0, 0, 10, 10], 500, -3, size),
            stretched: boxes.stretched([10, 10, 30, 30], "nw", 90, -90, size),
            kept: boxes.stretched([10, 10, 11, 11], "e", -5, 0, size),
            over: boxes.numbersAt([[0, 0, 50, 50], [10, 10, 20, 20]], [15, 15]),
            order, words: queue.progress(1), undone: marks.all[0].box, first: marks.canUndo,
            point: view.toPicture(near, [60, 50]).map((side) => Math.round(side)),
            same: view.toPicture(whole, [60, 50]).map((side) => Math.round(side)),
            keys: [" ", "Z", "z", "?", "Q"].map((key) => actionOf({ key, shiftKey: "Z?".includes(key) }) ?? null),
          };
        }"""
    )
    assert found == {
        "spanned": [21, 0, 90, 34],
        "shifted": [90, 0, 100, 10],
        "stretched": [27, 0, 30, 30],
        "kept": [10, 10, 11, 11],
        "over": [1, 0],
        "order": ["a", "c", "b", "a"],
        "words": {"done": 1, "all": 4, "words": "1 of 4, about a minute left"},
        "point": found["same"],
        "same": found["same"],
        "undone": [0, 0, 9, 9],
        "first": False,
        "keys": ["accept", "redo", "undo", "help", None],
    }
