"""What is measured is the same whether a checkpoint or its export is given."""

from dataclasses import replace
from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError, DeviceError
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import Dataset, LabelledImage
from streamvision.evaluation.evaluate import evaluate
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import image_ids
from support.labelled import coco_subset
from support.reference_models import yolov8n_onnx


@pytest.fixture(scope="module")
def dataset(data_dir, tmp_path_factory):
    return read_dataset(coco_subset(data_dir, tmp_path_factory.mktemp("coco"), count=4))


def measured(model, dataset, **settings):
    with open_model(model, **settings) as detector:
        return evaluate(detector, dataset)


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize(("dynamic", "tolerance"), [(False, 1e-3), (True, 0.02)], ids=["square", "by aspect"])
def test_a_checkpoint_and_its_export_get_the_same_figures(data_dir, dataset, reference_dir, dynamic, tolerance):
    export = yolov8n_onnx(data_dir, reference_dir, dynamic=dynamic)
    of_export = measured(export, dataset)
    of_weights = measured(data_dir / "models" / "yolov8n_coco.pt", dataset)
    assert of_weights.figures.map50_95 == pytest.approx(of_export.figures.map50_95, abs=tolerance)
    assert of_weights.figures.map50 > 0.3


@pytest.mark.reference
@pytest.mark.slow
def test_the_input_size_can_be_chosen_where_the_model_leaves_it_open(data_dir, dataset, reference_dir):
    export = yolov8n_onnx(data_dir, reference_dir, dynamic=True)
    small = measured(export, dataset, side_px=310)
    assert "320 px" in small.model
    weights = measured(data_dir / "models" / "yolov8n_coco.pt", dataset, side_px=310)
    assert "320x320" in weights.model
    assert weights.figures.map50_95 == pytest.approx(small.figures.map50_95, abs=0.05)


def test_a_checkpoint_does_not_run_elsewhere(data_dir, dataset):
    with pytest.raises(DeviceError, match="leave out --backend and --precision"):
        measured(data_dir / "models" / "yolov8n_coco.pt", dataset, backend="openvino")


def test_no_picture_is_an_error(data_dir):
    with pytest.raises(ConfigError, match="no readable picture"):
        measured(data_dir / "models" / "yolox_nano.onnx", Dataset(("car",), ()))


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (("a/1.jpg", "b/2.jpg"), ["1", "2"]),
        (("cam1/00.jpg", "cam2/00.jpg", "cam2/01.jpg"), ["cam1/00", "cam2/00", "01"]),
        (("/x/cam1/in/00.jpg", "/x/cam2/in/00.jpg"), ["cam1/in/00", "cam2/in/00"]),
        (("00.jpg", "cam1/00.jpg"), ["00", "cam1/00"]),
        (("a/00.jpg", "a/00.png", "b/01.png"), ["a/00.jpg", "a/00.png", "01"]),
    ],
)
def test_pictures_of_one_stem_are_told_apart_by_their_folders(paths, ids):
    images = [LabelledImage(Path(path), 10, 10, ()) for path in paths]
    assert image_ids(images) == ids


def test_ignored_regions_count_neither_way(data_dir, tmp_path):
    drawn = read_dataset(coco_subset(data_dir, tmp_path, count=6))
    busiest = max(drawn.images, key=lambda image: len(image.boxes))
    others = [image for image in drawn.images if image is not busiest]
    region = (0.0, 0.0, float(busiest.width_px), float(busiest.height_px))
    unmarked = replace(busiest, boxes=())
    ignored = replace(unmarked, ignored_xyxy_px=(region,))
    with open_model(data_dir / "models" / "yolox_nano.onnx") as detector:
        without, counted, uncounted = (
            evaluate(detector, Dataset(detector.names, tuple(images)))
            for images in (others, [*others, unmarked], [*others, ignored])
        )
    assert uncounted.figures.map50_95 == pytest.approx(without.figures.map50_95)
    assert counted.figures.map50_95 < without.figures.map50_95
    assert uncounted.to_json()["errors"]["background"] == pytest.approx(without.to_json()["errors"]["background"])
