"""The reports of answers, sentences, pictures, objects in space and drives show what was measured, and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.page_charts import Plotted
from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.drive_cuboids import write_drive_cuboids
from streamvision.evaluation.report.measured import MAX_POINTS, banded, drawn
from streamvision.evaluation.report.parts import MAX_PICTURES
from streamvision.inference.model_card import NumberCard
from support.answer_pictures import draw_answers
from support.command_line import called
from support.constant_answers import constant_answer
from support.constant_captioner import constant_captioner
from support.constant_driver import constant_driver
from support.constant_tasks import write_constant
from support.hues import HUES
from support.report_page import opened_report

HOSTILE = "<img src=x onerror=alert(1)>.png"
SPOILT = "</script><script>alert(2)</script>"


def answers(folder: Path) -> tuple[Any, ...]:
    table = draw_answers(folder / "answers", count=150, seed=1)
    shutil.move(table.parent / "149.png", table.parent / HOSTILE)
    table.write_text(table.read_text(encoding="utf-8").replace("149.png", HOSTILE), encoding="utf-8")
    numbers = (NumberCard(name="side", unit="px"),)
    model = constant_answer("several", names=tuple(sorted(HUES)), numbers=numbers, width_px=32, height_px=32)
    return "answers", write_constant(folder / "a.onnx", *model), "--data", table


def caption(folder: Path) -> tuple[Any, ...]:
    (folder / "caption").mkdir()
    rows = ["filename,caption"]
    for number in range(40):
        name = HOSTILE if number == 7 else f"{number}.png"
        cv2.imwrite(str(folder / "caption" / name), np.full((40, 60, 3), 6 * number, np.uint8))
        rows.append(f"{name},{SPOILT if number == 7 else f'at dusk a sign of {number}'}")
    (folder / "caption" / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    model = constant_captioner(folder / "c.onnx", ["at", "dusk", "a", "<b>sign</b>"])
    return "caption", model, "--data", folder / "caption"


def drive_caption(folder: Path) -> tuple[Any, ...]:
    (folder / "drive").mkdir()
    rows = ["filename,caption"]
    for number, said in enumerate(["at dusk, an empty road", "by day, a car in our lane close by"]):
        cv2.imwrite(str(folder / "drive" / f"{number}.png"), np.full((40, 60, 3), 99, np.uint8))
        rows.append(f'{number}.png,"{said}"')
    (folder / "drive" / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    words = ["at", "dusk", ",", "a", "van", "in", "our", "lane", "close", "by"]
    return "caption", constant_captioner(folder / "d.onnx", words), "--data", folder / "drive"


def image(folder: Path) -> tuple[Any, ...]:
    (folder / "photos").mkdir()
    for number in range(30):
        bgr = cv2.resize(np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8), (96, 64))
        cv2.imwrite(str(folder / "photos" / (HOSTILE if number == 3 else f"{number}.png")), bgr)
    model = write_constant(folder / "i.onnx", *constant_answer("image", resize="stretch"))
    return "image", model, "--data", folder / "photos", "--noise", "20"


def cuboid(folder: Path) -> tuple[Any, ...]:
    write_drive_cuboids(folder / "vehicles", DriveSampling(8, seed=4, width_px=320, height_px=180))
    model = write_constant(folder / "b.onnx", *constant_answer("cuboid", width_px=32, height_px=32))
    return "cuboid", model, "--data", folder / "vehicles", "--camera-height-m", "1.4"


def drive(folder: Path) -> tuple[Any, ...]:
    model = constant_driver(folder / "<i>left.onnx", steering=-0.5, speed=5.0)
    return "drive", model, "--roads", "2", "--seconds", "6", "--size", "96x64"


PAGES: dict[str, tuple[Callable[[Path], tuple[Any, ...]], tuple[str, ...], int]] = {
    "answers": (answers, ("answers", "class", "number-0", "method"), MAX_PICTURES),
    "caption": (caption, ("said", "pictures", "method"), MAX_PICTURES),
    "drive_caption": (drive_caption, ("facts", "invented", "missed", "said", "pictures", "method"), 2),
    "image": (image, ("gain", "pictures", "figures", "method"), MAX_PICTURES),
    "cuboid": (cuboid, ("figures", "precision", "range", "classes", "pictures", "method"), MAX_PICTURES),
    "drive": (drive, ("drives", "road-1000", "road-1001", "pictures", "method"), 4),
}
"""By page, what is measured, its sections, and the most pictures on it."""


@pytest.fixture(scope="module", params=[*PAGES])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("<b>data")
    task, *arguments = PAGES[request.param][0](folder)
    done = called("eval", task, *map(str, arguments), "--report", folder / "report.html", "--json")
    assert done.code == 0, done.stderr
    return request.param, folder / "report.html", done.report


def test_a_page_has_its_parts_and_no_more_pictures_than_it_may(page: tuple[str, Path, dict[str, Any]]) -> None:
    name, path, _ = page
    text = path.read_text(encoding="utf-8")
    assert tuple(re.findall(r'<section id="([^"]+)"', text)) == PAGES[name][1]
    pictures = len(re.findall("<figure", text))
    assert 0 < pictures <= PAGES[name][2]
    assert len(text) < 60_000 + 150_000 * pictures
    assert "alert(" not in text or "onerror=alert(1)&gt;" in text or "alert(2)&lt;" in text
    for raw in ("<img src=x", SPOILT, "<b>sign", "<b>data", "<i>left"):
        assert raw not in text


@pytest.mark.browser
def test_a_page_opens_and_shows_what_was_measured(page: tuple[str, Path, dict[str, Any]]) -> None:
    name, path, report = page
    main = {
        "answers": lambda: f"{report['skill']:.3f}",
        "caption": lambda: f"{report['bleu4']:.3f}",
        "drive_caption": lambda: f"{report['bleu4']:.3f}",
        "image": lambda: f"{report['psnr_db']:.2f} dB",
        "cuboid": lambda: f"{report['iou_3d']:.3f}",
        "drive": lambda: f"{report['drivers'][2]['in_lane_s']['mean']:.1f} s",
    }[name]()
    with opened_report(path) as opened:
        assert opened.locator(".card.main b").first.inner_text() == main
        assert opened.locator("section h2").count() >= len(PAGES[name][1])
        assert opened.evaluate(
            "[...document.querySelectorAll('.gallery img')].every((one) => !one.complete || one.naturalWidth > 0)"
        )
        opened.locator("#pictures figure, #class figure").first.click()
        assert opened.locator("#large").is_visible()


def test_bands_hold_as_many_each_and_large_charts_are_thinned_out() -> None:
    x = np.random.default_rng(0).uniform(0, 60, 83)
    bands = banded(x, 2 * x)
    assert sum(count for *_, count in bands) == 83
    assert max(count for *_, count in bands) - min(count for *_, count in bands) <= 1
    assert all(low <= mean / 2 <= high for low, high, mean, _ in bands)
    assert banded(np.empty(0), np.empty(0)) == []
    points = [(float(at), float(at)) for at in range(3 * MAX_POINTS)]
    chart = drawn([Plotted("objects", "c0", points)], x_title="m", y_title="m", title="t")
    assert chart.chart.count("<circle") == MAX_POINTS
    assert chart.legend == [("c0", f"objects ({MAX_POINTS} of {3 * MAX_POINTS}, chosen at random)")]
