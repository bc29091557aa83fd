"""What is in a bundle, and when there is none."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from exporters.bundle import make_bundle
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ExportError, SourceError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.model import Model
from streamvision.inference.model_card import ModelCard
from support.bundles import TASKS
from support.constant_network import ConstantNetwork, constant_network
from support.constant_tasks import constant_task


def tensor(bundle: Path, described: dict[str, object]) -> np.ndarray:
    return np.fromfile(bundle / str(described["file"]), described["dtype"]).reshape(described["shape"])


def test_the_golden_vectors_are_what_the_runtime_does(bundles: Path, road_signs: Path) -> None:
    bundle = bundles / "road_signs"
    golden = json.loads((bundle / "bundle.json").read_text())["golden"]
    bgr = cv2.imread(str(bundle / golden["picture"]["file"]))
    assert bgr.shape == (golden["picture"]["height_px"], golden["picture"]["width_px"], 3)

    config = ModelConfig(path=bundle / "model.onnx")
    with Model.open(config) as detector:
        outputs = detector.backend.run(tensor(bundle, golden["input"]))
        card = ModelCard.model_validate_json((bundle / "card.json").read_text())
        fixed = Model(detector.backend, card, config)
        objects = list(fixed.detect([BgrPicture(bgr)])[0].objects(card.names))
    np.testing.assert_array_equal(outputs[0], tensor(bundle, golden["outputs"][0]))
    assert len(objects) >= 3
    assert objects == json.loads((bundle / golden["detections"]).read_text())


def test_a_bundle_says_all_that_an_app_needs(bundles: Path, road_signs: Path) -> None:
    bundle = bundles / "road_signs"
    assert (bundle / "model.onnx").read_bytes() == road_signs.read_bytes()
    assert (bundle / "labels.txt").read_text().splitlines() == ["crosswalk", "speedlimit", "stop", "trafficlight"]
    readme = (bundle / "README.md").read_text()
    card = json.loads((bundle / "card.json").read_text())["input"]
    size = card["width_px"], card["height_px"]
    cells = sum(size[0] // stride_px * (size[1] // stride_px) for stride_px in (8, 16, 32))
    shape = f"`[1, 8, {cells}]`"
    for fact in ("{} x {}".format(*size), "AGPL-3.0", "grey 114", "Divide the levels by 255.", shape, "0.25", "0.6"):
        assert fact in readme
    assert (card["dynamic_size"], card["dynamic_batch"], card["batch"]) == (False, False, 1)
    assert {f.name for f in bundle.iterdir() if f.is_dir()} == {"android", "golden", "ios", "web"}


def test_the_zip_holds_the_same(bundles: Path) -> None:
    bundle = bundles / "road_signs"
    with zipfile.ZipFile(bundles / "road_signs.zip") as archive:
        packed = {name: archive.getinfo(name).file_size for name in archive.namelist() if not name.endswith("/")}
    files = [file for file in bundle.rglob("*") if file.is_file()]
    assert packed == {file.relative_to(bundles).as_posix(): file.stat().st_size for file in files}


def test_the_decoders_are_short_and_need_no_library(bundles: Path) -> None:
    bundle = bundles / "road_signs"
    sources = [source for folder in ("android", "ios", "web") for source in (bundle / folder).iterdir()]
    assert len(sources) == 20
    for source in sources:
        lines = source.read_text().splitlines()
        assert len(lines) < 180
        assert all(len(line) <= 150 for line in lines)
        imports = [line for line in lines if line.startswith("import ") and not line.startswith("import java.")]
        own = ("import kotlin.", "import Foundation")
        assert all(line.startswith(own) or (line.startswith("import {") and ' from "./' in line) for line in imports)


def test_a_user_gives_another_picture(road_signs: Path, data_dir: Path, tmp_path: Path) -> None:
    photo = data_dir / "roadsigns" / "images" / "road100.png"
    photo = photo if photo.exists() else sorted((data_dir / "roadsigns" / "images").iterdir())[0]
    with Model.open(ModelConfig(path=road_signs)) as detector:
        made = make_bundle(road_signs, tmp_path / "bundle", backend=detector.backend, card=detector.card, picture=photo)
    golden = json.loads((made.folder / "bundle.json").read_text())["golden"]["picture"]
    height, width = cv2.imread(str(photo)).shape[:2]
    assert (golden["width_px"], golden["height_px"]) == (width, height)


def test_an_older_bundle_is_replaced_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    backend, card = constant_network("yolo_v8")
    artefact = tmp_path / "model.tflite"
    artefact.write_bytes(b"weights")
    make_bundle(artefact, tmp_path / "bundle", backend=backend, card=card)
    (tmp_path / "bundle" / "stale").touch()
    make_bundle(artefact, tmp_path / "bundle", backend=backend, card=card)
    assert not (tmp_path / "bundle" / "stale").exists()

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").touch()
    with pytest.raises(ExportError, match="something else"):
        make_bundle(artefact, tmp_path / "thesis", backend=backend, card=card)
    assert [file.name for file in (tmp_path / "thesis").iterdir()] == ["chapter1.txt"]


def test_openvino_brings_its_weights_and_packages_come_whole(tmp_path: Path) -> None:
    backend, card = constant_network("yolo_v8")
    (tmp_path / "net.xml").write_text("<net/>")
    (tmp_path / "net.bin").write_bytes(b"weights")
    made = make_bundle(tmp_path / "net.xml", tmp_path / "a", backend=backend, card=card).folder
    assert (made / "model.xml").exists() and (made / "model.bin").read_bytes() == b"weights"

    package = tmp_path / "net.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data" / "weight.bin").write_bytes(b"weights")
    made = make_bundle(package, tmp_path / "b", backend=backend, card=card).folder
    assert (made / "model.mlpackage" / "Data" / "weight.bin").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head": "depth"}, "not depth"),
        ({"input": {"batch": 4}}, "batch 1"),
        ({"input": {"color": "gray"}}, "not brightness alone"),
        ({"input": {"pixel_format": "bgr24"}}, "without --pixel-format"),
    ],
)
def test_what_the_decoders_cannot_read_is_refused(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    backend, card = constant_network("yolo_v8")
    if "input" in changes:
        changes = {"input": card.input.model_copy(update=changes["input"])}  # type: ignore[arg-type]
    with pytest.raises(ExportError, match=said):
        make_bundle(tmp_path / "m.onnx", tmp_path / "b", backend=backend, card=card.model_copy(update=changes))
    assert not (tmp_path / "b").exists()


def test_vectors_without_an_object_are_refused(tmp_path: Path) -> None:
    backend, card = constant_network("yolo_v8")
    artefact = tmp_path / "m.onnx"
    artefact.touch()
    nothing: Backend = ConstantNetwork(card, {"out": np.zeros(backend.outputs[0].shape, np.float32)})
    with pytest.raises(ExportError, match=r"nothing on the test picture scores 0\.25"):
        make_bundle(artefact, tmp_path / "b", backend=nothing, card=card)
    with pytest.raises(SourceError, match="not a picture"):
        make_bundle(artefact, tmp_path / "b", backend=backend, card=card, picture=artefact)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx"]


def test_golden_vectors_of_other_tasks_are_what_the_runtime_does(bundles: Path) -> None:
    for name, (head, special) in TASKS.items():
        bundle = bundles / name
        golden = json.loads((bundle / "bundle.json").read_text())["golden"]
        backend, card = constant_task(head, **special)
        picture = BgrPicture(cv2.imread(str(bundle / "golden" / "picture.png")))
        found = Model(backend, card, ModelConfig(path=bundle / "model.bin")).find([picture])[0]
        objects = found.detections
        if card.task == "segment":
            runs = tensor(bundle, golden["masks"]).tolist()
            for mask in objects.mask:
                left, top, width, height, count = runs[:5]
                bits = np.repeat(np.arange(count) % 2 == 1, runs[5 : 5 + count]).reshape(height, width)
                assert (left, top) == (mask.left_px, mask.top_px)
                np.testing.assert_array_equal(bits, mask.bits)
                del runs[: 5 + count]
            assert not runs and len(objects) >= 3
        elif card.task == "pose":
            points = tensor(bundle, golden["keypoints"])
            np.testing.assert_array_equal(points[..., :2], objects.keypoint_xy_px)
            np.testing.assert_array_equal(points[..., 2], objects.keypoint_score)
        elif card.task == "obb":
            np.testing.assert_array_equal(tensor(bundle, golden["oriented"]), objects.obb_cxcywhr_px)
        elif card.task == "classify":
            np.testing.assert_array_equal(tensor(bundle, golden["classes"]), found.image_result.class_score)
        else:
            np.testing.assert_array_equal(tensor(bundle, golden["class_map"]), found.image_result.class_map)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("segment", ("32 prototypes", "`masks.u32`", " objects |", "0.85 of overlap")),
        ("pose", ("head, left, right", "`keypoints.f32`", "0.05 of its size")),
        (
            "obb_end2end",
            ("centre x, centre y, width, height, score, class", "radians", "`oriented.f32`", "gone already"),
        ),
        (
            "classify_crop",
            ("shorter side to 128 pixels", "antialiasing", "`classes.f32`", "the likeliest is 'blue' at"),
        ),
        ("semantic", ("take the largest", "`class_map.u8`", "4 classes of pixels", "2% of the cells")),
    ],
)
def test_the_readme_says_what_the_task_needs(bundles: Path, name: str, facts: tuple[str, ...]) -> None:
    readme = (bundles / name / "README.md").read_text()
    for fact in facts:
        assert fact in readme
    assert "$" not in readme.replace('the "$last"', "")


def test_maps_of_one_class_are_refused(tmp_path: Path) -> None:
    backend, card = constant_task("semantic")
    artefact = tmp_path / "m.onnx"
    artefact.touch()
    same: Backend = ConstantNetwork(card, {"out": np.zeros(backend.outputs[0].shape, np.float32)})
    with pytest.raises(ExportError, match="all of the test picture is 'red'"):
        make_bundle(artefact, tmp_path / "b", backend=same, card=card)


def test_the_command_makes_a_bundle(road_signs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamvision", "bundle", str(road_signs), "--json", "--output"]
    done = subprocess.run([*command, "signs"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["folder"], report["archive"]) == ("signs", "signs.zip")
    assert report["objects"] >= 3 and report["found"] == f"{report['objects']} objects"
    assert (tmp_path / "signs" / "web" / "decoder.mjs").is_file()

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    done = subprocess.run([*command, "full"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "something else" in json.loads(done.stdout)["error"]
