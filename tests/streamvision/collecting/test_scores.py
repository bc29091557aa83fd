from __future__ import annotations

import numpy as np
import pytest

from streamvision.collecting.appearance import LAYOUT_SCALE, Coverage, layout
from streamvision.collecting.committee import common_classes, disagreement
from streamvision.collecting.finding import Finding, hardness, joined, strongest
from streamvision.collecting.near_duplicates import KnownLooks
from streamvision.collecting.uncertainty import doubts, uncertain
from streamvision.core.detections import Detections
from streamvision.datasets.collection_records import Look, Looks, ProposedBox

NAMES = ("car", "truck")


def found(*rows: tuple[int, float, float, float]) -> Detections:
    """Boxes of 40 px: class, score, left, top."""
    box = [[left, top, left + 40, top + 40] for _, _, left, top in rows]
    return Detections(
        np.array(box, np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[0] for row in rows], np.int32),
    )


def noise(seed: int, side_px: int = 96) -> np.ndarray:
    """A picture of eight by eight soft patches, which is like no other."""
    import cv2

    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return cv2.resize(small, (side_px, side_px), interpolation=cv2.INTER_CUBIC)


def test_doubt_is_greatest_at_the_threshold_and_none_far_from_it() -> None:
    values = doubts(np.array([0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.55, 0.9]), threshold=0.25, floor=0.1)
    assert values[3] == 1
    assert values[[0, 1, 7]].tolist() == [0, 0, 0]
    assert (np.diff(values[1:4]) > 0).all()
    assert (np.diff(values[3:7]) < 0).all()


def test_a_weak_object_that_nothing_explains_is_doubtful_and_a_sure_one_is_not() -> None:
    sure, weak = found((0, 0.9, 0, 0)), found((1, 0.22, 200, 200))
    assert uncertain(sure, sure, names=NAMES, threshold=0.25, floor=0.1) is None
    doubt = uncertain(sure, Detections.concatenate([sure, weak]), names=NAMES, threshold=0.25, floor=0.1)
    assert doubt is not None
    assert doubt.why == "a truck with a score of 0.22, where 0.25 counts as found"
    assert [box.box_xyxy_px for box in doubt.boxes] == [(200, 200, 240, 240)]


def test_a_weak_double_of_a_sure_object_is_no_doubt() -> None:
    sure = found((0, 0.9, 0, 0))
    both = Detections.concatenate([sure, found((0, 0.24, 4, 4))])
    assert uncertain(sure, both, names=NAMES, threshold=0.25, floor=0.1) is None


def test_two_classes_in_one_place_are_doubtful_by_their_margin() -> None:
    first = found((0, 0.8, 0, 0))
    close = uncertain(first, found((0, 0.8, 0, 0), (1, 0.7, 2, 2)), names=NAMES, threshold=0.25, floor=0.1)
    assert close is not None and close.value == pytest.approx(0.875, abs=1e-3)
    assert close.why.startswith("a car (0.80) that may be a truck (0.70)")
    far = uncertain(first, found((0, 0.8, 0, 0), (1, 0.3, 2, 2)), names=NAMES, threshold=0.25, floor=0.1)
    assert far is not None and far.value < close.value


def test_models_that_agree_have_nothing_to_disagree_on() -> None:
    one = found((0, 0.9, 0, 0), (1, 0.8, 100, 100))
    other = found((1, 0.5, 104, 98), (0, 0.6, 3, 0))
    assert disagreement(one, other, names=NAMES, second_names=NAMES) is None


def test_models_disagree_on_what_one_alone_sees_and_on_its_class() -> None:
    one = found((0, 0.9, 0, 0), (1, 0.6, 100, 100))
    other = found((1, 0.8, 0, 0), (0, 0.7, 200, 200))
    said = disagreement(one, other, names=NAMES, second_names=("CAR", "Truck"))
    assert said is not None
    assert said.why == (
        "the second model calls a car a Truck (0.80); the second model alone sees a CAR (0.70); "
        "the second model sees no truck (0.60)"
    )
    assert [box.origin for box in said.boxes] == ["second model", "second model", "model"]


def test_classes_that_one_model_does_not_know_are_not_compared() -> None:
    one, other = found((1, 0.9, 0, 0)), found((0, 0.9, 200, 200))
    assert common_classes(NAMES, ("cat", "car")) == {0: 1}
    assert disagreement(one, other, names=NAMES, second_names=("cat", "car")) is None


def test_hardness_grows_with_each_reason_and_stays_below_one() -> None:
    several = [Finding("uncertain", 0.5, "a"), Finding("flicker", 0.5, "b"), Finding("disagreement", 1.0, "c")]
    values = [hardness(several[:count]) for count in range(4)]
    assert values[0] == 0
    assert values == sorted(set(values))
    assert values[-1] < 1
    assert [one.kind for one in strongest(several)] == ["disagreement", "flicker", "uncertain"]
    assert hardness([several[0]] * 5) == pytest.approx(hardness(several[:1]))


def test_boxes_of_all_findings_of_a_kind_are_kept_once() -> None:
    first, second = (ProposedBox("car", score, (0.0, 0.0, 9.0, 9.0)) for score in (0.2, 0.3))
    [one] = strongest([Finding("flicker", 0.2, "x", (first,)), Finding("flicker", 0.6, "y", (second, first))])
    assert (one.why, one.boxes) == ("y", (second, first))


def test_a_crowd_counts_hardly_more_than_its_hardest_members() -> None:
    assert joined([]) == 0
    assert joined([0.4]) == pytest.approx(0.4)
    assert joined([0.4] * 3) == pytest.approx(joined([0.4] * 300))
    assert joined([0.4] * 300) < 0.6


def test_novelty_falls_once_the_like_was_kept() -> None:
    kept = Coverage(scale=LAYOUT_SCALE)
    first, other = layout(noise(1)), layout(noise(2))
    assert kept.novelty(first) is None
    kept.add(first)
    again = kept.novelty(layout(np.clip(noise(1).astype(int) + 6, 0, 255).astype(np.uint8)))
    far = kept.novelty(other)
    assert again is not None and far is not None
    assert again < 0.1 < 0.5 < far
    kept.add(other)
    assert kept.novelty(other) == pytest.approx(0, abs=1e-5)


def test_a_picture_without_any_edge_has_a_layout() -> None:
    assert np.isfinite(layout(np.zeros((5, 7, 3), np.uint8))).all()


def test_the_same_scene_with_another_object_is_no_near_duplicate() -> None:
    scene = Look.of(noise(1))
    known = KnownLooks()
    assert not known.is_near(Looks(scene))
    known.add(Looks(scene, (Look.of(noise(2)),)))
    assert known.is_near(Looks(scene))
    assert known.is_near(Looks(scene, (Look.of(noise(2)),)))
    assert not known.is_near(Looks(scene, (Look.of(noise(3)),)))
    assert not known.is_near(Looks(scene, (Look.of(noise(2)), Look.of(noise(3)))))
    assert not known.is_near(Looks(Look.of(noise(9)), (Look.of(noise(2)),)))
