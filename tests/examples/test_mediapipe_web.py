"""MediaPipe's own web task runs the file that is made for it, and finds what the runtime finds."""

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

pytestmark = [pytest.mark.browser, pytest.mark.reference, pytest.mark.slow]
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


def test_mediapipe_finds_what_the_runtime_finds(mediapipe_file: Path, address: str, page: Any) -> None:
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
