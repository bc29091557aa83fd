"""The ``data.yaml`` of masks and keypoints is read as that of boxes is, and ultralytics gets one without surprises."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streamvision.core.errors import ConfigError
from streamvision.training.own_labels import prepare_own_labels
from streamvision.training.run_folder import RunFolder


def written_for(tmp_path: Path, text: str) -> dict[str, object]:
    """Return what ultralytics gets for a data set of two empty folders whose file says ``text``."""
    data = tmp_path / "data"
    for part in ("train", "valid"):
        (data / part / "images").mkdir(parents=True, exist_ok=True)
    (data / "data.yaml").write_text(text, encoding="utf-8")
    written = prepare_own_labels(data / "data.yaml", RunFolder(tmp_path / "run"), task="segment")
    document = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def test_names_are_as_written(tmp_path: Path) -> None:
    document = written_for(tmp_path, "train: train/images\nval: valid/images\nnames: [no, 007, car]\n")
    assert document["names"] == {0: "no", 1: "007", 2: "car"}


@pytest.mark.parametrize(
    "text",
    [
        "train: train\\images\nval: valid\\images\nnames: [car]\n",
        "path: C:\\sets\\signs\ntrain: train\\images\nval: valid\\images\nnames: [car]\n",
        "train: ../train/images\nval: ../valid/images\nnames: {'0': car}\n",
        "path: /somebody/elses\ntrain: train/images\nvalidation: valid/images\nnames: [car]\n",
    ],
)
def test_places_of_moved_sets_are_found(tmp_path: Path, text: str) -> None:
    document = written_for(tmp_path, text)
    found = {part: document[part] for part in ("train", "val")}
    data = tmp_path / "data"
    assert found == {"train": [str(data / "train" / "images")], "val": [str(data / "valid" / "images")]}
    assert document["names"] == {0: "car"}


def test_nothing_is_downloaded_and_other_keys_stay(tmp_path: Path) -> None:
    document = written_for(
        tmp_path,
        "train: train/images\nval: valid/images\nnames: [a]\nkpt_shape: [2, 3]\nflip_idx: [1, 0]\n"
        "download: import os\n",
    )
    assert "download" not in document
    assert (document["kpt_shape"], document["flip_idx"]) == ([2, 3], [1, 0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train: train/images\nval: elsewhere\nnames: [a]\n", "says val: elsewhere, which is not there"),
        ("train: train/images\nnames: [a]\n", "does not say val"),
        ("- 1\n", "names"),
        ("{", "not valid YAML"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        written_for(tmp_path, text)
    assert "\n" not in str(caught.value)
