"""Reading text with a real OCR model that a package ships: plates that are drawn here, and the signs of the drive."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import streamvision
from pipelines.stages.secondary.model_worker import open_auxiliary
from streamvision.core.config.secondary import SecondaryModelConfig
from streamvision.core.errors import MissingDependencyError
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model
from streamvision.models import TEXT_MODEL, default_model_path, model_file

OCR = TEXT_MODEL
PLATES = ("KA 4711", "B XY 908", "HH 2026", "STOP", "M AB 1234")


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Path:
    try:
        return model_file(OCR)
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def reader() -> Model:
    with open_auxiliary(SecondaryModelConfig(model=OCR, name="text")) as detector:
        yield detector


def plate(text: str, *, height_px: int = 60) -> BgrPicture:
    scale = height_px / 40
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 3)
    picture = np.full((height_px, width + 30, 3), 235, np.uint8)
    cv2.putText(picture, text, (15, int(height_px * 0.78)), cv2.FONT_HERSHEY_SIMPLEX, scale, (20,) * 3, 3, cv2.LINE_AA)
    return BgrPicture(picture)


def test_plates_of_all_lengths_are_read_in_one_call(reader: Model) -> None:
    calls = []
    run = reader.backend.run
    reader.backend.run = lambda tensor: calls.append(tensor.shape) or run(tensor)  # type: ignore[method-assign]
    found = [one.image_result for one in reader.find([plate(text) for text in PLATES])]
    reader.backend.run = run  # type: ignore[method-assign]
    assert calls == [(len(PLATES), 3, 48, 320)]
    assert [one.text.replace(" ", "") for one in found if one and one.text] == [p.replace(" ", "") for p in PLATES]
    assert all(one is not None and one.text_score is not None and one.text_score > 0.7 for one in found)


def test_an_empty_picture_has_no_text(reader: Model) -> None:
    (found,) = reader.find([BgrPicture(np.full((48, 160, 3), 128, np.uint8))])
    assert found.image_result is not None
    assert (found.image_result.text, found.image_result.text_score) == ("", 0.0)


def test_its_card_is_made_from_its_alphabet(reader: Model) -> None:
    card = reader.card
    assert (card.task, card.head, len(card.names)) == ("text", "ctc_text", 6625)
    assert (card.names[0], card.names[-1]) == ("blank", " ")
    assert (card.input.width_px, card.input.height_px, card.input.color) == (320, 48, "bgr")


def test_the_signs_of_the_drive_are_read_from_detector_to_json() -> None:
    source = "synthetic:drive?fps=15&size=1280x720&frames=30&realtime=0&seed=3"
    second = [{"name": "limit", "model": OCR, "classes": ["speedlimit"], "min_side_px": 24}]
    texts = []
    with streamvision.stream(source, model=default_model_path(), second=second) as results:
        for result in results:
            for item in result.to_dict()["objects"]:
                if "limit" in item.get("attributes", {}):
                    assert item["class_name"] == "speedlimit"
                    texts.append(item["attributes"]["limit"]["text"].strip(" ."))
        (status,) = results.statuses()[0].stages
    assert texts.count("30") > 0.8 * len(texts) > 10
    assert status.done < len(texts) / 3, "a look for each object that shows better, not for each frame"
