"""Which picture is shown when, and with which boxes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from support.module_page import ModulePage

pytestmark = pytest.mark.browser

# Plays [at_s, "picture" | "result", n] against a clock that looks every 5 ms; frame n is captured at n * 0.04 s.
PLAY = """
const { Schedule } = await load("view/schedule.js");
const schedule = new Schedule();
schedule.mode = given.mode ?? "exact";
schedule.begin({ way: "passed_on", generation: 1, ...given.format });
const closed = [], shown = [], modes = [];
const packet = (n) => ({ generation: 1, time_us: n * 40000, captured_us: n * 40000 + 7 });
const object = (n) => ({ track_id: 1, score: 0.9, box_xyxy_px: [10 * n, 0, 10 * n + 20, 20] });
const events = [...given.events];
for (let now_s = 0; now_s < given.until_s; now_s += 0.005) {
  while (events.length && events[0][0] <= now_s + 1e-9) {
    const [, what, n] = events.shift();
    const captured_s = given.captured_s?.[n] ?? n * 0.04;
    if (what === "picture") schedule.addPicture({ n, close: () => closed.push(n) }, packet(n), captured_s, now_s);
    else schedule.addResult({ ...packet(n), objects: [object(n)] }, captured_s, now_s);
  }
  const due = schedule.due(now_s);
  if (due) {
    const left = due.result?.objects[0]?.box_xyxy_px[0] ?? null;
    shown.push({ n: due.picture.n, at_s: now_s, left, is_own: due.is_own });
    due.picture.close();
  }
  modes.push(schedule.mode);
}
schedule.clear();
return { shown, closed, mode: schedule.mode, yields: schedule.yields };
"""


@pytest.fixture
def modules(shared_modules: ModulePage) -> ModulePage:
    return shared_modules


def play(modules: ModulePage, events: list[tuple[float, str, int]], **more: Any) -> dict[str, Any]:
    return modules.run(PLAY, {"events": sorted(events), "until_s": max(at for at, *_ in events) + 0.5, **more})


def pictures(count: int, *, late_s: float = 0.01) -> list[tuple[float, str, int]]:
    return [(n * 0.04 + late_s, "picture", n) for n in range(count)]


def test_each_picture_waits_for_its_own_result(modules: ModulePage) -> None:
    results = [(n * 0.04 + 0.06 + 0.01 * (n % 3), "result", n) for n in range(50)]
    played = play(modules, pictures(50) + results)
    assert len(played["shown"]) >= 48
    assert all(one["is_own"] and one["left"] == 10 * one["n"] for one in played["shown"])
    late_s = [one["at_s"] - one["n"] * 0.04 - 0.06 - 0.01 * (one["n"] % 3) for one in played["shown"]]
    assert max(late_s) < 0.011, "none waits for longer than its result"


def test_pictures_that_are_sent_before_those_shown_before_them_come_evenly(modules: ModulePage) -> None:
    """Two B pictures before each P picture, which is sent before them."""
    captured_s = {n: 0.04 * (n + 1 if n % 3 else max(n - 2, 0)) for n in range(100)}
    decoded_s = dict(zip(captured_s, itertools.accumulate(captured_s.values(), max), strict=True))
    events = [(at_s + 0.01, "picture", n) for n, at_s in decoded_s.items()]
    events += [(at_s + 0.05, "result", n) for n, at_s in decoded_s.items()]
    played = play(modules, events, format={"reorders": True}, captured_s=list(captured_s.values()))
    assert len(played["shown"]) >= 96
    assert all(one["is_own"] for one in played["shown"])
    later = [one for one in played["shown"] if one["n"] > 10]
    assert all(0.02 <= b["at_s"] - a["at_s"] <= 0.06 for a, b in itertools.pairwise(later))
    assert all(one["at_s"] - one["n"] * 0.04 < 0.2 for one in later)


def test_frames_that_never_entered_the_network_have_boxes_in_between_and_come_evenly(modules: ModulePage) -> None:
    results = [(n * 0.04 + 0.05, "result", n) for n in range(0, 100, 3)]
    played = play(modules, pictures(97) + results)
    late = [one for one in played["shown"] if one["n"] >= 30]
    assert len(late) >= 60, "all are shown, not one of three"
    assert all(one["left"] == pytest.approx(10 * one["n"]) for one in late)
    gaps_s = [b["at_s"] - a["at_s"] for a, b in itertools.pairwise(late)]
    assert max(gaps_s) < 0.1


def test_a_picture_waits_no_longer_than_its_patience_and_then_gives_way_to_fresh(modules: ModulePage) -> None:
    results = [(n * 0.04 + 0.45, "result", n) for n in range(200)]
    played = play(modules, pictures(150) + results)
    assert played["mode"] == "fresh" and played["yields"]
    assert all(one["at_s"] - one["n"] * 0.04 <= 0.33 for one in played["shown"])
    settled = [one for one in played["shown"] if one["n"] > 60]
    assert max(one["at_s"] - one["n"] * 0.04 for one in settled) < 0.03, "at once"
    assert all(one["left"] == pytest.approx(10 * one["n"]) for one in settled), "carried on as they moved"


def test_it_is_exact_again_once_results_come_in_time(modules: ModulePage) -> None:
    results = [(n * 0.04 + (0.5 if n < 50 else 0.05), "result", n) for n in range(250)]
    played = play(modules, pictures(250) + results)
    assert played["mode"] == "exact" and not played["yields"]
    assert all(one["is_own"] for one in played["shown"] if one["n"] > 150)


def test_few_pictures_each_with_its_own_result_in_time_are_exact(modules: ModulePage) -> None:
    """One picture a second, after a while in which results were late."""
    often = [(n * 0.04 + 0.01, "picture", n) for n in range(50)] + [(n * 0.04 + 0.5, "result", n) for n in range(50)]
    seldom = range(75, 275, 25)
    events = [(n * 0.04 + 0.01, "picture", n) for n in seldom] + [(n * 0.04 + 0.05, "result", n) for n in seldom]
    played = play(modules, often + events)
    assert [one["is_own"] for one in played["shown"][-3:]] == [True] * 3
    assert played["mode"] == "exact" and not played["yields"], "nothing is carried on"


def test_what_another_server_begins_anew_is_not_older_than_what_was_before(modules: ModulePage) -> None:
    seen = modules.run(
        "const { Schedule } = await load('view/schedule.js'); const schedule = new Schedule();"
        "const format = { way: 'passed_on', generation: 1 };"
        "const take = (time_us, now_s) => {"
        "  const packet = { generation: 1, time_us, captured_us: time_us };"
        "  schedule.addPicture({ close() {} }, packet, now_s, now_s);"
        "  schedule.addResult({ ...packet, objects: [] }, now_s, now_s);"
        "  return schedule.due(now_s)?.is_own; };"
        "schedule.begin(format); const before = take(3600e6, 1); schedule.forget();"
        "schedule.begin(format); return [before, take(40000, 2)];"
    )
    assert seen == [True, True]


def test_fresh_boxes_are_carried_for_half_a_second_and_gone_after_a_while(modules: ModulePage) -> None:
    results = [(n * 0.04 + 0.05, "result", n) for n in range(10)]
    played = play(modules, pictures(80) + results, mode="fresh")
    by_n = {one["n"]: one["left"] for one in played["shown"]}
    assert by_n[20] == pytest.approx(200)
    assert by_n[30] == pytest.approx(90 + 10 * 0.5 / 0.04), "no further than half a second goes"
    assert by_n[60] is None


def test_every_picture_is_closed_once(modules: ModulePage) -> None:
    results = [(n * 0.04 + 0.05, "result", n) for n in range(0, 60, 2)]
    played = play(modules, pictures(100) + results)
    assert sorted(played["closed"]) == list(range(100))


def test_pictures_into_which_the_server_has_drawn_wait_for_nothing(modules: ModulePage) -> None:
    played = play(modules, pictures(20), format={"is_drawn": True})
    assert len(played["shown"]) == 20 and not played["yields"]
    assert all(one["at_s"] - one["n"] * 0.04 < 0.03 for one in played["shown"])


def test_shapes_go_along_with_their_boxes(modules: ModulePage) -> None:
    object_at = lambda left: {  # noqa: E731
        "track_id": 1,
        "box_xyxy_px": [left, 0, left + 20, 20],
        "keypoints": [[left + 5, 5, 0.9]],
        "obb": [left + 10, 10, 20, 20, 0.1],
        "outlines_px": [[left, 0, left + 20, 20, left, 20]],
    }
    [found] = modules.run(
        "const { between } = await load('view/motion.js');"
        "const [before, after] = given.map((object, n) => ({ at_us: n * 100, objects: [object] }));"
        "return between(before, after, 40).objects;",
        [object_at(100), object_at(200)],
    )
    assert found == object_at(140)


def test_objects_without_an_identity_are_known_by_class_and_place(modules: ModulePage) -> None:
    def result(at_us: int, left: float) -> dict[str, Any]:
        return {
            "at_us": at_us,
            "objects": [
                {"track_id": None, "class_id": 0, "box_xyxy_px": [left, 0, left + 50, 50]},
                {"track_id": None, "class_id": 1, "box_xyxy_px": [left + 10, 0, left + 60, 50]},
                {"track_id": None, "class_id": 0, "box_xyxy_px": [left + 200, 0, left + 250, 50]},
            ],
        }

    mixed, ahead = modules.run(
        "const { between, carried } = await load('view/motion.js'); const [before, after] = given;"
        "return [between(before, after, 50), carried(before, after, 150)].map(({ objects }) => objects);",
        [result(0, 100), result(100, 120) | {"objects": result(100, 120)["objects"][::-1]}],
    )
    assert sorted(one["box_xyxy_px"][0] for one in mixed) == [110, 120, 310]
    assert sorted(one["box_xyxy_px"][0] for one in ahead) == [130, 140, 330]
