"""Every task goes through conversion and gate with weights that have learned nothing, on real photographs."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from exporters.base import ExportOptions
from exporters.export import Exporter, Request
from exporters.parity.gate import Gate
from exporters.pictures import pictures_in
from exporters.targets.registry import TARGETS
from streamvision.core.errors import ExportError
from support.random_sources import random_source, tiny_random_source

pytestmark = [pytest.mark.slow, pytest.mark.reference]


@pytest.mark.parametrize(
    ("task", "pixel_format"),
    [
        ("segment", None),
        ("segment", "yuv420p"),
        ("pose", "bgr24"),
        ("yolov8n-obb.yaml", None),
        ("yolov8n-cls.yaml", None),
        ("yolov8n-rtdetr.yaml", None),
    ],
)
def test_its_export_is_proven(task, pixel_format, data_dir, tmp_path):
    pictures = pictures_in(data_dir / "coco_val" / "images", count=3)
    random = random_source if task.endswith(".yaml") else tiny_random_source
    source = random(task, (160, 160))
    gate = Gate(source, pictures, untrained=True)
    exporter = Exporter(source, gate, pictures, tmp_path / "out")
    options = ExportOptions(size_px=(160, 160), pixel_format=pixel_format)
    (artefact,) = exporter.run([Request(TARGETS.get("onnx"), options)])
    assert artefact.error is None
    if "cls" not in task:
        decoded = next(stage for stage in artefact.to_json()["parity"]["stages"] if stage["name"] == "decoded")
        assert decoded["figures"]["source_objects"]["value"] >= 20


@pytest.mark.parametrize(("format", "words"), [("tflite", "TFLite"), ("coreml", "Core ML")])
def test_what_a_format_cannot_follow_is_refused_at_once(format, words, tmp_path):
    source = random_source("ssdlite320_mobilenet_v3_large")
    with pytest.raises(
        ExportError, match=f"in a loop over what they find, which {words} has no operations for; export"
    ):
        TARGETS.get(format).create().export(source, ExportOptions(), tmp_path)
    assert not list(tmp_path.iterdir())
