from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.config.collect import CollectConfig
from streamvision.core.live import LiveView
from streamvision.datasets.collection import create_collection
from streamvision.service.labelling import offer_labelling
from support.collection_folders import collection_with


@pytest.fixture
def view() -> LiveView:
    return LiveView({}, statuses=list, stage_times=dict, model="")


def test_what_is_collected_is_labelled_on_the_page(view: LiveView, tmp_path: Path) -> None:
    offer_labelling(view, CollectConfig(folder=tmp_path / "new"))
    assert view.labelling is not None
    assert view.labelling.overview("").pictures == ()
    create_collection(tmp_path / "new", ["stop"])  # as the collector does, once the model is there
    collection_with(tmp_path / "new", hardness=(0.5,))
    assert [one.classes for one in view.labelling.overview("").pictures] == [("stop",)]


def test_a_folder_that_is_none_ends_nothing(view: LiveView, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    offer_labelling(view, CollectConfig(folder=tmp_path))
    offer_labelling(view, None)
    assert view.labelling is None
    assert "holds something else" in caplog.text
