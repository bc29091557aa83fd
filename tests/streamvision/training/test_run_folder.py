"""A run that is refused leaves nothing behind, and touches nothing that was there."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ConfigError
from streamvision.training.run_folder import RunFolder, new_run_folder


def refused(project: Path, name: str | None) -> None:
    with pytest.raises(ConfigError, match="no pictures"), new_run_folder(project, name, model="yolo11n.yaml") as folder:
        folder.recipe.write_text("data: x\n", encoding="utf-8")
        (folder.data / "images").mkdir(parents=True)
        raise ConfigError("no pictures")


@pytest.mark.parametrize("name", [None, "mine", "group/mine"])
def test_a_refused_run_leaves_no_folder(tmp_path: Path, name: str | None) -> None:
    refused(tmp_path / "runs" / "train", name)
    assert list(tmp_path.iterdir()) == []


def test_other_runs_and_files_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    refused(tmp_path, "mine")
    refused(tmp_path, None)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_an_empty_folder_of_the_users_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    refused(tmp_path, "mine")
    assert (tmp_path / "mine").is_dir()


def test_what_a_run_has_learnt_stays_whatever_ends_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_run_folder(tmp_path, "mine", model="unet") as folder:
        folder.last.write_bytes(b"weights")
        raise KeyboardInterrupt
    assert RunFolder(tmp_path / "mine").last.exists()


def test_a_name_that_is_taken_gets_advice_that_works(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "mine")
    folder.last.parent.mkdir(parents=True)
    folder.recipe.touch()
    with pytest.raises(ConfigError, match="remove it"), new_run_folder(tmp_path, "mine", model="unet"):
        pass
    folder.last.touch()
    with pytest.raises(ConfigError, match="--resume"), new_run_folder(tmp_path, "mine", model="unet"):
        pass


def test_a_project_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ConfigError, match="give another --project"), new_run_folder(tmp_path / "runs", "a", model="u"):
        pass
