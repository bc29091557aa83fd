"""``streamvision train --model captioner``: it learns, goes on after a kill, and its export writes the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import torch

import streamvision
from streamvision.checkpoints.captioner import OF_WORDS, Captioner, padded
from streamvision.core.errors import ConfigError
from streamvision.datasets.captions import read_captions
from streamvision.evaluation.captions.evaluate import NO_PERPLEXITY, evaluate_captions
from streamvision.evaluation.model import open_model
from streamvision.inference.sentence_words import SPECIAL
from streamvision.models import default_model_path
from streamvision.training.captions.data import prepare_captions, vocabulary
from streamvision.training.captions.samples import CaptionSamples
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import load_recipe
from streamvision.training.run_folder import RunFolder
from streamvision.training.session import make_run, start_training
from support.captioned_pictures import write_squares
from support.command_line import called
from support.killed_runs import killed_and_resumed

pytestmark = [pytest.mark.slow, pytest.mark.reference]
KILLED_AFTER, EPOCHS = 3, 12


def recipe(data: Path, **more: Any) -> Any:
    given = {"data": data, "model": "captioner", "imgsz": 64, "batch": 8, "lr": 3e-3, "warmup": 1, "threads": 1}
    return load_recipe(None, given | {"preset": "plain", "precision": "fp32"} | more)


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares")


@pytest.fixture(scope="module")
def run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed, and went on to its end."""
    project = tmp_path_factory.mktemp("runs")
    killed_and_resumed(recipe(squares, epochs=EPOCHS), project, after=KILLED_AFTER)
    return project / "run"


def test_it_learns_and_leaves_all_that_a_run_leaves(run: Path) -> None:
    with (run / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == list(range(1, EPOCHS + 1))
    assert max(row["bleu4"] for row in rows) > 0.8
    assert rows[-1]["val_loss_word"] < rows[0]["val_loss_word"] / 2
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["task"] == "caption"
    assert summary["onnx_checked"].startswith("equal")
    for name in ("curves.png", "results.png", "recipe.yaml", "split.json", "weights/best.pt", "weights/last.pt"):
        assert (run / name).stat().st_size > 0, name
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "BLEU-4" in card
    assert "| square | 48 | 12 |" in card


def test_the_export_writes_the_same_sentences(squares: Path, run: Path) -> None:
    pictures = read_captions(squares)
    found = {}
    for file in ("best.onnx", "best.pt"):
        with open_model(run / "weights" / file) as writer:
            found[file] = evaluate_captions(writer, pictures.part("val"), training=pictures.part("train"))
    export, checkpoint = found["best.onnx"], found["best.pt"]
    assert export.said == checkpoint.said
    assert export.bleu4 == checkpoint.bleu4
    assert (checkpoint.bleu4 or 0) > (checkpoint.baseline.bleu4 or 0) + 0.2
    assert export.perplexity is None
    assert NO_PERPLEXITY in export.notes
    assert checkpoint.perplexity is not None
    assert 1 <= checkpoint.perplexity < 2
    assert checkpoint.facts is None  # the sentences are not of the drive's grammar


def test_the_command_prints_figures_beside_those_of_saying_the_same(squares: Path, run: Path) -> None:
    done = called("eval", "caption", run / "weights" / "best.onnx", "--data", squares, "--split", "val", "--json")
    assert done.code == 0, done.stderr
    assert done.report["images"] == 12
    assert done.report["bleu4"] > done.report["baseline"]["bleu4"]
    assert done.report["baseline"]["of"] == "the pictures to learn from"
    assert set(done.report["sentences"][0]) == {"picture", "said", "captions"}


def test_the_file_runs_by_its_card_alone_and_says_its_sentence(run: Path, squares: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    source = squares / "images"
    done = called("run", "--source", source, "--model", run / "weights" / "best.onnx", "--detections", lines, "--json")
    assert done.code == 0, done.stderr
    texts = [json.loads(line)["text"] for line in lines.read_text(encoding="utf-8").splitlines()]
    assert texts
    assert all(one["text"].startswith("a ") and 0 < one["score"] <= 1 for one in texts)


def test_on_a_stream_its_sentence_of_a_key_frame_goes_along_with_later_frames(run: Path) -> None:
    slow = [{"name": "captions", "model": str(run / "weights" / "best.onnx"), "every_s": 10.0, "score": 0.1}]
    source = "synthetic:drive?seed=9&size=192x108&fps=10&frames=5&realtime=0"
    with streamvision.stream(source, model=default_model_path(), key_frames=slow) as results:
        said = [result.to_dict()["key_frames"]["captions"] for result in results]
    assert len({one["text"]["text"] for one in said}) == 1
    assert said[0]["text"]["text"]
    assert [one["age_s"] for one in said] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.01)


def test_what_it_writes_is_what_it_finds_likeliest_word_by_word() -> None:
    torch.manual_seed(1)
    network = Captioner(12, 6).eval()
    with torch.no_grad():
        network.words.weight.mul_(3)  # so that it is sure of something
        pictures = torch.rand(3, 3, 32, 48)
        tokens, probabilities = network.write(pictures)
        likely = network(pictures, tokens.long()).softmax(dim=2).max(dim=2)
    ended = tokens.cumprod(dim=1) == 0
    ended[:, 1:] = ended[:, :-1].clone()
    ended[:, 0] = False
    assert torch.equal(torch.where(ended, 0, likely.indices), tokens.long())
    assert torch.allclose(torch.where(ended, 0, likely.values), probabilities, atol=1e-5)


def test_words_go_on_by_name_in_a_run_from_earlier_weights(run: Path, tmp_path: Path) -> None:
    data = write_squares(tmp_path / "more", train=8, val=2)
    table = data / "captions.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("green square", "big green box"), encoding="utf-8")
    weights = run / "weights" / "best.pt"
    begun = make_run(
        recipe(data, weights=weights), RunFolder(tmp_path), TrainingProgress(), resume=False, trusted=False
    )
    assert "by name" in begun.beginning


def test_what_is_held_out_of_added_pictures_is_measured_by_its_sentences(tmp_path: Path) -> None:
    data, added = (write_squares(tmp_path / name, train=8, val=2, seed=seed) for seed, name in enumerate("ab"))
    given = recipe(data, add=(added,), epochs=1)
    done = start_training(given, project=tmp_path, name="run", command="train")
    assert done["added"]["images"] > 0
    assert 0 <= done["added"]["bleu4"] <= 1


def test_vocabulary_is_of_the_most_frequent_words_with_the_special_ones_first() -> None:
    assert vocabulary([["b a", "b"], ["c"]], most=2) == (*SPECIAL, "b", "a")
    assert set(OF_WORDS) <= set(Captioner(4, 3).state_dict())


def test_pictures_are_never_mirrored_and_a_wish_for_it_is_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="say left and right"):
        prepare_captions(RunFolder(tmp_path), recipe(squares, augment={"flip": 0.5}))
    given = recipe(squares, preset="light")
    data = prepare_captions(RunFolder(tmp_path), given)
    samples = CaptionSamples(data.train, side_px=64, names=data.names, longest=8)
    right = data.names.index("right")
    for pictures, words in samples.batches(data.repeats, given, epoch=1, mixing=True):
        colour = (pictures.amax(dim=1) - pictures.amin(dim=1)).sum(dim=1)  # (N, W): where the square is
        is_right = colour[:, 32:].sum(dim=1) > colour[:, :32].sum(dim=1)
        assert torch.equal(is_right, (words == right).any(dim=1))


def test_shorter_sentences_are_padded() -> None:
    assert padded([[2, 0], [3, 4, 0]]).tolist() == [[2, 0, -1], [3, 4, 0]]
    assert np.asarray(padded([[0]])).dtype == np.int64
