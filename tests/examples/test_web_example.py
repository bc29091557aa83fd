"""The web example in a real Chromium: its boxes are the runtime's."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model
from support.bundles import TASKS, bundled
from support.constant_tasks import constant_task, write_constant
from support.detection_sets import Agreement, Rows

pytestmark = pytest.mark.browser
MODELS = {"onnx": "yolox_nano.onnx", "tflite": "yolov8n_coco_dynamic_int8.tflite"}
RUNTIMES = {"onnx": "onnxruntime-web", "tflite": "LiteRT.js"}


@pytest.fixture(scope="module")
def real_bundles(site: Path, data_dir: Path) -> Path:
    for kind, model in MODELS.items():
        bundled(data_dir / "models" / model, site / f"bundle-{kind}")
    return site


@pytest.fixture
def unisolated(site: Path) -> Iterator[str]:
    """The address of a server without the headers for cross-origin isolation."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def status(page: Any, address: str) -> str:
    page.goto(address)
    page.wait_for_selector("#status[data-state]")
    return str(page.text_content("#status"))


def objects(page: Any, picture: Path, names: tuple[str, ...]) -> Rows:
    """Give the page a picture and return what it found."""
    page.evaluate("document.getElementById('time').textContent = ''")
    page.set_input_files("#picture", picture)
    page.wait_for_function("document.getElementById('time').textContent !== ''")
    found = page.eval_on_selector_all(
        "#objects li", "all => all.map(one => [...JSON.parse(one.dataset.box), +one.dataset.score, one.dataset.class])"
    )
    return np.array([[*row[:5], names.index(row[5])] for row in found], np.float64).reshape(-1, 6)


@pytest.mark.parametrize("kind", MODELS)
def test_a_real_model_gives_the_runtimes_boxes(
    kind: str, real_bundles: Path, address: str, page: Any, data_dir: Path
) -> None:
    assert status(page, f"{address}?bundle=bundle-{kind}") == "The golden vectors agree."
    assert RUNTIMES[kind] in page.text_content("#model")
    assert "threads" in page.text_content("#model")
    assert page.evaluate("crossOriginIsolated")

    agreement = Agreement(score_threshold=0.25, score_slack=0.15 if kind == "tflite" else 0.05)
    with Model.open(ModelConfig(path=data_dir / "models" / MODELS[kind])) as detector:
        for picture in sorted((data_dir / "coco_val" / "images").iterdir())[:4]:
            found = detector.detect([BgrPicture(cv2.imread(str(picture)))])[0]
            ours = np.column_stack([found.box_xyxy_px, found.score, found.class_id]).astype(np.float64)
            agreement.add(picture.name, objects(page, picture, detector.names), ours)
    assert agreement.pairs >= 10
    # The browser resizes in its own way, and the int8 network rounds at run time.
    assert agreement.mean_iou > 0.95, agreement
    assert not agreement.unmatched, agreement.unmatched


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("segment", "objects in"),
        ("pose", "objects in"),
        ("obb", "objects in"),
        ("classify_crop", "blue in"),
        ("semantic", "4 classes in"),
        ("semantic_numbers", "4 classes in"),
    ],
)
def test_every_task_is_decoded_and_drawn(name: str, shown: str, site: Path, address: str, page: Any) -> None:
    head, special = TASKS[name]
    bundle = bundled(write_constant(site / f"{name}.onnx", *constant_task(head, **special)), site / f"bundle-{name}")
    assert status(page, f"{address}?bundle={bundle.name}") == "The golden vectors agree."
    page.set_input_files("#picture", bundle / "golden" / "picture.png")
    page.wait_for_function("document.getElementById('time').textContent !== ''")
    assert shown in page.text_content("#time")
    assert page.locator("#objects li").count() >= 3
    coded = page.evaluate("document.getElementById('stage').toDataURL('image/png')").partition(",")[2]
    drawn = cv2.imdecode(np.frombuffer(base64.b64decode(coded), np.uint8), cv2.IMREAD_COLOR)
    plain = cv2.imread(str(bundle / "golden" / "picture.png"))
    different = np.abs(drawn.astype(int) - plain).max(axis=2) > 60
    least = {"classify_crop": 0, "pose": 0.02, "obb": 0.02}.get(name, 0.2)
    assert different.mean() >= least


def test_films_and_cameras_play(site: Path, address: str, page: Any, data_dir: Path) -> None:
    assert status(page, address) == "The golden vectors agree."
    page.set_input_files("#film", data_dir / "videos" / "car-detection.mp4")
    page.wait_for_function("document.getElementById('time').textContent.includes('objects')")
    assert page.evaluate("document.getElementById('stage').width") == 768
    page.click("#stop")
    page.evaluate("document.getElementById('time').textContent = ''")
    page.click("#webcam")
    page.wait_for_function("document.getElementById('time').textContent.includes('objects')")
    assert page.evaluate("document.getElementById('stage').width") == 1280
    assert page.get_attribute("#status", "data-state") == "right"


@pytest.mark.parametrize("kind", MODELS)
def test_without_isolation_there_is_one_thread(kind: str, real_bundles: Path, unisolated: str, page: Any) -> None:
    assert status(page, f"{unisolated}?bundle=bundle-{kind}") == "The golden vectors agree."
    assert not page.evaluate("crossOriginIsolated")
    assert "1 threads" in page.text_content("#model")


def test_what_is_wrong_is_said(site: Path, address: str, page: Any) -> None:
    assert "npm run bundle" in status(page, f"{address}?bundle=nowhere")
    assert page.is_disabled("#picture")
    assert "accelerator=wasm" in status(page, f"{address}?accelerator=webgpu")

    spoiled = shutil.copytree(site / "bundle", site / "bundle-spoiled", dirs_exist_ok=True)
    card = json.loads((spoiled / "card.json").read_text())
    card["input"]["color"] = "bgr"
    (spoiled / "card.json").write_text(json.dumps(card))
    assert "The golden vectors differ: the input tensor is off" in status(page, f"{address}?bundle=bundle-spoiled")
