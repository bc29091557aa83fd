"""One stream's video in a real Chromium: which picture, where the box is, what is asked for instead."""

from __future__ import annotations

import pytest

from support.coded_square import square_format, square_packets, square_result
from support.live_stage import staged
from support.module_page import ModulePage

pytestmark = pytest.mark.browser


def test_the_box_of_each_frame_is_on_it(modules: ModulePage) -> None:
    packets = square_packets(50)
    results = [square_result(packet, n) for n, packet in enumerate(packets)]
    seen = staged(
        modules,
        "live.take({ format: given.format }); await play(given.packets, given.results, { late_s: 0.05 });"
        "return { shown, told: told(), layer: live.layer };",
        format=square_format(),
        packets=packets,
        results=results,
    )
    boxed = [one for one in seen["shown"] if one["frame"] is not None]
    assert len(boxed) >= 45
    for one in boxed:
        assert abs(one["square"] - one["frame"] * 4 / 320) <= 2 / 320
        if one["frame"]:
            assert abs(one["square"] - one["box"]) <= 4 / 320
    assert "WebCodecs" in seen["told"] and "camera's own H.264" in seen["told"] and seen["layer"] == "auto"


def test_a_codec_that_is_not_decoded_lets_it_ask_for_an_encoded_one(modules: ModulePage) -> None:
    seen = staged(
        modules,
        "live.take({ format: given.format }); await idle(); const layer = live.layer;"
        "live.take({ format: { ...given.format, layer: 'h264' } }); await idle();"
        "return { layer, then: live.layer, changes };",
        format=square_format(codec="hev1.9.9.L999"),
    )
    assert seen == {"layer": "h264", "then": "jpeg", "changes": 2}


def test_damaged_packets_cost_pictures_until_the_next_key_frame_and_no_more(modules: ModulePage) -> None:
    packets = square_packets(50, gop=10)
    packets[15] = packets[15] | {"data": "AAAAAWX/////"}
    seen = staged(
        modules,
        "live.take({ format: given.format }); await play(given.packets, []); return { shown, layer: live.layer };",
        format=square_format(),
        packets=packets,
    )
    assert seen["layer"] == "auto"
    assert max(one["square"] for one in seen["shown"] if one["square"] is not None) > 40 * 4 / 320


def test_a_video_that_cannot_be_decoded_is_given_up_after_three_errors(modules: ModulePage) -> None:
    packets = [packet | {"data": "AAAAAWX/////", "is_key": True} for packet in square_packets(12)]
    seen = staged(
        modules,
        "live.take({ format: given.format }); await play(given.packets, []); return { layer: live.layer, changes };",
        format=square_format(),
        packets=packets,
    )
    assert seen == {"layer": "h264", "changes": 1}


def test_another_size_keeps_the_old_picture_until_the_new_one(modules: ModulePage) -> None:
    small, large = square_packets(10), square_packets(10, generation=2, width_px=640, height_px=360)
    seen = staged(
        modules,
        "live.mode = 'fresh'; live.take({ format: given.formats[0] }); await play(given.small, []);"
        "const old = picture.toDataURL(); live.take({ format: given.formats[1] }); await idle();"
        "const kept = picture.toDataURL() === old; await play(given.large, []);"
        "return { kept, width: picture.width, widths: shown.map((one) => one.width_px) };",
        formats=[square_format(), square_format(generation=2, width_px=640, height_px=360)],
        small=small,
        large=large,
    )
    assert seen["kept"] and seen["width"] == 640 and set(seen["widths"]) == {320, 640}


HOSTILE = [
    {"format": None},
    {"format": {"codec": 7, "width_px": 320, "height_px": 180}},
    {"format": {"codec": "avc1.42c01e", "width_px": 1e9, "height_px": None}},
    {"packet": {}},
    {"packet": {"track": "video", "generation": 1, "time_us": "soon", "captured_us": None}},
    {"result": 5},
    {"result": {"captured_us": "now", "objects": []}},
    {"scene": None},
    {"scene": {"names": 3, "regions": [None, {"kind": "line", "points": 4, "directions": 2}], "skeleton": [5]}},
    {"notice": None},
]
ODD_OBJECTS = [
    None,
    {"box_xyxy_px": [0, 0, None, 9]},
    {"box_xyxy_px": [1e308, -1e308, 1e308, 1e308], "track_id": -3},
    {"box_xyxy_px": [1, 1, 99, 99], "keypoints": [None, 4], "outlines_px": [None, "x"], "obb": "round"},
    {"box_xyxy_px": [1, 1, 99, 99], "class_name": "<img src=x onerror=document.title='broken'>", "attributes": [None]},
]
ODD_RESULT = {
    "objects": ODD_OBJECTS,
    "marks": 5,
    "counts": 3,
    "classes": [None, {}],
    "key_frames": {"one": None},
    "text": 1,
}


def test_records_that_make_no_sense_end_nothing(modules: ModulePage) -> None:
    packets = square_packets(30)
    results = [square_result(packet, n) | (ODD_RESULT if n % 2 else {}) for n, packet in enumerate(packets)]
    seen = staged(
        modules,
        "for (const record of given.hostile) live.take(record, new Uint8Array(9), 0);"
        "live.take({ format: given.format });"
        "const odd = () => { for (const record of given.hostile) live.take(record, new Uint8Array(9), 0); };"
        "const many = (one) => ({ ...one, objects: Array(300).fill(one.objects).flat() });"
        "const results = given.results.map((one, n) => (n < 26 ? one : many(one)));"
        "await play(given.packets, results, { after: (n) => n === 10 && odd() });"
        "const frames = new Set(shown.map(({ frame }) => frame)); told();"
        "return { count: shown.length, last: Math.max(...frames), title: document.title,"
        "  found: live.newest.objects.length };",
        hostile=HOSTILE,
        format=square_format(),
        packets=packets,
        results=results,
    )
    assert seen["count"] > 5 and seen["last"] == 29 and seen["title"] != "broken" and 300 < seen["found"] <= 1000


def test_after_the_server_has_begun_anew_boxes_are_there_again(modules: ModulePage) -> None:
    packets = square_packets(20)
    later = [packet | {"time_us": packet["time_us"] + 3_600_000_000} for packet in packets]
    seen = staged(
        modules,
        "live.take({ format: given.format }); await play(given.later, given.laterResults); const before = shown.length;"
        "live.pause(); live.take({ format: given.format }); await play(given.packets, given.results);"
        "return { frames: shown.slice(before).map(({ frame }) => frame) };",
        format=square_format(),
        packets=packets,
        results=[square_result(packet, n) for n, packet in enumerate(packets)],
        later=later,
        laterResults=[square_result(packet, n) for n, packet in enumerate(later)],
    )
    assert len([frame for frame in seen["frames"] if frame is not None]) > 15


def test_a_notice_lets_it_ask_for_pictures_and_says_why(modules: ModulePage) -> None:
    seen = staged(
        modules,
        "live.take({ notice: { layer: 'auto', reason: 'the camera gives none' } });"
        "const between = live.layer; live.take({ notice: { layer: 'h264', reason: 'no encoder' } });"
        "const canvas = new OffscreenCanvas(64, 36); canvas.getContext('2d').fillRect(0, 0, 64, 36);"
        "const file = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer());"
        "const header = { jpeg_bytes: file.length, age_s: 0.1, sent_at_s: 5, width_px: 64, height_px: 36 };"
        "live.take(header, file, now() - 5);"
        "while (!told()) await rest(5);"
        "return { between, layer: live.layer, width: picture.width, told: told() };",
    )
    assert seen["between"] == "h264" and seen["layer"] == "jpeg" and seen["width"] == 64
    assert "drawn by the server" in seen["told"] and "the camera gives none." in seen["told"]


def test_a_part_of_what_is_asked_for_may_be_missing(modules: ModulePage) -> None:
    seen = staged(
        modules,
        "live.take({ notice: { layer: 'source', reason: 'faces are blurred' } }); const part = live.layer;"
        "live.take({ notice: { layer: 'h264', reason: 'no encoder' } }); return { part, then: live.layer };",
    )
    assert seen == {"part": "auto", "then": "jpeg"}
