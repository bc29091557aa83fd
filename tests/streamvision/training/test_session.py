"""Runs that are ended early, at any moment, and what is said of them afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

from streamvision.core.errors import ConfigError, ModelError
from streamvision.training import run_folder
from streamvision.training.beginning import begin, resume
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder
from support.hues import HUES, draw_hues
from support.killed_runs import killed_after

pytestmark = [pytest.mark.reference, pytest.mark.usefixtures("without_onnx")]
HOW: dict[str, Any] = {"tune_hours": None, "trials": None, "trust_checkpoint": False}


@pytest.fixture(scope="module")
def hues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hues(tmp_path_factory.mktemp("hues") / "data", HUES, count=6, seed=1)


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "lenet", "imgsz": 32, "batch": 8, "epochs": 1, "threads": 1}
    return load_recipe(None, given | more)


def kill_in_the_first_epoch(hues: Path, project: Path, **more: Any) -> Path:
    """Have a run end within its first epoch without a chance to clean up."""

    def step(self: TrainingProgress, **about: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "step", step)
        patch.setattr(run_folder, "_remove", lambda *given: None)
        with pytest.raises(KeyboardInterrupt):
            begin(recipe(hues), project=project, name="run", command="streamvision train", **more)
    return project / "run"


@pytest.mark.parametrize("many", [{}, {"folds": 2}])
def test_a_run_that_was_killed_in_its_first_epoch_begins_anew(
    hues: Path, tmp_path: Path, many: dict[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    run = kill_in_the_first_epoch(hues, tmp_path, **many)
    summary = resume(run, command="streamvision train --resume", **HOW)
    assert Path(summary["run"]) == run
    assert (run / "summary.json").exists() or len(summary["folds"]) == 2
    assert len((run / "command.txt").read_text(encoding="utf-8").splitlines()) == 2
    assert many or "No epoch of the run" in capfd.readouterr().err


def test_its_name_is_free_for_another_run(hues: Path, tmp_path: Path) -> None:
    run = kill_in_the_first_epoch(hues, tmp_path)
    summary = begin(recipe(hues, seed=5, val_share=0.4), project=tmp_path, name="run", command="streamvision train")
    assert Path(summary["run"]) == run
    assert '"seed": 5' in (run / "split.json").read_text(encoding="utf-8").replace("\n", "")
    with pytest.raises(ConfigError, match="already holds a run"):
        begin(recipe(hues), project=tmp_path, name="run", command="streamvision train")


def test_a_training_that_has_had_its_time_ends_within_its_epoch(
    hues: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = recipe(hues, hours=1e-7, epochs=3, batch=2)
    summary = begin(given, project=tmp_path, name="run", command="streamvision train")
    assert summary["epochs"] == 1
    assert "Stopped in epoch 1, after batch 1 of " in capfd.readouterr().err


def test_a_learning_rate_test_that_was_killed_is_not_gone_on_with_as_a_training(
    hues: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_remove", lambda *given: None)

    def killed(self: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("streamvision.training.torch_run.TorchRun.find_lr", killed)
    with pytest.raises(KeyboardInterrupt):
        begin(recipe(hues), find_lr=True, project=tmp_path, name="run", command="streamvision train --find-lr")
    with pytest.raises(ConfigError, match=r"has no recipe\.yaml"):
        resume(tmp_path / "run", command="streamvision train --resume", **HOW)


def test_the_name_of_a_trial_that_has_ended_is_taken(hues: Path, tmp_path: Path) -> None:
    begin(recipe(hues, overfit=2), project=tmp_path, name="run", command="streamvision train --overfit 2")
    with pytest.raises(ConfigError, match="already holds a run"):
        begin(recipe(hues), project=tmp_path, name="run", command="streamvision train")
    with pytest.raises(ConfigError, match=r"the trial in .* has ended"):
        resume(tmp_path / "run", command="streamvision train --resume", **HOW)


@pytest.fixture(scope="module")
def stopped(hues: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after the first of two epochs."""
    project = tmp_path_factory.mktemp("stopped")
    with killed_after(1):
        begin(recipe(hues, epochs=2), project=project, name="run", command="streamvision train")
    return project / "run"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer", None),
        ("optimizer", {"state": {}, "param_groups": []}),
        ("optimizer", 3),
        ("model", {"a": torch.zeros(1)}),
        ("model", [1]),
        ("epoch", -5),
        ("best_epoch", 7),
        ("spent_s", None),
        ("spent_s", float("nan")),
        ("spent_s", "long"),
        ("beginning", None),
    ],
)
def test_a_checkpoint_that_is_damaged_or_of_another_run_is_one_sentence(
    stopped: Path, tmp_path: Path, key: str, value: Any
) -> None:
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    last = RunFolder(run).last
    state = torch.load(last, weights_only=True)
    torch.save(
        {name: kept for name, kept in state.items() if name != key} | ({} if value is None else {key: value}), last
    )
    with pytest.raises(ModelError, match=r"last\.pt"):
        resume(run, command="streamvision train --resume", **HOW)
    assert RunFolder(run).best.exists()


@pytest.mark.parametrize("content", [b"", b"epoch,top1\nx,y\n", b"\xff\xfe\x00"])
def test_without_its_curves_a_run_does_not_forget_its_best_epoch(stopped: Path, tmp_path: Path, content: bytes) -> None:
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    (run / "curves.csv").write_bytes(content)
    best = RunFolder(run).best.read_bytes()
    with pytest.raises(ModelError, match=r"is not of this run"):
        resume(run, command="streamvision train --resume", **HOW)
    assert RunFolder(run).best.read_bytes() == best
