from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("mediapipe")

from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

from exporters.tflite.mediapipe import labels_file, object_detector_metadata
from streamvision.inference.model_card import InputCard, ModelCard

pytestmark = pytest.mark.reference

SIZE = {"width_px": 64, "height_px": 32, "layout": "nhwc", "resize": "stretch"}


def _card(**changes: Any) -> ModelCard:
    card = InputCard.model_validate({**SIZE, **changes})
    return ModelCard(head="tflite_detection", names=("cat", "größer"), input=card, licence="CC0", source="made here")


def _read(card: ModelCard) -> Any:
    content = object_detector_metadata(card)
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    return schema.ModelMetadataT.InitFromPackedBuf(content, 0)


def _normalization(card: ModelCard) -> tuple[list[float], list[float]] | None:
    (picture,) = _read(card).subgraphMetadata[0].inputTensorMetadata
    assert picture.content.contentProperties.colorSpace == schema.ColorSpaceType.RGB
    if picture.processUnits is None:
        return None
    (unit,) = picture.processUnits
    assert unit.optionsType == schema.ProcessUnitOptions.NormalizationOptions
    return unit.options.mean.tolist(), unit.options.std.tolist()


def test_mediapipes_own_classes_read_it() -> None:
    metadata = _read(_card())
    assert (metadata.license, metadata.description) == (b"CC0", b"made here")
    outputs = metadata.subgraphMetadata[0].outputTensorMetadata
    assert [output.name for output in outputs] == [b"location", b"category", b"score", b"number of detections"]


def test_the_location_says_that_the_top_comes_first() -> None:
    location = _read(_card()).subgraphMetadata[0].outputTensorMetadata[0].content
    assert location.contentPropertiesType == schema.ContentProperties.BoundingBoxProperties
    box = location.contentProperties
    assert box.index.tolist() == [1, 0, 3, 2]
    assert (box.type, box.coordinateType) == (schema.BoundingBoxType.BOUNDARIES, schema.CoordinateType.RATIO)


def test_the_category_names_the_file_of_labels() -> None:
    card = _card()
    (file,) = _read(card).subgraphMetadata[0].outputTensorMetadata[1].associatedFiles
    assert file.type == schema.AssociatedFileType.TENSOR_VALUE_LABELS
    assert labels_file(card) == {file.name.decode(): "cat\ngrößer\n".encode()}


def test_normalization_is_that_of_levels() -> None:
    assert _normalization(_card()) == ([0, 0, 0], [255, 255, 255])
    mean, std = _normalization(_card(mean=(0.5, 0.4, 0.2), std=(0.2, 0.2, 0.4))) or ([], [])
    assert mean == pytest.approx([127.5, 102, 51])
    assert std == pytest.approx([51, 51, 102])


def test_whole_levels_need_no_normalization() -> None:
    assert _normalization(_card(dtype="uint8", scale=1)) is None
