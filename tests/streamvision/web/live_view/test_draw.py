"""What the page draws over a picture, pixel by pixel, beside what the server draws into it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.palette import PALETTE, UNCONFIRMED, color_from_rgb
from pipelines.rendering.renderer import JpegEncoder, Renderer
from streamvision.core.analysis import Analysis, LineTally, ZoneTally
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.live import LiveChannel
from streamvision.core.masks import BoxMask
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import StageTimes
from streamvision.web.scene import result_json, scene_json
from support.drawn_scene import DRAW, HEIGHT_PX, WIDTH_PX, draw, thing
from support.module_page import ModulePage

pytestmark = pytest.mark.browser

ORANGE, SKY, VERMILION = (255, 153, 0), (41, 206, 255), (209, 59, 15)
NAMES = ("car", "person")


@pytest.fixture
def page(shared_modules: ModulePage) -> ModulePage:
    return shared_modules


def test_box_stands_where_it_was_found_in_the_colour_of_its_identity(page: ModulePage) -> None:
    pixels = draw(page, {"objects": [thing([100, 80, 300, 200], track_id=9)], "is_tracked": True}, "box")
    rows, columns = np.nonzero((pixels[..., :3] == SKY).all(axis=2))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (99, 79, 301, 201)
    assert not pixels[90:190, 110:290].any()  # nothing within


def test_colour_is_that_of_the_class_where_it_is_wanted(page: ModulePage) -> None:
    pixels = draw(page, {"objects": [thing([100, 80, 300, 200], track_id=9)]}, "box by class")
    assert tuple(pixels[80, 200, :3]) == ORANGE


def test_what_makes_no_sense_is_not_drawn(page: ModulePage) -> None:
    odd = [[0, 0, "9", 9], [5, 5, 5, 5], [9, 9, 3, 3], [None, 0, 1, 1], [1, 2, 3], "box", None, [-9, -9, -1, -1]]
    assert not draw(page, {"objects": [thing(box) for box in odd]}, "box, label, skeleton").any()  # type: ignore[arg-type]
    names = [thing([10, 10, 90, 90], class_name=name, score=score) for name, score in ((7, "x"), ({}, None), (None, 2))]
    assert draw(page, {"objects": names}, "box, label").any()


def test_labels_stay_inside_the_picture_and_apart(page: ModulePage) -> None:
    boxes = [[0, 0, 60, 30], [580, 0, 640, 30], [580, 330, 640, 360], [300, 100, 360, 160], [302, 102, 362, 162]]
    script = (
        "const { placeLabels } = await load('view/labels.js');"
        "const around = { picture: [0, 0, 640, 360], taken: [[0, 30, 80, 44]], gap: 1 };"
        "return placeLabels(given, given.map(() => [70, 14]), around);"
    )
    places = [(one["left"], one["top"], one["left"] + 70, one["top"] + 14) for one in page.run(script, boxes)]
    assert all(left >= 0 and top >= 0 and right <= 640 and bottom <= 360 for left, top, right, bottom in places)
    every = [*places, (0, 30, 80, 44)]
    apart = [
        a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for n, a in enumerate(every) for b in every[:n]
    ]
    assert all(apart)


def near(pixels: NDArray[np.uint8], rgb: tuple[int, int, int], apart: int) -> NDArray[np.bool_]:
    return (np.abs(pixels[..., :3].astype(int) - rgb) <= apart).all(axis=2)  # type: ignore[no-any-return]


def extent(is_there: NDArray[np.bool_]) -> list[int]:
    rows, columns = np.nonzero(is_there)
    return [int(edge) for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]


@pytest.mark.parametrize(
    "boxes", [[[100, 80, 300, 200], [400.4, 100.6, 500.2, 330.9]], [[0, 0, 200, 360], [300, 9, 640, 350]]]
)
def test_boxes_are_where_the_server_draws_them_in_the_same_colours(page: ModulePage, boxes: list[list[float]]) -> None:
    detections = Detections(np.float32(boxes), np.float32([0.9, 0.8]), np.int32([0, 1]), np.ma.array([8, 10]))
    by_server, by_page = on_both(page, detections, OverlayConfig(labels=False))
    for rgb in (ORANGE, VERMILION):
        there = extent(near(by_server, rgb, 45))
        assert np.abs(np.subtract(there, extent(near(by_page, rgb, 12)))).max() <= 1


def test_masks_cover_what_the_server_covers(page: ModulePage) -> None:
    bits = np.zeros((200, 180), np.uint8)
    cv2.circle(bits, (90, 100), 88, 1, -1)
    cv2.circle(bits, (90, 100), 30, 0, -1)
    masks = np.empty(1, object)
    masks[0] = BoxMask(300, 90, bits.view(np.bool_))
    boxes = np.float32([[300, 90, 480, 290]])
    detections = Detections(boxes, np.float32([0.9]), np.int32([0]), np.ma.array([0]), mask=masks)
    by_server, by_page = on_both(page, detections, OverlayConfig(labels=False))
    inside = (slice(96, 284), slice(306, 474))  # without the box
    covered = [np.abs(pixels[inside][..., 2].astype(int) - 90) > 20 for pixels in (by_server, by_page)]
    assert np.count_nonzero(covered[0] != covered[1]) < 0.03 * np.count_nonzero(covered[0])
    assert np.abs(by_server[110, 390, :3].astype(int) - by_page[110, 390, :3]).max() <= 4


def test_oriented_boxes_lie_as_the_server_draws_them(page: ModulePage) -> None:
    obb = np.float32([[320, 180, 240, 80, 0.5]])
    upright = np.float32([[195, 87, 445, 273]])
    detections = Detections(upright, np.float32([0.9]), np.int32([0]), np.ma.array([8]), obb_cxcywhr_px=obb)
    by_server, by_page = on_both(page, detections, OverlayConfig(labels=False))
    there, here = (
        cv2.dilate(near(pixels, ORANGE, 60).astype(np.uint8), np.ones((5, 5))) for pixels in (by_server, by_page)
    )
    assert np.abs(np.subtract(extent(there > 0), extent(here > 0))).max() <= 2
    assert (
        not (near(by_page, ORANGE, 12) & (there == 0)).any() and not (near(by_server, ORANGE, 30) & (here == 0)).any()
    )


def test_keypoints_and_limbs_are_where_the_server_draws_them_and_unsure_ones_nowhere(page: ModulePage) -> None:
    points = np.float32([[[100, 100], [200, 100], [200, 250], [500, 300]]])
    detections = Detections(
        np.float32([[50, 50, 600, 350]]),
        np.float32([0.9]),
        np.int32([0]),
        np.ma.array([8]),
        keypoint_xy_px=points,
        keypoint_score=np.float32([[0.9, 0.9, 0.9, 0.1]]),
    )
    overlay = Overlay(OverlayConfig(labels=False), NAMES, skeleton=((0, 1), (1, 2), (2, 3)))
    by_server, by_page = on_both(page, detections, overlay)
    inside = np.s_[60:340, 60:590]  # without the box
    extents = [extent(near(pixels[inside], ORANGE, apart)) for pixels, apart in ((by_server, 60), (by_page, 12))]
    assert np.abs(np.subtract(*extents)).max() <= 2


def test_regions_are_drawn_with_their_counts_where_the_server_does(page: ModulePage) -> None:
    line = LineTally("door", ((0.1, 0.8), (0.6, 0.8)), ("in", "out"), ({"car": 3}, {}))
    zone = ZoneTally("yard", ((0.5, 0.1), (0.9, 0.1), (0.9, 0.6)), 2, 5, 3, 4, 1.5, 2.0, {})
    analysis = Analysis(lines=(line,), zones=(zone,))
    by_server, by_page = on_both(page, Detections.empty(), OverlayConfig(), analysis=analysis)
    for part in (np.s_[200:, :], np.s_[:200, :]):  # the line below, the zone above
        drawn = [extent(pixels[part].min(axis=2) > 200) for pixels in (by_server[..., :3], by_page[..., :3])]
        assert np.abs(np.subtract(*drawn)).max() <= 2


def on_both(
    page: ModulePage, detections: Detections, overlay: OverlayConfig | Overlay, **more: Any
) -> list[NDArray[np.uint8]]:
    """Return the same result as the server and as the page draws it, on the same grey."""
    grey = BgrPicture(np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8))
    result = Result(Frame("gate", 0, 0.0, 1.0, grey), detections, **more)
    drawing = overlay if isinstance(overlay, Overlay) else Overlay(overlay, NAMES)
    shown = Renderer(drawing, JpegEncoder(100), StageTimes()).render(result, fps=25)
    bgr = cv2.imdecode(np.frombuffer(shown.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    channel = LiveChannel("gate", NAMES)
    given = {"result": result_json(channel, shown), "scene": scene_json(channel, shown, name="gate")}
    script = DRAW + "pen.fillStyle = '#5a5a5a'; pen.fillRect(0, 0, 640, 360); drawScene(pen, given);"
    assert bgr is not None
    return [bgr[..., ::-1], page.pixels(script, given, width_px=WIDTH_PX, height_px=HEIGHT_PX)]


def test_the_palette_is_the_servers(page: ModulePage) -> None:
    script = "const { colourOf, UNCONFIRMED, wordsOn } = await load('view/palette.js');"
    told = page.run(
        script + "return [...Array(8).keys()].map(colourOf).concat(UNCONFIRMED).map((one) => [one, wordsOn(one)]);"
    )
    for (colour, words), known in zip(told, (*PALETTE, UNCONFIRMED), strict=True):
        assert color_from_rgb(*bytes.fromhex(colour[1:])) == known
        assert color_from_rgb(*bytes.fromhex(words[1:])) == known.text_color


def moving(at_s: float, left: float, **more: object) -> dict[str, object]:
    objects = [thing([left, 100, left + 60, 160], track_id=1)]
    return {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "captured_us": at_s * 1e6, "objects": objects, **more}


def test_a_trail_leads_to_where_the_object_is_now(page: ModulePage) -> None:
    before = [moving(n / 25, 10 + 8 * n) for n in range(30)]
    pixels = draw(page, moving(1.2, 250), "trace", before=before)
    left, top, right, bottom = extent(near(pixels, SKY, 12))
    assert abs(left - 40) <= 2 and abs(right - 280) <= 2
    assert top >= 158 and bottom <= 162


@pytest.mark.parametrize("more", [{"segment": 1}, {"generation": 2}, {"captured_us": 0.1e6}])
def test_a_trail_ends_with_a_new_stretch_or_time_that_runs_back(page: ModulePage, more: dict[str, object]) -> None:
    before = [moving(n / 25, 10 + 8 * n) for n in range(30)]
    assert not draw(page, moving(1.2, 250, **more), "trace", before=before).any()


def test_trails_are_bounded_in_time_and_points(page: ModulePage) -> None:
    script = (
        "const { Past } = await load('view/past.js'); const past = new Past();"
        "for (const one of given) past.add(one); return past.trails.map(([id, points]) => [id, points.length]);"
    )
    ((identity, points),) = page.run(script, [moving(n / 100, n / 10) for n in range(1000)])
    assert identity == 1 and 15 <= points <= 22


@pytest.mark.parametrize(
    "style",
    [
        "box",
        "box_corner",
        "round_box",
        "circle",
        "ellipse",
        "dot",
        "triangle",
        "color",
        "polygon",
        "halo",
        "percentage_bar",
    ],
)
def test_each_style_marks_the_object_in_its_colour_and_nothing_far_from_it(page: ModulePage, style: str) -> None:
    pixels = draw(page, {"objects": [thing([200, 100, 300, 200], track_id=9)]}, style)
    blue = (pixels[..., 2] > 150) & (pixels[..., 3] > 60)
    assert blue.any()
    outside = pixels[..., 3] > 0
    outside[70:235, 165:335] = False
    assert not outside.any()


@pytest.mark.parametrize("style", ["blur", "pixelate", "background_overlay"])
def test_styles_of_the_picture_change_it_there_alone(page: ModulePage, style: str) -> None:
    script = DRAW + (
        "for (let x = 0; x < 640; x += 4) { pen.fillStyle = x % 8 ? '#fff' : '#000'; pen.fillRect(x, 0, 4, 360); }"
        "const picture = new OffscreenCanvas(640, 360); picture.getContext('2d').drawImage(pen.canvas, 0, 0);"
        "drawScene(pen, { ...given, style: styleOf(given.style), picture });"
    )
    objects = [thing([200, 100, 300, 200]), thing([240, 150, 420, 300])]
    given = {"style": style, "result": {"width_px": 640, "height_px": 360, "objects": objects}}
    pixels = page.pixels(script, given, width_px=640, height_px=360)[..., 0]
    stripes = np.where(np.arange(640) // 4 % 2, 255, 0)
    inside, outside = (np.abs(pixels[row].astype(int) - stripes)[200:300].mean() for row in (120, 40))
    changed, kept = (outside, inside) if style == "background_overlay" else (inside, outside)
    assert kept == 0 and changed > 50


def test_styles_are_named_and_unknown_names_are_left_out(page: ModulePage) -> None:
    script = (
        "const { styleOf, styleWords } = await load('view/style.js');"
        "return given.map((one) => styleOf(one) && styleWords(styleOf(one)));"
    )
    asked = ["box_corner, label  trace by class", "<script>, Dot by nothing", "none", "", "constructor", "by class"]
    assert page.run(script, asked) == [
        "box_corner, label, trace by class",
        "dot by track",
        "none by track",
        None,
        None,
        None,
    ]


def test_what_the_server_does_not_draw_is_not_usual(page: ModulePage) -> None:
    script = (
        "const { usualStyle, styleWords } = await load('view/style.js');"
        "return given.map((drawn) => styleWords(usualStyle({ drawn })));"
    )
    given = [{}, {"boxes": False, "trails_s": 0}, {"labels": False, "analytics": False}]
    assert page.run(script, given) == [
        "box, label, trace, mask, skeleton, region, birds_eye by track",
        "label, region by track",
        "box, trace, mask, skeleton, birds_eye by track",
    ]


def test_a_long_sentence_stands_in_lines_at_the_top_or_with_a_key_frame_at_the_foot(page: ModulePage) -> None:
    sentence = (
        "at dusk, a stop sign on the right, a truck coming towards us some way off and a car in our lane far away"
    )
    rows: dict[str, list[int]] = {}
    for text in ("a van", sentence):
        told = {"text": {"text": text, "score": 0.9}}
        for where, given in (("top", told), ("foot", {"key_frames": {"captions": {"age_s": 0.4, **told}}})):
            pixels = draw(page, {"objects": [], **given}, "label")
            used = np.flatnonzero((pixels[..., 3] > 0).any(axis=1))
            assert used.max() < HEIGHT_PX / 2 if where == "top" else used.min() > HEIGHT_PX / 2
            rows.setdefault(where, []).append(len(used))
    assert rows["top"][1] > 2.5 * rows["top"][0]
    assert rows["foot"][1] > 3 * rows["foot"][0]


def test_numbers_have_their_units_at_the_top_and_at_a_key_frame(page: ModulePage) -> None:
    widths: dict[str, list[int]] = {}
    for units in ({}, {"distance": "metres"}):
        told = {"values": {"distance": 34.8}, "units": units}
        for where, given in (("top", told), ("foot", {"key_frames": {"next": {"age_s": 0.4, **told}}})):
            pixels = draw(page, {"objects": [], **given}, "label")
            widths.setdefault(where, []).append(int((pixels[..., 3] > 0).any(axis=0).sum()))
    assert all(known > bare + 20 for bare, known in widths.values())


def test_many_and_odd_things_are_drawn_without_a_fault(page: ModulePage) -> None:
    many = [thing([n % 600, n % 300, n % 600 + 30, n % 300 + 30], track_id=n) for n in range(5000)]
    odd = {
        "objects": [
            *many[:3],
            thing(
                [1, 1, 9, 9], outlines_px=[[1, 2], "x", [1, 2, 3, 4, None, 6]], keypoints=[[1, 2], None, [1, 2, "3"]]
            ),
            thing(
                [1, 1, 9, 9],
                obb=[1, 2, 3, 4, "x"],
                attributes={"a": None, "b": {"objects": []}, "c": {"text": "x" * 999}},
            ),
        ],
        "marks": [
            {"colour": "url(x)", "points_px": []},
            {"colour": "#ffffff", "points_px": [[1]]},
            {"colour": "#ffffff"},
        ],
        "counts": [["<b>"]],
        "classes": [{"class_name": "x" * 999, "class_id": 0, "score": None}],
        "text": {"text": "x " * 999},
        "key_frames": {
            "slow": {"age_s": None},
            "long": {"age_s": 1, "text": {"text": "word " * 99}},
            "odd": {"text": {"text": 5}},
        },
    }
    regions = [
        {"kind": "line", "points": [[0, 0]]},
        {"kind": "zone", "name": {}, "points": [[0, 0], [1, None], [1, 1]]},
        {},
    ]
    every = "box, blur, heat_map, label, trace, mask, skeleton, region, birds_eye"
    draw(page, odd, every, scene={"regions": regions, "skeleton": [[0, 99], ["a"], [0, 1]]})
    draw(page, {"objects": many, "is_tracked": True}, every, before=[])


FOLLOWED = "const { objectAt, objectBeside, sameObject, zonesAt } = await load('view/followed.js');"


def test_an_object_is_found_again_by_its_identity_or_by_its_place(page: ModulePage) -> None:
    script = FOLLOWED + (
        "const seen = given.map((object) => ({ object, box: object.box_xyxy_px }));"
        "const again = (object) => sameObject(seen, { object })?.object.name ?? null;"
        "return [{ track_id: 3, box_xyxy_px: [0, 0, 1, 1] },"
        " { track_id: null, class_id: 1, box_xyxy_px: [12, 12, 32, 32] },"
        " { track_id: null, class_id: 2, box_xyxy_px: [10, 10, 30, 30] }, { track_id: 9 }].map(again);"
    )
    objects = [
        {"name": "third", "track_id": 3, "class_id": 1, "box_xyxy_px": [10, 10, 30, 30]},
        {"name": "near", "track_id": None, "class_id": 1, "box_xyxy_px": [14, 10, 34, 30]},
        {"name": "far", "track_id": None, "class_id": 1, "box_xyxy_px": [90, 90, 95, 95]},
    ]
    assert page.run(script, objects) == ["third", "near", None, None]


def test_the_smallest_object_is_pointed_at_and_the_next_one_is_to_its_right(page: ModulePage) -> None:
    script = FOLLOWED + (
        "const seen = given.map((box, n) => ({ box, n }));"
        "const points = [[50, 50], [20, 20], [97, 50], [200, 200]].map((point) => objectAt(seen, point)?.n ?? null);"
        "return [points, [1, -1].map((by) => objectBeside(seen, seen[1], by).n), objectBeside([], null, 1)];"
    )
    boxes = [[0, 0, 90, 90], [40, 40, 60, 60], [30, 0, 40, 10]]
    assert page.run(script, boxes) == [[1, 0, None, None], [0, 2], None]


def test_zones_are_those_that_the_foot_stands_in(page: ModulePage) -> None:
    script = FOLLOWED + (
        "const size = { width_px: 100, height_px: 100 };"
        "return given.boxes.map((box_xyxy_px) => zonesAt({ box_xyxy_px }, size, given.regions));"
    )
    regions = [
        {"kind": "zone", "name": "left", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
        {"kind": "zone", "name": "low", "points": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]},
        {"kind": "line", "name": "line", "points": [[0, 0], [1, 1]]},
    ]
    boxes = [[10, 10, 30, 30], [10, 10, 30, 80], [60, 10, 90, 80], [60, 10, 90, 40]]
    assert page.run(script, {"boxes": boxes, "regions": regions}) == [["left"], ["left", "low"], ["low"], []]


def test_names_of_files_lead_nowhere(page: ModulePage) -> None:
    script = "const { fileName } = await load('view/crop.js'); return fileName(given, new Date(0));"
    assert page.run(script, ["../../gate", "Fußgänger <b>", None, 7]) == "_gate-Fußgänger_b_-7-19700101T000000.png"
