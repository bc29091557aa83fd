"""Evaluations of masks, keypoints, oriented boxes, scenes and classes, by the command, on answers that are known."""

import json
import math

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_cdt

from streamvision.core.errors import ConfigError, SourceError
from streamvision.datasets.class_labels import read_class_folders, read_class_map, read_class_maps
from streamvision.evaluation.classify import evaluate_classifier
from streamvision.evaluation.model import open_model
from streamvision.evaluation.semantic import evaluate_semantic
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard
from support.answering_network import answering_network, colour_network
from support.command_line import called

SIDE_PX = 64
BOXES = 84
INPUT = InputCard(width_px=SIDE_PX, height_px=SIDE_PX)
COLOURS = [(0, 0, 0), (255, 0, 0), (0, 0, 255)]


def card(task, head, names=("thing", "other"), **more):
    given = InputCard(width_px=SIDE_PX, height_px=SIDE_PX, **({"resize": "stretch"} if task == "classify" else {}))
    return ModelCard(task=task, head=head, names=names, input=given, **more)


def rows(extra):
    """One sure box of the first class at (16, 16) to (48, 48), the others nowhere."""
    table = np.zeros((1, 6 + len(extra), BOXES), np.float32)
    table[0, :4, 0] = 32, 32, 32, 32
    table[0, 4, 0] = 0.9
    table[0, 6:, 0] = extra
    return table


def yolo(folder, line, *, more="", pictures=2):
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for number in range(pictures):
        cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8))
        (folder / "labels" / f"{number}.txt").write_text(line)
    (folder / "data.yaml").write_text(f"train: images\nval: images\nnames: [thing, other]\n{more}")
    return folder


def measured(task, model, data, *more):
    done = called("eval", task, model, "--data", data, "--threads", "1", "--json", *more)
    assert done.code == 0, done.stderr
    return done.report


def evaluated(evaluate, model, pictures):
    with open_model(model) as detector:
        return evaluate(detector, pictures)


@pytest.fixture(scope="module")
def segment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segment")
    prototypes = np.full((1, 32, 16, 16), -1, np.float32)
    prototypes[:, :, :, :8] = 1  # the left half of the picture
    model = folder / "segment.onnx"
    answering_network(model, card("segment", "yolo_seg"), {"rows": rows([1] + [0] * 31), "prototypes": prototypes})
    return model, yolo(folder / "data", "0 0.25 0.25 0.5 0.25 0.5 0.75 0.25 0.75\n")


def test_masks(segment, tmp_path):
    model, data = segment
    report = measured("segment", model, data, "--save-predictions", tmp_path / "found.json")
    # Half of the picture is marked and found to within a pixel; its box is twice as wide as the marked one.
    assert report["mask"]["map50"] == 1.0
    assert report["mask"]["map50_95"] > 0.8
    assert 0.8 < report["boundary"]["map50_95"] <= report["mask"]["map50_95"]
    assert report["box"]["map50_95"] == pytest.approx(0.1)
    assert report["mask"]["per_class"]["thing"]["objects"] == 2
    saved = json.loads((tmp_path / "found.json").read_text())
    assert {len(row["segmentation"]["counts"]) > 4 for row in saved} == {True}
    done = called("eval", "segment", model, "--data", data, "--threads", "1")
    assert "mask mAP50-95" in done.stdout
    assert "boundary mAP50-95" in done.stdout


def test_a_model_for_another_task_is_refused(segment):
    model, data = segment
    done = called("eval", "pose", model, "--data", data, "--json")
    assert done.code == 1
    assert "no object of the data set has keypoints" in done.sentence()
    done = called("eval", "obb", model, "--data", data, "--json")
    assert "is a model for segment" in done.sentence()


def test_keypoints(tmp_path):
    points = [20, 20, 0.9, 40, 40, 0.9]
    keypoints = KeypointCard(names=("nose", "tail"), oks_sigma=(0.1, 0.1))
    model = answering_network(
        tmp_path / "pose.onnx", card("pose", "yolo_pose", keypoints=keypoints), {"rows": rows(points)}
    )
    marked = [value / SIDE_PX for value in (32, 32, 32, 32)]
    line = "0 {} {} {} {} 0.3125 0.3125 2 0.625 0.625 1\n".format(*marked)
    report = measured("pose", model, yolo(tmp_path / "near", line, more="kpt_shape: [2, 3]\n"))
    assert report["keypoints"]["map50_95"] == 1.0
    far = line.replace("0.3125 0.3125", "0.6 0.9")
    report = measured("pose", model, yolo(tmp_path / "far", far, more="kpt_shape: [2, 3]\n"))
    # One of two keypoints is far off: the likeness is 0.5 and a little.
    assert report["keypoints"]["map50_95"] <= 0.1
    assert report["box"]["map50_95"] == 1.0
    done = called(
        "eval",
        "pose",
        model,
        "--data",
        yolo(tmp_path / "one", f"{' '.join(line.split()[:8])}\n", more="kpt_shape: [1, 3]\n"),
    )
    assert "marks 1 keypoints an object, but the model gives 2" in done.sentence()


def test_oriented_boxes(tmp_path):
    table = rows([math.pi / 4])
    table[0, :4, 0] = 32, 32, 40, 10
    model = answering_network(tmp_path / "obb.onnx", card("obb", "yolo_obb"), {"rows": table})
    reports = []
    for name, degrees in (("same", 45), ("across", -45)):
        corners = cv2.boxPoints(((32, 32), (40, 10), degrees)).reshape(-1) / SIDE_PX
        data = yolo(tmp_path / name, f"0 {' '.join(map(str, corners))}\n")
        reports.append(measured("obb", model, data))
    assert [report["oriented"]["map50_95"] for report in reports] == [1.0, 0.0]
    assert [report["box"]["map50"] for report in reports] == [1.0, 1.0]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Pictures painted in three colours; the maps say something else in places, or nothing."""
    folder = tmp_path_factory.mktemp("scenes")
    random = np.random.default_rng(2)
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    marked, painted = [], []
    for number in range(3):
        cells = random.integers(0, 3, (8, 8))
        truth = np.kron(cells, np.ones((8, 8), int)).astype(np.uint8)
        seen = truth.copy()
        seen[random.random(truth.shape) < 0.2] = 1
        truth[:4] = 255
        rgb = np.array(COLOURS, np.uint8)[seen]
        cv2.imwrite(str(folder / "images" / f"{number}.png"), rgb[..., ::-1])
        palette = Image.fromarray(truth, "P") if number else Image.fromarray(truth)
        if number:
            palette.putpalette([255, 255, 255] * 256)  # the colours of a palette say nothing
        palette.save(folder / "masks" / f"{number}.png")
        marked.append(truth)
        painted.append(seen)
    (folder / "classes.txt").write_text("road\nBus Lane\nsky\n")
    model = colour_network(folder / "scenes.onnx", card("semantic", "semantic", ("road", "bus-lane", "sky")), COLOURS)
    return model, folder, np.array(marked), np.array(painted)


def edge_overlap(marked, painted, known):
    """Boundary IoU of a class over all pictures, by distances to what is not of it."""
    both = either = 0
    for maps in zip(marked, painted, known, strict=True):
        bands = []
        for bits in (maps[0] & maps[2], maps[1] & maps[2]):
            steps = distance_transform_cdt(np.pad(bits, 1), metric="chessboard")[1:-1, 1:-1]
            bands.append(bits & (steps <= max(1, round(0.02 * math.hypot(*bits.shape)))))
        both += (bands[0] & bands[1]).sum()
        either += (bands[0] | bands[1]).sum()
    return both / either


def test_mean_iou_equals_torchmetrics(scenes):
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    model, folder, marked, painted = scenes
    theirs = classification.MulticlassJaccardIndex(3, ignore_index=255)
    theirs.update(torch.from_numpy(painted.astype(np.int64)), torch.from_numpy(marked.astype(np.int64)))
    report = measured("semantic", model, folder)
    assert report["mean_iou"] == pytest.approx(float(theirs.compute()), abs=1e-4)


def test_scenes(scenes):
    model, folder, marked, painted = scenes
    report = measured("semantic", model, folder)
    known = marked != 255
    expected = {
        name: ((marked == n) & (painted == n) & known).sum() / (((marked == n) | (painted == n)) & known).sum()
        for n, name in enumerate(("road", "Bus Lane", "sky"))
    }
    assert {name: one["iou"] for name, one in report["per_class"].items()} == pytest.approx(expected, abs=1e-4)
    assert report["mean_iou"] == pytest.approx(np.mean(list(expected.values())), abs=1e-4)
    assert report["pixel_accuracy"] == pytest.approx((marked == painted)[known].mean(), abs=1e-4)
    assert any("'bus-lane' was taken for" in note for note in report["notes"])
    edges = {name: edge_overlap(marked == n, (painted == n), known) for n, name in enumerate(expected)}
    assert {name: one["boundary_iou"] for name, one in report["per_class"].items()} == pytest.approx(edges, abs=1e-4)
    assert report["mean_boundary_iou"] == pytest.approx(np.mean(list(edges.values())), abs=1e-4)
    assert report["mean_boundary_iou"] != pytest.approx(report["mean_iou"], abs=0.01)
    contours = [one["boundary_f"] for one in report["per_class"].values()]
    assert report["mean_boundary_f"] == pytest.approx(np.mean(contours), abs=1e-6)
    assert 0 < min(contours) <= max(contours) < 1
    one = measured("semantic", model, folder, "--class", "sky")
    assert one["mean_iou"] == pytest.approx(expected["sky"], abs=1e-4)


def test_a_map_of_the_pixels_as_stored_is_not_stretched_over_the_turned_picture(scenes, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 32)).save(tmp_path / "images" / "a.jpg", exif=exif)
    Image.new("L", (48, 32)).save(tmp_path / "masks" / "a.png")
    (tmp_path / "classes.txt").write_text("road\nBus Lane\nsky\n")
    done = called("eval", "semantic", scenes[0], "--data", tmp_path)
    assert done.code == 1
    assert "48x32 px and lies on its side: as shown, its picture is 32x48 px" in done.stderr


def test_scenes_of_whole_pictures_in_planes(scenes, tmp_path):
    model, folder, *_ = scenes
    plain = measured("semantic", model, folder)
    described = card("semantic", "semantic", ("road", "bus-lane", "sky"))
    onnx = pytest.importorskip("onnx")
    from exporters.graph.picture_input import with_picture_input

    whole, described = with_picture_input(onnx.load(model), described, "yuv420p")
    onnx.helper.set_model_props(whole, described.to_metadata())
    onnx.save(whole, tmp_path / "whole.onnx")
    report = measured("semantic", tmp_path / "whole.onnx", folder)
    # Colour at half the resolution leaks over edges; without the pictures' own matrix there is none at all.
    assert report["pixel_accuracy"] == pytest.approx(plain["pixel_accuracy"], abs=0.1)


def test_classes_that_the_model_lacks_are_refused(scenes, tmp_path):
    _, folder, _, _ = scenes
    model = colour_network(tmp_path / "two.onnx", card("semantic", "semantic", ("road", "sky")), COLOURS[:2])
    with pytest.raises(ConfigError, match="'Bus Lane' is not among"):
        evaluated(evaluate_semantic, model, read_class_maps(folder))


def test_maps_of_colours_and_of_unknown_classes_are_refused(scenes, tmp_path):
    model, *_ = scenes
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(SourceError, match="holds colours"):
        read_class_map(tmp_path / "a.png")
    for name in ("images", "masks"):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "a.png"), np.full((64, 64), 7, np.uint8))
    with pytest.raises(SourceError, match="marks class 7"):
        evaluated(evaluate_semantic, model, read_class_maps(tmp_path / "set"))
    (tmp_path / "set" / "masks" / "a.png").rename(tmp_path / "set" / "masks" / "b.png")
    with pytest.raises(ConfigError, match="has a map of the same name"):
        read_class_maps(tmp_path / "set")


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Pictures of two classes of the model's seven; its answer is always the same."""
    folder = tmp_path_factory.mktemp("named")
    for name, count in (("Cat", 3), ("old_dog", 1)):
        for part in ("train", "val"):
            (folder / "data" / part / name).mkdir(parents=True)
            for number in range(count):
                path = folder / "data" / part / name / f"{number}.png"
                cv2.imwrite(str(path), np.full((40, 50, 3), 90, np.uint8))
    names = ("cow", "cat", "hen", "pig", "owl", "bee", "old dog")
    answer = np.array([[0.3, 0.25, 0.2, 0.15, 0.06, 0.03, 0.01]], np.float32)
    return answering_network(folder / "c.onnx", card("classify", "classify", names), {"p": answer}), folder / "data"


def test_classes(named):
    model, data = named
    report = measured("classify", model, data)
    assert (report["top1"], report["top5"]) == (0.0, 0.75)
    assert report["per_class"]["Cat"] == {
        "top1": 0.0,
        "top5": 1.0,
        "images": 3,
        "precision": None,
        "recall": 0.0,
        "f1": 0.0,
    }
    assert report["per_class"]["old_dog"]["top5"] == 0.0
    assert any("val was measured" in note for note in report["notes"])
    assert measured("classify", model, data, "--class", "cat", "--split", "all")["images"] == 6


def test_the_table_of_classes(named):
    model, data = named
    done = called("eval", "classify", model, "--data", data, "--threads", "1")
    assert done.stdout.splitlines()[2].split() == ["all", "0.000", "0.750", "-", "0.000", "4"]


def test_folders_that_are_no_classes_are_refused(named, segment, tmp_path):
    model, data = named
    (tmp_path / "a" / "horse").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no pictures in folders"):
        read_class_folders(tmp_path / "a")
    cv2.imwrite(str(tmp_path / "a" / "horse" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ConfigError, match="'horse' is not among"):
        evaluated(evaluate_classifier, model, read_class_folders(tmp_path / "a"))
    with pytest.raises(ConfigError, match="is a model for segment"):
        evaluated(evaluate_classifier, segment[0], read_class_folders(data))
