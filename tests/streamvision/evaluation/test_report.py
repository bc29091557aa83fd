"""The report: one file that opens without network and shows what was measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.chromium import CHROMIUM
from support.command_line import called
from support.labelled import coco_subset

MODEL = "models/yolox_nano.onnx"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_WITHOUT_TORCH = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "ultralytics"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent())
from streamvision.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def report(data_dir, tmp_path_factory):
    """The page of a model on twelve pictures that lie in two parts, and its figures."""
    folder = coco_subset(data_dir, tmp_path_factory.mktemp("<b>&'coco"), count=18)
    names = sorted(path.name for path in (folder / "images").iterdir())
    for part, some in (("train", names[:6]), ("val", names[6:])):
        (folder / f"{part}.txt").write_text("".join(f"./images/{name}\n" for name in some))
    classes = json.dumps([str(number) for number in range(80)])
    (folder / "data.yaml").write_text(f"path: .\ntrain: train.txt\nval: val.txt\nnames: {classes}\n")
    target = folder / "report.html"
    done = called(
        *("eval", "detect", data_dir / MODEL, "--data", folder, "--report", target, "--threads", "1", "--json")
    )
    assert done.code == 0, done.stderr
    return target, done.report


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser, report):
    fresh = browser.new_page(viewport={"width": 1280, "height": 900})
    wrong, asked = [], []
    fresh.on("pageerror", lambda error: wrong.append(str(error)))
    fresh.on("console", lambda message: wrong.append(message.text))
    fresh.on("request", lambda request: asked.append(request.url))
    fresh.goto(report[0].as_uri())
    yield fresh
    fresh.close()
    assert not wrong
    assert [url[:5] for url in asked if not url.startswith("data:")] == ["file:"], "nothing but the file itself"


@pytest.mark.browser
def test_it_shows_the_figures_that_it_claims(page, report):
    _, figures = report
    assert page.locator("#map50_95").inner_text() == f"{figures['map50_95']:.3f}"
    assert page.locator("#map50").inner_text() == f"{figures['map50']:.3f}"
    assert page.locator("#images").inner_text() == "12"
    assert page.locator("#ece").inner_text() == f"{figures['calibration']['expected_error']:.3f}"
    rows = page.locator("#classes tbody tr")
    assert rows.count() == len(figures["per_class"])
    person = page.locator('#classes tr[data-class="person"] td').nth(1)
    assert person.inner_text() == f"{figures['per_class']['person']['map50_95']:.3f}"
    for kind, error in figures["errors"].items():
        cells = page.locator(f'#errors tr[data-kind="{kind}"] td.number')
        assert cells.nth(0).inner_text() == f"{100 * error['map50_cost']:.1f}"
        assert cells.nth(1).inner_text() == str(error["count"])


@pytest.mark.browser
def test_every_picture_in_it_is_there(page):
    page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_function("[...document.querySelectorAll('main img')].every((image) => image.complete)")
    widths = page.evaluate("[...document.querySelectorAll('main img')].map((image) => image.naturalWidth)")
    assert len(widths) > 10
    assert min(widths) > 0
    assert page.locator("#pictures .mark rect").count() > 20
    assert page.locator("#alike figure").count() > 6, "the data set has a train part to look in"


@pytest.mark.browser
def test_it_can_be_worked_with(page, report):
    _, figures = report
    root = page.locator("html")
    before = root.get_attribute("data-theme")
    page.locator("#theme").click()
    assert root.get_attribute("data-theme") != before
    page.locator("#classes th", has_text="mAP50-95").click()
    best = max(one["map50_95"] for one in figures["per_class"].values())
    assert page.locator("#classes tbody tr td").nth(1).inner_text() == f"{best:.3f}"
    page.locator('[role="tab"]', has_text="PCA").click()
    assert page.locator('.maps [data-map="pca"]').is_visible()
    page.locator('.maps [data-map="pca"] .dot').first.hover()
    assert page.locator("#tip img").get_attribute("src").startswith("data:image/jpeg")
    page.locator("#pictures figure").first.click()
    assert page.locator("#large").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#large").is_visible()


@pytest.mark.browser
def test_a_phone_shows_it_without_sideways_scrolling(page):
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_names_cannot_break_the_page(report):
    text = report[0].read_text(encoding="utf-8")
    assert "&lt;b&gt;" in text
    assert "<b>&'" not in text


def test_it_needs_no_torch(data_dir, tmp_path):
    folder = coco_subset(data_dir, tmp_path / "coco", count=3)
    done = without_torch(data_dir / MODEL, folder, tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    assert "this model gives no features" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_checkpoint_without_torch_is_one_sentence(data_dir, tmp_path):
    folder = coco_subset(data_dir, tmp_path / "coco", count=1)
    done = without_torch(data_dir / "models/yolov8n_coco.pt", folder, tmp_path / "report.html")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "streamvision: checkpoints and training need torch: pip install 'streamvision-edge[train]'"
    )


def test_a_report_that_cannot_be_written_is_one_sentence(data_dir, tmp_path):
    folder = coco_subset(data_dir, tmp_path / "coco", count=1)
    done = called("eval", "detect", data_dir / MODEL, "--data", folder, "--report", tmp_path / "no" / "report.html")
    assert done.code == 1
    assert "cannot write the report" in done.sentence()


def without_torch(model: Path, folder: Path, target: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["eval", "detect", str(model), "--data", str(folder), "--report", str(target)]
    command = [sys.executable, "-c", _WITHOUT_TORCH, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
