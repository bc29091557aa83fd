"""The grammar of sentences about the drive: what it writes it reads, and what the drive shows it says."""

from __future__ import annotations

import pytest

from streamvision.datasets.drive_captions import DISTANCES_M, MOST_HIDDEN, sentence_at
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.sentences import (
    DISTANCES,
    LANES,
    LIGHTS,
    PLACES,
    SIGNS,
    VEHICLES,
    Fact,
    read_sentence,
    write_sentence,
)
from streamvision.synthetic.drive.signs import CLASS_NAMES
from streamvision.synthetic.drive.vehicle_truth import VEHICLE_KINDS
from streamvision.synthetic.drive.weather import MOODS

WIDTH_PX = 320


def test_every_mood_sign_and_vehicle_of_the_drive_has_its_word() -> None:
    assert tuple(LIGHTS) == MOODS
    assert len(SIGNS) == len(CLASS_NAMES)
    assert tuple(VEHICLES) == VEHICLE_KINDS


def test_a_sentence_says_the_facts_of_its_phrases() -> None:
    sentence = write_sentence("at dusk", [f"{SIGNS[3]} {PLACES[2]}", f"{VEHICLES['van']} {LANES[0]} {DISTANCES[2]}"])
    assert sentence == "at dusk, a stop sign on the right and a van coming towards us far away"
    reading = read_sentence(sentence)
    assert reading.unread == ()
    assert reading.facts == {
        Fact("light", "at dusk"),
        Fact("sign", "a stop sign"),
        Fact("place", "a stop sign on the right"),
        Fact("vehicle", "a van"),
        Fact("lane", "a van coming towards us"),
        Fact("distance", "a van coming towards us far away"),
    }


@pytest.mark.parametrize(
    ("things", "sentence"),
    [
        ([], "by day, an empty road"),
        (["a van in our lane close by"] * 2, "by day, a van in our lane close by"),
        (["one", "two", "three"], "by day, one, two and three"),
    ],
)
def test_things_are_joined_as_people_do_and_said_once(things: list[str], sentence: str) -> None:
    assert write_sentence("by day", things) == sentence


def test_what_is_not_of_the_grammar_is_told_and_says_nothing() -> None:
    reading = read_sentence("By day, a cow on the left and a stop sign  on the right.")
    assert reading.unread == ("a cow on the left",)
    assert {fact.kind for fact in reading.facts} == {"light", "sign", "place"}


def test_sentences_of_a_lap_are_of_the_grammar_and_true() -> None:
    scene = DriveScene(WIDTH_PX, 180, 30.0, 5)
    said: set[str] = set()
    for index in scene.spread(40):
        reading = read_sentence(sentence_at(scene, index, width_px=WIDTH_PX))
        assert reading.unread == ()
        facts = reading.facts
        mood, _ = scene.mood_at(index)
        assert {fact for fact in facts if fact.kind == "light"} == {Fact("light", LIGHTS[mood])}
        seen = {SIGNS[class_id] for class_id in scene.objects_at(index).class_id.tolist()}
        named = {fact.value for fact in facts if fact.kind == "sign"}
        assert named <= seen
        assert bool(named) == bool(seen)
        near_m = [one.distance_m for one in scene.vehicles_at(index) if one.distance_m < DISTANCES_M[-1]]
        assert sum(fact.kind == "distance" for fact in facts) <= len(near_m)
        said |= {fact.kind for fact in facts}
    assert said == {"light", "sign", "place", "vehicle", "lane", "distance"}


def test_the_car_ahead_is_in_our_lane_in_bends_too() -> None:
    scene = DriveScene(WIDTH_PX, 180, 30.0, 5)
    bent = 0
    for index in scene.spread(60):
        near = [one for one in scene.vehicles_at(index) if one.distance_m < DISTANCES_M[-1] and not one.is_oncoming]
        seen = [one for one in near if max(one.hidden_share, one.truncated_share) < MOST_HIDDEN]
        if len(near) == len(seen) == 1 and abs(seen[0].center_m[0]) > 2.0:
            bent += 1
            assert "in our lane" in sentence_at(scene, index, width_px=WIDTH_PX)
    assert bent
