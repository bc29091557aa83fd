"""All folds of a cross-validation, several seeds, and the search for settings: what they hold out and write."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

from streamvision.checkpoints.checkpoint_file import UntrustedError
from streamvision.core.errors import ConfigError
from streamvision.training import repeated
from streamvision.training.families import trainer_of
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import load_recipe, write_recipe
from streamvision.training.repeated import FOLDS, SEEDS, repetition_in, resume_repeated, train_repeated
from streamvision.training.report import CurveFile
from streamvision.training.run_folder import RunFolder
from streamvision.training.search_space import choices_of, own_settings
from streamvision.training.session import note_command
from support.hues import draw_hues

SMALL = {"model": "lenet", "imgsz": 32, "batch": 8, "threads": 1, "preset": "plain", "seed": 3}


@pytest.fixture(scope="module")
def hues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_hues(tmp_path_factory.mktemp("hues") / "data", {"orange": 30, "teal": 165}, count=10, seed=1)


def recipe(data: Path, **more: Any) -> Any:
    return load_recipe(None, {"data": data, **SMALL} | more)


def parts(path: Path, *keys: str) -> list[set[str]]:
    record = json.loads(path.read_text(encoding="utf-8"))
    return [set(record[key]) for key in keys]


def test_every_picture_is_held_out_once_and_a_killed_run_goes_on(
    hues: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, real = tmp_path / "cross", repeated.start_training

    def killed_at_the_second(given: Any, **more: Any) -> Any:
        if given.fold == "2/2":
            raise KeyboardInterrupt
        return real(given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(repeated, "start_training", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            train_repeated(recipe(hues, epochs=1), FOLDS, 2, project=tmp_path, name="cross", command="train")
    assert repetition_in(root) is FOLDS
    (root / "fold-2" / "weights").mkdir(parents=True)  # as a power cut leaves it before the first epoch is over
    note_command(RunFolder(root / "fold-2"), "train")
    (root / "fold-2" / "recipe.yaml").write_text("model: squeezenet1_1\n", encoding="utf-8")
    first = (root / "fold-1" / "weights" / "best.pt").stat().st_mtime_ns
    summary = resume_repeated(root, FOLDS, command="train --resume")
    assert (root / "fold-1" / "weights" / "best.pt").stat().st_mtime_ns == first
    held_out = [parts(root / f"fold-{fold}" / "split.json", "val")[0] for fold in (1, 2)]
    assert not held_out[0] & held_out[1] and len(held_out[0] | held_out[1]) == 20
    last = [CurveFile(root / f"fold-{fold}" / "curves.csv").rows()[-1]["top1"] for fold in (1, 2)]
    assert summary["last"]["top1"]["mean"] == pytest.approx(fmean(last))
    assert summary["last"]["top1"]["sd"] == pytest.approx(stdev(last))
    assert (root / "folds.png").stat().st_size > 1000
    with pytest.raises(ConfigError, match=r"all folds in .* have ended"):
        resume_repeated(root, FOLDS, command="")


@pytest.mark.parametrize(("by", "count"), [(SEEDS, 1), (SEEDS, 100), (FOLDS, 1), (FOLDS, -2)])
def test_one_training_alone_has_no_spread(by: Any, count: int, hues: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{by.many} is {count}, and mean and spread need 2 to 99"):
        train_repeated(recipe(hues), by, count, project=tmp_path / "runs", name=None, command="")
    assert not (tmp_path / "runs").exists()


def test_folds_choose_what_is_held_out(hues: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave fold out"):
        train_repeated(recipe(hues, fold="1/2"), FOLDS, 2, project=tmp_path / "runs", name=None, command="")
    assert not (tmp_path / "runs").exists()


def test_seeds_hold_out_the_same_pictures_and_begin_from_other_weights(hues: Path, tmp_path: Path) -> None:
    summary = train_repeated(recipe(hues, epochs=1), SEEDS, 2, project=tmp_path, name="seeds", command="train")
    root = tmp_path / "seeds"
    assert repetition_in(root) is SEEDS
    learnt, held_out = parts(root / "seed-3" / "split.json", "train", "val")
    assert parts(root / "seed-4" / "split.json", "train", "val") == [learnt, held_out]
    losses = [CurveFile(root / f"seed-{seed}" / "curves.csv").rows()[-1]["train_loss"] for seed in (3, 4)]
    assert losses[0] != losses[1]
    assert [one["seed"] for one in summary["seeds"]] == [3, 4]
    last = [one["last"]["top1"] for one in summary["seeds"]]
    card = (root / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert summary["last"]["top1"] == {"mean": fmean(last), "sd": stdev(last), "least": min(last), "most": max(last)}
    assert f"top-1 {fmean(last):.3f} (sd {stdev(last):.3f})" in card and "on the same held-out pictures" in card
    assert f"| sd |  | {stdev(last):.3f} |" in card and (root / "seeds.png").stat().st_size > 1000


def test_a_search_never_looks_at_what_is_held_out_and_goes_on(
    hues: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    from streamvision.training.tuning import resume_tune, tune

    searched = recipe(hues, epochs=2, weight_decay=1e-4, val_share=0.25)
    found = tune(searched, 10.0, trials=2, project=tmp_path, name="search", command="train")
    root = tmp_path / "search"
    learnt, held_out = parts(root / "split.json", "train", "val")
    tried, measured = parts(root / "search-parts.json", "train", "val")
    assert tried and measured and not tried & measured and (tried | measured) == learnt and not held_out & learnt
    for trial in ("001", "002"):
        own = parts(root / "trials" / trial / "split.json", "train", "val")
        assert own == [tried, measured]
        assert not list((root / "trials" / trial).rglob("*.pt"))
    assert found["trials"] == 2 and (root / "search.png").stat().st_size > 1000
    best = load_recipe(Path(found["recipe"]), {})
    assert best.split == root / "split.json" and best.weight_decay == 1e-4 and best.lr == found["chosen"]["lr"]

    ends = iter((False, True))

    def killed_at_the_second_epoch(self: TrainingProgress, **rest: Any) -> None:
        if next(ends):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "end_epoch", killed_at_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            resume_tune(root, hours=1.0, trials=3, command="")
    again = resume_tune(root, hours=1.0, trials=4, command="")
    assert again["trials"] == 4 and again["complete"] + again["pruned"] == 3  # the killed one counts, and is no result
    assert again["best"] >= found["best"]
    lines = (root / "trials.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[1] for line in lines[1:]].count("fail") == 1


def test_a_search_says_what_it_found_and_where_none_is_better() -> None:
    from streamvision.training.tuning import found_in_words

    said = found_in_words("top-1", [0.5, 0.75], given_up=1, own=0.5, pictures=16)
    assert said.startswith("The best of 3 trials (2 to the end, 1 given up) has top-1 0.750 on 16 pictures")
    assert "own settings 0.500" in said and "no trial has looked at the held-out pictures" in said
    assert "none is better" in found_in_words("top-1", [0.5, 0.5], given_up=0, own=0.5, pictures=16)
    assert "none is better" not in found_in_words("top-1", [0.5], given_up=0, own=None, pictures=16)


def test_what_makes_no_sense_is_refused_before_data_are_read(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from streamvision.training.tuning import tune

    nowhere = load_recipe(None, {"data": tmp_path / "nowhere", "model": "pix2pix"})
    with pytest.raises(ConfigError, match="tune is not for networks that make pictures"):
        tune(nowhere, 1.0, trials=1, project=tmp_path / "runs", name=None, command="")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("hours", "trials"), [(-1.0, None), (math.nan, None), (1e9, None), (1.0, 0)])
def test_a_search_without_time_or_trials_is_refused(
    hours: float, trials: int | None, hues: Path, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    from streamvision.training.tuning import tune

    with pytest.raises(ConfigError, match="give hours above 0 up to 10,000, and at least one trial"):
        tune(recipe(hues), hours, trials=trials, project=tmp_path / "runs", name=None, command="")
    assert not (tmp_path / "runs").exists()


def test_time_that_is_up_ends_a_search_with_what_to_do(hues: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from streamvision.training.tuning import tune

    with pytest.raises(ConfigError, match=r"none of 1 trial came to its end in .* --tune HOURS"):
        tune(recipe(hues, epochs=30), 1e-6, trials=None, project=tmp_path, name="search", command="")


def test_the_folder_of_another_runs_no_code_and_damage_is_told(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from streamvision.training.tuning import resume_tune

    (tmp_path / "recipe.yaml").write_text(f"data: .\nmodel: {tmp_path}/theirs.py:build\n", encoding="utf-8")
    (tmp_path / "theirs.py").write_text("raise SystemExit('their code runs')", encoding="utf-8")
    (tmp_path / "folds.json").write_text('{"count": 2, "ended": false}', encoding="utf-8")
    state = {"choices": [], "hours": 1, "spent_s": 0, "trials": None, "measured": 1}
    (tmp_path / "search.json").write_text(json.dumps(state), encoding="utf-8")
    for resume in (partial(resume_repeated, by=FOLDS), partial(resume_tune, hours=None, trials=None)):
        with pytest.raises(UntrustedError, match="would be imported and run with your rights"):
            resume(tmp_path, command="")
    (tmp_path / "recipe.yaml").write_text("data: .\nmodel: lenet\n", encoding="utf-8")
    (tmp_path / "study.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError, match=r"study\.db cannot be read"):
        resume_tune(tmp_path, hours=None, trials=None, command="")
    (tmp_path / "search.json").write_text('{"choices": [], "hours": 1, "spent_s": 0}', encoding="utf-8")
    with pytest.raises(ConfigError, match="is not that of a search"):
        resume_tune(tmp_path, hours=None, trials=None, command="")


def test_what_is_given_is_held() -> None:
    given = load_recipe(None, {"data": ".", "model": "yolox_nano", "lr": 0.002, "epochs": 2})
    choices = choices_of(given, trainer_of("yolox_nano"), is_unbalanced=True)
    assert [one.setting for one in choices] == ["weight_decay", "final_lr", "preset", "balance"]
    assert own_settings(given, choices) == {
        "weight_decay": given.weight_decay,
        "final_lr": given.final_lr,
        "preset": "light",
        "balance": "none",
    }
    named = {one.setting: getattr(given, one.setting) for one in choices} | {"warmup": 1.0}
    everything = load_recipe(None, {"data": ".", "model": "yolox_nano", "lr": 0.002, **named})
    with pytest.raises(ConfigError, match="leave out what is to be found"):
        choices_of(everything, trainer_of("yolox_nano"), is_unbalanced=True)


def test_folds_are_summed_up_by_the_figures_that_all_of_them_have() -> None:
    figures = [{"skill": 0.5, "top1": 1.0}, {"skill": 0.25}]  # no held-out picture of the second fold has a class
    folds = [
        repeated.RunFigures(number=number, run="fold", epochs=1, last=one, best=one)
        for number, one in enumerate(figures, 1)
    ]
    summary = repeated._summary(RunFolder(Path("all")), FOLDS, folds)
    assert summary["last"] == {"skill": {"mean": 0.375, "sd": stdev([0.5, 0.25]), "least": 0.25, "most": 0.5}}
    assert "skill 0.375" in summary["sentence"]
    assert "top-1" not in summary["sentence"]


@pytest.mark.parametrize("summary", ["[]", '{"top1": null}', '{"top1": "much"}', "{"])
def test_a_seed_whose_folder_was_damaged_is_one_sentence(summary: str, tmp_path: Path) -> None:
    write_recipe(load_recipe(None, {"data": tmp_path, "model": "lenet"}), tmp_path / "recipe.yaml")
    (tmp_path / "seeds.json").write_text('{"count": 2, "ended": false}', encoding="utf-8")
    run = tmp_path / "seed-0"
    run.mkdir()
    (run / "summary.json").write_text(summary, encoding="utf-8")
    (run / "curves.csv").write_text("epoch,top1\n1,0.5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="seed-0 is not that of a training that has ended; remove it"):
        resume_repeated(tmp_path, SEEDS, command="train --resume")
