"""Outputs that are not what a head takes them for: logits, values that are no numbers, classes without names."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ModelError
from support.foreign_layouts import CELLS, N, num_dets, opened
from support.red_box_networks import RedBox, red_box_picture


class TestScores:
    @staticmethod
    def scored(path: Path, value: float) -> Path:
        net = RedBox((1, 0.2, 0.8), tolerance=0.02)  # nothing on the drawn picture looks so
        rows = net.row_of(CELLS, *net.centre(), net.class_scores(N, value), at=30)
        return net.save(path, {"output0": (net.node("Transpose", rows, perm=[0, 2, 1]), [1, 4 + N, CELLS], "float32")})

    def test_logits_are_found_before_the_first_frame(self, tmp_path: Path) -> None:
        net = RedBox()
        rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30, fill=[1.0] * 4 + [-6.0] * N)
        out = net.node("Transpose", rows, perm=[0, 2, 1])
        path = net.save(tmp_path / "model.onnx", {"output0": (out, [1, 4 + N, CELLS], "float32")})
        with pytest.raises(ModelError, match=r"gives scores from -6 to .*logits"):
            opened(path)

    def test_those_that_show_later_are_an_error_then(self, tmp_path: Path) -> None:
        picture = red_box_picture()
        pixels = picture.to_bgr().copy()
        pixels[pixels[..., 2] == 255] = (204, 51, 255)
        said = r"gives scores from 7\.5 to 7\.5 and not in 0\.\.1"
        with opened(self.scored(tmp_path / "model.onnx", 7.5)) as model, pytest.raises(ModelError, match=said):
            model.detect([type(picture)(pixels)])

    def test_values_that_are_no_numbers_are_counted_and_said(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        net = RedBox()
        rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
        nothing = net.times(net.node("Log", net.times(net.found, -1.0)), 0.0)
        rows = net.node("Add", rows, nothing)
        out = net.node("Transpose", rows, perm=[0, 2, 1])
        path = net.save(tmp_path / "model.onnx", {"output0": (out, [1, 4 + N, CELLS], "float32")})
        with opened(path) as model:
            before = model.notes()
            for _ in range(3):
                assert len(model.detect([red_box_picture()])[0]) == 0
            assert "On 3 pictures the model gave values that are no numbers" in model.notes()[-1]
            assert model.notes()[:-1] == before
        assert caplog.text.count("no numbers") == 1


def test_fewer_names_than_classes_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(num_dets(tmp_path / "model.onnx"), names=("person", "bicycle")) as model:
        for _ in range(3):
            assert len(model.detect([red_box_picture()])[0]) == 0
    assert caplog.text.count("finds objects of class 2, but has 2 names (person, bicycle)") == 1
