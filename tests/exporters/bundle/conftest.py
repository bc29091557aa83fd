"""Bundles of real models and of every layout, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.bundle import make_bundle
from support.bundles import ANSWERS, LAYOUTS, TASKS, bundled
from support.constant_answers import constant_answer
from support.constant_network import constant_network
from support.constant_tasks import constant_task


@pytest.fixture(scope="session")
def road_signs(project_root: Path) -> Path:
    return project_root / "streamvision" / "models" / "road_signs.onnx"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, road_signs: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of bundles: one of each layout, the shipped model, and real models where they are."""
    folder = tmp_path_factory.mktemp("bundles")
    bundled(road_signs, folder / "road_signs")
    artefact = folder / "constant.bin"
    artefact.write_bytes(b"a network that always answers the same")
    for name, (layout, input_card) in LAYOUTS.items():
        backend, card = constant_network(layout, **input_card)
        make_bundle(artefact, folder / name, backend=backend, card=card)
    for name, (head, special) in TASKS.items():
        backend, card = constant_task(head, **special)
        make_bundle(artefact, folder / name, backend=backend, card=card)
    for name, (head, special) in ANSWERS.items():
        backend, card = constant_answer(head, **special)
        make_bundle(artefact, folder / name, backend=backend, card=card)
    try:
        data_dir: Path = request.getfixturevalue("data_dir")
    except pytest.skip.Exception:
        return folder
    bundled(data_dir / "models" / "yolov8n_coco_dynamic_int8.tflite", folder / "yolov8n_tflite")
    bundled(data_dir / "models" / "yolox_nano.onnx", folder / "yolox")
    return folder
