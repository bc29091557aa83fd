"""MediaPipe's own tasks, in Python and in a browser, run the file made for them and find what the runtime finds."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from exporters.base import ExportOptions
from exporters.bundle.golden import drawn_picture
from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model
from support.npm_packages import npm_modules
from support.tiny_source import TinySource

pytestmark = [pytest.mark.reference, pytest.mark.slow]
SCORE = 0.25
_PAGE = """<!doctype html><script type="module">
import { FilesetResolver, ObjectDetector } from "./node_modules/@mediapipe/tasks-vision/vision_bundle.mjs";
window.find = async (score) => {
  const files = await FilesetResolver.forVisionTasks("node_modules/@mediapipe/tasks-vision/wasm");
  const detector = await ObjectDetector.createFromOptions(files, {
    baseOptions: { modelAssetPath: "model.tflite", delegate: "CPU" }, scoreThreshold: score, runningMode: "IMAGE",
  });
  const picture = new Image();
  picture.src = "picture.png";
  await picture.decode();
  const { detections } = detector.detect(picture);
  return detections.map(({ boundingBox: box, categories: [best] }) =>
    [box.originX, box.originY, box.originX + box.width, box.originY + box.height, best.score, best.categoryName]);
};
window.ready = true;
</script>"""


@pytest.fixture(scope="module")
def mediapipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("litert_torch", reason="TFLite files are made with the extra export")
    from exporters.targets.tflite import TfliteTarget

    folder = tmp_path_factory.mktemp("mediapipe")
    return TfliteTarget().export(TinySource(), ExportOptions(mediapipe=True), folder).path


@pytest.fixture
def address(mediapipe_file: Path, project_root: Path, reference_dir: Path, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "node_modules").symlink_to(npm_modules(project_root / "tests/support/npm_tools", reference_dir))
    (tmp_path / "model.tflite").symlink_to(mediapipe_file)
    (tmp_path / "index.html").write_text(_PAGE)
    cv2.imwrite(str(tmp_path / "picture.png"), drawn_picture())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_its_python_task_finds_what_the_runtime_finds(mediapipe_file: Path, data_dir: Path) -> None:
    pytest.importorskip("mediapipe")
    pictures = [cv2.imread(str(path)) for path in sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:6]]
    with Model.open(ModelConfig(path=mediapipe_file, score=SCORE)) as detector:
        found = [detector.detect([BgrPicture(bgr)])[0] for bgr in pictures]
        theirs = _found_by_mediapipe(mediapipe_file, pictures, detector.names)
    # MediaPipe gives whole pixels, cut off, so boxes may differ by two; scores differ by arithmetic alone.
    compared = 0
    for one, reference in zip(found, theirs, strict=True):
        assert len(one) == len(reference)
        np.testing.assert_allclose(one.score, reference[:, 4], atol=1e-4)
        np.testing.assert_array_equal(one.class_id, reference[:, 5])
        np.testing.assert_allclose(one.box_xyxy_px, reference[:, :4], atol=2.01)
        compared += len(one)
    assert compared >= 10


def _found_by_mediapipe(path: Path, pictures: list[np.ndarray], names: tuple[str, ...]) -> list[np.ndarray]:
    """Return the rows that MediaPipe's detector gives for each picture, the best score first."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    from exporters.targets.tflite import MEDIAPIPE_ROWS

    options = vision.ObjectDetectorOptions(
        base_options=BaseOptions(model_asset_path=str(path)), score_threshold=SCORE, max_results=MEDIAPIPE_ROWS
    )
    found = []
    with vision.ObjectDetector.create_from_options(options) as detector:
        for bgr in pictures:
            rgb = np.ascontiguousarray(bgr[..., ::-1])
            result = detector.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb))
            rows = [_row(detection, names) for detection in result.detections]
            found.append(np.array(sorted(rows, key=lambda row: -row[4]), np.float64).reshape(-1, 6))
    return found


def _row(detection: Any, names: tuple[str, ...]) -> list[float]:
    box, (category,) = detection.bounding_box, detection.categories
    right, bottom = box.origin_x + box.width, box.origin_y + box.height
    return [box.origin_x, box.origin_y, right, bottom, category.score, names.index(category.category_name)]


@pytest.mark.browser
def test_its_web_task_finds_what_the_runtime_finds(mediapipe_file: Path, address: str, page: Any) -> None:
    page.goto(address)
    page.wait_for_function("window.ready")
    with Model.open(ModelConfig(path=mediapipe_file, score=SCORE)) as detector:
        found = detector.detect([BgrPicture(drawn_picture())])[0]
        names = detector.names
    theirs = np.array([[*row[:5], names.index(row[5])] for row in page.evaluate("find(0.25)")], np.float64)
    ours = np.column_stack([found.box_xyxy_px, found.score, found.class_id]).astype(np.float64)
    assert len(theirs) == len(ours) >= 2
    theirs, ours = theirs[np.argsort(-theirs[:, 4])], ours[np.argsort(-ours[:, 4])]
    np.testing.assert_array_equal(theirs[:, 5], ours[:, 5])
    np.testing.assert_allclose(theirs[:, 4], ours[:, 4], atol=1e-3)
    height, width = drawn_picture().shape[:2]
    inside = theirs[:, :4].clip(0, [width, height, width, height])
    assert np.abs(inside - ours[:, :4]).max() <= 1.5  # MediaPipe rounds corner and size to whole pixels
