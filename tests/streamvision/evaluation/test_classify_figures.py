"""The figures of classifiers are those of torchmetrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamvision.datasets.dataset import NamedPicture
from streamvision.evaluation.classify import ClassifyEvaluation, confused
from streamvision.evaluation.scores import calibrated, score_bins

NAMES = ("crosswalk", "speedlimit", "stop", "trafficlight")


def evaluation(truth: list[int], said: list[int]) -> ClassifyEvaluation:
    right, answers = np.array(truth, np.intp), np.array(said, np.intp)
    score = np.full(len(truth), 0.5, np.float32)
    return ClassifyEvaluation(
        model="",
        seconds=0.0,
        notes=(),
        problems=(),
        names=NAMES,
        place=(right != answers).astype(np.intp),
        truth=right,
        images=tuple(NamedPicture(Path(f"{at}.png"), class_id) for at, class_id in enumerate(truth)),
        said=answers,
        said_score=score,
        right_score=score,
        model_names=NAMES,
        confusion=confused(right, answers, len(NAMES)),
        calibration=calibrated(score_bins(score, right == answers)),
    )


@pytest.mark.reference
@pytest.mark.parametrize("classes_shown", [4, 2])
def test_accuracy_f1_and_confusion_are_those_of_torchmetrics(classes_shown: int) -> None:
    torch = pytest.importorskip("torch")
    figures = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(5)
    truth = rng.integers(classes_shown, size=60)
    said = np.where(rng.random(60) < 0.6, truth, rng.integers(classes_shown, size=60))
    found = evaluation(truth.tolist(), said.tolist())
    given = torch.from_numpy(said), torch.from_numpy(truth)
    count = len(NAMES)
    accuracy = figures.multiclass_accuracy(*given, num_classes=count, average="micro")
    assert found.top(1) == pytest.approx(float(accuracy), abs=1e-6)
    assert found.f1 == pytest.approx(float(figures.multiclass_f1_score(*given, num_classes=count)), abs=1e-6)
    for kind, at in (("precision", 0), ("recall", 1), ("f1_score", 2)):
        theirs = getattr(figures, f"multiclass_{kind}")(*given, num_classes=count, average="none").tolist()
        ours = {name: values[at] for name, values in found.by_class.items()}
        assert ours == pytest.approx(dict(list(zip(NAMES, theirs, strict=True))[:classes_shown]), abs=1e-6)
    confusion = figures.multiclass_confusion_matrix(*given, num_classes=count).numpy()
    assert np.array_equal(found.confusion[:, :count], confusion)


def test_a_class_that_is_never_said_has_no_precision_and_one_without_pictures_no_recall() -> None:
    found = evaluation([0, 0, 1], [0, 2, 0])
    assert found.by_class["speedlimit"] == (None, 0.0, 0.0)
    assert found.by_class["stop"] == (0.0, None, 0.0)
    assert "trafficlight" not in found.by_class
    assert found.f1 == pytest.approx(0.5 / 3)
    assert found.to_json()["per_class"]["crosswalk"] == {
        "top1": 0.5,
        "top5": 1.0,
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "images": 2,
    }
