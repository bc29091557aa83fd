"""The reports of classifiers and of models for scenes: what they show is what was measured."""

import cv2
import numpy as np
import pytest
from PIL import Image

from streamvision.evaluation.report.parts import confusion_of
from streamvision.evaluation.scores import calibrated, score_bins
from streamvision.inference.model_card import InputCard, ModelCard
from support.answering_network import colour_network
from support.command_line import called
from support.report_page import opened_report
from support.tiny_classifier import tiny_classifier

BGR = {"red": (40, 40, 220), "green": (40, 200, 40), "blue": (220, 60, 40)}
COLOURS = [(0, 0, 0), (255, 0, 0), (0, 0, 255)]


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Red, green and blue pictures, of which one red and one blue lie among the green."""
    folder = tmp_path_factory.mktemp("<i>colours")
    random = np.random.default_rng(0)

    def draw(path, name):
        noise = random.integers(-25, 25, (40, 40, 3))
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.clip(np.array(BGR[name]) + noise, 0, 255).astype(np.uint8))

    for part, count in (("train", 4), ("val", 9)):
        for name in BGR:
            for number in range(count):
                draw(folder / part / name / f"{number}.png", name)
    draw(folder / "val" / "green" / "a.png", "red")
    draw(folder / "val" / "green" / "b.png", "blue")
    target = folder / "report.html"
    model = tiny_classifier(folder / "colours.onnx")
    done = called("eval", "classify", model, "--data", folder, "--threads", "1", "--report", target, "--json")
    assert done.code == 0, done.stderr
    return target, done.report


def test_the_figures_of_a_classifier(colours):
    _, report = colours
    assert report["images"] == 29
    assert report["top1"] == pytest.approx(27 / 29)
    assert report["confusion"]["names"] == ["blue", "green", "red", None]
    assert report["confusion"]["marked_by_said"] == [[9, 0, 0, 0], [1, 9, 1, 0], [0, 0, 9, 0]]
    assert report["calibration"]["pictures"] == 29
    # All its scores are above 0.9 and in one bin, so that both figures are the same distance.
    assert report["calibration"]["overconfidence"] == pytest.approx(report["calibration"]["expected_error"], abs=1e-6)


@pytest.mark.browser
def test_the_page_of_a_classifier(colours):
    target, report = colours
    with opened_report(target) as page:
        assert page.locator("#top1").inner_text() == f"{report['top1']:.3f}"
        assert page.locator("#ece").inner_text() == f"{report['calibration']['expected_error']:.3f}"
        assert page.locator("#classes tbody tr").count() == 3
        cells = page.locator("#confusions .matrix tbody tr").nth(1).locator("td")
        assert [cells.nth(column).inner_text() for column in range(3)] == ["1", "9", "1"]
        captions = page.locator("#pictures figcaption").all_inner_texts()
        assert len(captions) == 2
        assert any("green taken for red" in one for one in captions)
        assert page.locator('.maps [data-map="tsne"] .dot').count() == 29
        odd = " ".join(page.locator("#map .crops li").all_inner_texts())
        assert "a.png" in odd
        assert "b.png" in odd
        first = page.locator("#alike .row").first.locator("figcaption").all_inner_texts()
        assert "taken for" in first[0]
        assert first[1].split()[0] in first[0].split("taken for")[1], "what looks alike has the class that was said"
        page.locator("#pictures figure").first.click()
        assert page.locator("#large").is_visible()


def test_classes_that_only_the_model_has_are_counted_beside(tmp_path):
    for name, colour in (("red", "red"), ("green", "blue")):
        (tmp_path / "data" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / name / "a.png"), np.full((32, 32, 3), BGR[colour], np.uint8))
    target = tmp_path / "report.html"
    done = called(
        *("eval", "classify", tiny_classifier(tmp_path / "c.onnx"), "--data", tmp_path / "data"),
        *("--report", target, "--json"),
    )
    assert done.code == 0, done.stderr
    assert done.report["confusion"]["marked_by_said"] == [[0, 0, 1], [0, 1, 0]]
    text = target.read_text(encoding="utf-8")
    assert "another class" in text
    assert "There are too few pictures for a map." in text


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Pictures of a road below a sky with a plate; one picture's plate is painted as sky, another map has holes."""
    folder = tmp_path_factory.mktemp("scenes")
    for part, count in (("train", 3), ("val", 4)):
        for name in ("images", "masks"):
            (folder / name / part).mkdir(parents=True)
        for number in range(count):
            marked = np.zeros((64, 64), np.uint8)
            marked[:32] = 2
            marked[8 + number : 24, 16:40] = 1
            seen = marked.copy()
            if part == "val" and number == 0:
                seen[marked == 1] = 2
            if number == 1:
                marked[60:] = 255
            rgb = np.array(COLOURS, np.uint8)[seen]
            cv2.imwrite(str(folder / "images" / part / f"{number}.png"), rgb[..., ::-1])
            Image.fromarray(marked).save(folder / "masks" / part / f"{number}.png")
    (folder / "classes.txt").write_text("road\nplate\nsky\n")
    card = ModelCard(
        task="semantic",
        head="semantic",
        names=("road", "plate", "sky"),
        input=InputCard(width_px=64, height_px=64, resize="stretch"),
    )
    model = colour_network(folder / "scenes.onnx", card, COLOURS)
    target = folder / "report.html"
    done = called("eval", "semantic", model, "--data", folder, "--threads", "1", "--report", target, "--json")
    assert done.code == 0, done.stderr
    return target, done.report


def test_the_figures_of_scenes(scenes):
    _, report = scenes
    known = 4 * 64 * 64 - 4 * 64
    wrong = 16 * 24
    assert report["pixel_accuracy"] == pytest.approx(1 - wrong / known, abs=1e-6)
    calibration = report["calibration"]
    assert calibration["pixels"] == known
    # Logits of the colour: of a black pixel 0, -1, -1, of a red one 0, 1, -1.
    sure = {"road": 1 / (1 + 2 * np.exp(-1)), "other": 1 / (1 + np.exp(-1) + np.exp(-2))}
    road = 4 * 32 * 64 - 4 * 64
    mean = (road * sure["road"] + (known - road) * sure["other"]) / known
    assert calibration["overconfidence"] == pytest.approx(mean - report["pixel_accuracy"], abs=1e-4)


@pytest.mark.browser
def test_the_page_of_scenes(scenes):
    target, report = scenes
    with opened_report(target) as page:
        assert page.locator("#mean_iou").inner_text() == f"{report['mean_iou']:.3f}"
        assert page.locator("#ece").inner_text() == f"{report['calibration']['expected_error']:.3f}"
        (caption,) = page.locator("#pictures figcaption").all_inner_texts()
        assert "9.4% wrong, most of it plate taken for sky" in caption
        assert page.locator('.maps [data-map="tsne"] .dot').count() == 12
        assert "plate: 0% of its pixels right" in page.locator("#alike .row").first.inner_text()


def test_a_model_without_probabilities_has_no_calibration():
    empty = calibrated(score_bins(np.empty(0), np.empty(0, bool)))
    assert (empty.count, empty.expected_error) == (0, None)


def test_bins_of_several_pictures_add_up():
    score = np.array([0.05, 0.15, 0.95, 1.0, 0.55])
    hit = np.array([False, True, True, True, False])
    whole = score_bins(score, hit)
    assert score_bins(score[:2], hit[:2]) + score_bins(score[2:], hit[2:]) == pytest.approx(whole)
    found = calibrated(whole)
    assert found.count == 5
    assert found.expected_error == pytest.approx((0.05 + 0.85 + 0.05 + 0.55) / 5)
    assert found.largest_error == pytest.approx(0.85)


def test_mix_ups_are_sorted_and_what_is_beyond_the_classes_is_none():
    counts = np.array([[5, 1, 0, 9], [3, 4, 0, 0], [0, 2, 8, 0]])
    found = confusion_of(counts, ("a", "b", "c"), "another", keep_other=False)
    assert found["mixed"] == [(3, "b", "a"), (2, "c", "b"), (1, "a", "b")]
    assert found["names"] == ["a", "b", "c", "another"]
    assert [row["name"] for row in found["matrix"]] == ["a", "b", "c"]
    assert found["matrix"][0]["cells"][3]["count"] == 9
