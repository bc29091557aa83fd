"""A run that is refused leaves nothing behind, and touches nothing that was there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamvision.cli.train import train
from streamvision.core.errors import ConfigError
from streamvision.training.run_folder import RunFolder, existing_run_folder, held, new_run_folder
from support.command_line import hearing_interrupts


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
    folder.last.touch()
    with pytest.raises(ConfigError, match="--resume"), new_run_folder(tmp_path, "mine", model="unet"):
        pass


@pytest.mark.parametrize(
    "name", ["recipe.yaml", "split.json", "curves.csv", "weights/.last.pt.abc", "seed-0/split.json", "study.db"]
)
def test_a_run_that_was_killed_before_its_first_epoch_was_over_gives_way(tmp_path: Path, name: str) -> None:
    killed = f"""
import os, signal
from pathlib import Path
from streamvision.training.run_folder import new_run_folder
with new_run_folder(Path({str(tmp_path)!r}), "mine", model="unet") as folder:
    folder.command.write_text("2026-01-01T00:00:00Z streamvision train\\n")
    left = folder.root / {name!r}
    left.parent.mkdir(exist_ok=True)
    left.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    assert subprocess.run([sys.executable, "-c", killed], check=False, timeout=60).returncode == -signal.SIGKILL
    assert (tmp_path / "mine" / name).exists()
    with new_run_folder(tmp_path, "mine", model="unet"):
        assert sorted(path.name for path in (tmp_path / "mine").rglob("*")) == ["notes.txt", "weights"]


@pytest.mark.parametrize("result", ["summary.json", "lr_finder.csv", "trials.csv", "fold-1/weights/last.pt"])
def test_a_result_without_weights_does_not_give_way(tmp_path: Path, result: str) -> None:
    file = tmp_path / "mine" / result
    file.parent.mkdir(parents=True)
    file.touch()
    RunFolder(tmp_path / "mine").recipe.touch()
    with pytest.raises(ConfigError, match="already holds a run"), new_run_folder(tmp_path, "mine", model="unet"):
        pass
    assert file.exists()


def test_what_only_looks_like_a_run_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "mine" / "data").mkdir(parents=True)
    RunFolder(tmp_path / "mine").recipe.touch()
    RunFolder(tmp_path / "mine").command.write_text("how I train\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no run has left"), new_run_folder(tmp_path, "mine", model="unet"):
        pass
    assert len(list((tmp_path / "mine").iterdir())) == 3


def test_a_run_that_still_works_is_left_alone(tmp_path: Path) -> None:
    with new_run_folder(tmp_path, "mine", model="unet") as folder:
        folder.recipe.touch()
        with pytest.raises(ConfigError, match="a training works in"), new_run_folder(tmp_path, "mine", model="unet"):
            pass
        with pytest.raises(ConfigError, match="a training works in"), held(folder.root):
            pass
        assert folder.recipe.exists()


def test_a_project_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ConfigError, match="give another --project"), new_run_folder(tmp_path / "runs", "a", model="u"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_epoch_is_over_leaves_no_folder(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(*_given: object, **_more: object) -> None:
        with new_run_folder(tmp_path, "mine", model="unet") as folder:
            folder.recipe.touch()
            os.kill(os.getpid(), number)
            time.sleep(10)  # a signal comes at the next instruction

    monkeypatch.setattr("streamvision.training.beginning.begin", begin)
    with hearing_interrupts():
        result = CliRunner().invoke(train, ["--data", "signs", "--model", "unet"])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1  # aborted
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_best_weights_are_gone_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.last.parent.mkdir()
    folder.recipe.touch()
    folder.last.touch()
    with pytest.raises(ConfigError, match=r"best\.pt is gone"):
        existing_run_folder(tmp_path)
    folder.best.touch()
    assert existing_run_folder(tmp_path).root == tmp_path
