"""Average precision before and after, in the way that is honest for each kind of export."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exporters.base import ExportOptions
from exporters.parity.accuracy import Accuracy
from exporters.parity.gate import Gate
from exporters.pictures import pictures_in
from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.core.errors import ConfigError
from streamvision.datasets import read_dataset
from support.broken_exports import BrokenTarget, behind_output, card, input_card
from support.labelled import coco_subset

pytest.importorskip("faster_coco_eval")


class Suppressing(BrokenTarget):
    """Claims suppression inside where it was asked for, and has none: duplicates come out."""

    def export(self, source, options, folder):
        self._card = card(nms_inside=options.nms)
        return super().export(source, options, folder)


class Stretching(BrokenTarget):
    def export(self, source, options, folder):
        return replace(super().export(source, options, folder), input_changes=frozenset({"resize"}))


@pytest.fixture(scope="module")
def source(data_dir):
    return OnnxSource(data_dir / "models" / "yolox_nano.onnx")


@pytest.fixture(scope="module")
def dataset(data_dir, tmp_path_factory):
    return read_dataset(coco_subset(data_dir, tmp_path_factory.mktemp("coco"), count=8))


@pytest.fixture
def measure(source, dataset, tmp_path):
    def run(target, *, options=None, budget=None):
        options = options or ExportOptions()
        artifact = target.export(source, options, tmp_path)
        accuracy = Accuracy(source, dataset, budget_points=budget)
        stage = accuracy.stage(target, artifact, options, limit_points=0.5, scratch=tmp_path)
        return stage, {figure.name: figure.value for figure in stage.figures}

    return run


def shifted() -> BrokenTarget:
    """Moves every box to the right by three quarters of a cell."""
    offset = np.zeros((1, 1, 85), np.float32)
    offset[..., 0] = 0.75
    return BrokenTarget(behind_output(("Add", [offset], {})))


def test_a_faithful_copy_loses_nothing(measure):
    stage, figures = measure(BrokenTarget())
    assert stage.passed
    assert figures["lost_points"] == 0
    assert figures["map50_95_before"] > 0.1


def test_a_loss_above_the_budget_fails_and_a_larger_budget_allows_it(measure):
    stage, figures = measure(shifted())
    assert figures["lost_points"] > 0.5
    assert not stage.passed
    assert "points of mAP50-95 are lost, the budget is 0.5" in stage.sentence()
    assert measure(shifted(), budget=figures["lost_points"] + 1)[0].passed


def test_suppression_inside_is_measured_through_its_twin_and_at_the_working_score(measure):
    stage, figures = measure(Suppressing(), options=ExportOptions(nms=True))
    assert figures["lost_points"] == 0, "the twin without suppression is the source itself"
    assert figures["lost_points_at_working_score"] > 0.5, "the export itself gives duplicates"
    assert not stage.passed
    assert any("without suppression" in note for note in stage.notes)


def test_another_resize_rule_on_purpose_is_judged_alike_and_its_cost_is_said(measure):
    stage, figures = measure(Stretching(card=input_card(resize="stretch")))
    assert stage.passed
    assert figures["lost_points"] == 0
    assert figures["source_fed_by_its_own_rule_map50_95_at_working_score"] is not None
    assert any("stretch" in note for note in stage.notes)


def test_the_gate_measures_only_what_has_passed(source, dataset, data_dir, tmp_path):
    pictures, broken = pictures_in(data_dir / "coco_calib", count=2), BrokenTarget(card=input_card(color="rgb"))
    gate = Gate(source, pictures, accuracy=Accuracy(source, dataset))
    for target, last in ((BrokenTarget(), "accuracy"), (broken, "result")):
        artifact = target.export(source, ExportOptions(), tmp_path)
        assert gate.prove(target, artifact, ExportOptions(), scratch=tmp_path).stages[-1].name == last


def test_a_model_without_boxes_has_no_average_precision(source, dataset):
    class Classifier:
        card = source.card.model_copy(update={"task": "classify"})

    with pytest.raises(ConfigError, match="classify"):
        Accuracy(Classifier(), dataset)
