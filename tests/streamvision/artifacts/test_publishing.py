"""What is published, and what those who pull see of a publisher that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.artifacts.cache import Cache
from streamvision.artifacts.errors import ArtifactError, StoreError
from streamvision.artifacts.publishing import files_of
from streamvision.artifacts.pulling import pull_manifest
from streamvision.artifacts.store import FolderStore
from support.artifact_stores import Publisher, random_model
from support.ncnn_files import ncnn_model


def test_what_is_published_under_a_name_that_no_device_takes_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    for name in ("signs 2.onnx", ".signs.onnx", "ü.onnx"):
        with pytest.raises(ArtifactError, match="letters without accents"):
            publisher.push({"default": random_model(tmp_path / name)})
    empty = tmp_path / "empty.onnx"
    empty.touch()
    with pytest.raises(ArtifactError):
        publisher.push({"default": empty})


def test_a_publisher_that_breaks_off_leaves_the_channel_as_it_was(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publisher.push({"default": model})
    written: list[str] = []
    whole = FolderStore.write

    stops_at = ""

    def breaking(store: FolderStore, key: str, content: bytes) -> None:
        if key.startswith(stops_at):
            raise StoreError("the connection ended")
        written.append(key)
        whole(store, key, content)

    monkeypatch.setattr(FolderStore, "write", breaking)
    for stops_at in ("files/", "manifests/", "channels/"):  # noqa: B007  (read above)
        with pytest.raises(StoreError):
            publisher.push({"default": random_model(tmp_path / "new.onnx")})
        assert pull_manifest(publisher.source(), cache).manifest == published
    assert written, "files were written, and named by nothing"


def test_two_who_publish_at_once_are_told(
    publisher: Publisher, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.push({"default": model})
    whole, other = FolderStore.write, random_model(tmp_path / "other.onnx")

    def interrupted(store: FolderStore, key: str, content: bytes) -> None:
        monkeypatch.setattr(FolderStore, "write", whole)
        publisher.push({"night": other})
        whole(store, key, content)

    monkeypatch.setattr(FolderStore, "write", interrupted)
    with pytest.raises(StoreError, match="somebody else has published"):
        publisher.push({"default": random_model(tmp_path / "new.onnx")})
    assert set(publisher.push({}, without=[]).models) == {"default", "night"}


def test_a_number_beyond_all_is_a_sentence(publisher: Publisher, model: Path) -> None:
    with pytest.raises(ArtifactError, match="number: give"):
        publisher.push({"default": model}, at_least=1 << 60)


def test_the_folder_of_an_ncnn_model_is_its_file_with_what_lies_beside(tmp_path: Path) -> None:
    param = ncnn_model(tmp_path / "yolo_ncnn_model", task="detect")
    assert files_of(param.parent) == [param, param.with_suffix(".bin"), param.with_name("metadata.yaml")]
