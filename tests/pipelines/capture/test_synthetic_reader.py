"""Synthetic scenes: equal for equal seeds, and exactly where they say they are."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.capture.registry import parse_source
from pipelines.capture.synthetic_reader import SyntheticOptions, parse_options
from streamvision.core.errors import SourceError
from streamvision.core.picture import BgrPicture
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take


def test_options() -> None:
    assert parse_options("boxes") == SyntheticOptions("boxes")
    assert parse_options("boxes?fps=5&size=320x180&seed=3&frames=10&realtime=0") == SyntheticOptions(
        "boxes", fps=5.0, width_px=320, height_px=180, seed=3, frames=10
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("bxoes", "the scenes are boxes"),
        ("boxes?speed=3", "'speed' is no option"),
        ("boxes?size=320", "size as WxH"),
        ("boxes?fps=0", "fps goes to"),
        ("drive?size=8192x32", "none over 16 times the other"),
        ("steered_drive?size=32x8192", "none over 16 times the other"),
        ("drive?size=8192x8192", "at most 35 million pixels"),
        ("drive?size=31x64", "sides from 32"),
        ("boxes?frames=0", "frames from 1"),
        (f"boxes?seed={'9' * 400}", "seed from 0 to"),
        (f"boxes?frames={'9' * 400}", "frames from 1"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(text: str, fault: str) -> None:
    with pytest.raises(SourceError, match=fault) as caught:
        parse_options(text)
    assert caught.value.permanent
    with pytest.raises(SourceError, match=fault):
        parse_source(f"synthetic:{text}")


def test_the_truth_is_where_the_objects_are_drawn() -> None:
    scene = parse_options("boxes?size=640x360&seed=7").create_scene()
    colors = {}
    for index in range(0, 2000, 37):
        picture, truth = scene.picture_at(index), scene.objects_at(index)
        assert isinstance(picture, BgrPicture)
        assert truth.box_xyxy_px.min() >= 0
        assert (truth.box_xyxy_px[:, 2:] <= (640, 360)).all()
        assert truth.identities() == [1, 2, 3, 4, 5, 6]
        left, top, right, bottom = truth.box_xyxy_px[-1].astype(int)  # the last one is hidden by none
        inside = picture.bgr[top + 1 : bottom - 1, left + 1 : right - 1].reshape(-1, 3)
        assert (inside == inside[0]).all()
        outside = picture.bgr[max(top - 1, 0), max(left - 1, 0)]
        colors.setdefault(int(truth.class_id[-1]), set()).add(tuple(inside[0].tolist()))
        assert top == 0 or left == 0 or tuple(outside.tolist()) != tuple(inside[0].tolist())
    assert all(len(seen) == 1 for seen in colors.values())


def test_objects_move_smoothly_and_only_the_seed_decides() -> None:
    first, again, other = (parse_options(f"boxes?seed={seed}").create_scene() for seed in (1, 1, 2))
    steps = np.diff([first.objects_at(index).box_xyxy_px for index in range(500)], axis=0)
    assert np.abs(steps).max() <= 9
    assert (np.abs(steps).sum(axis=0) > 100).all()
    assert np.array_equal(first.picture_at(99).to_bgr(), again.picture_at(99).to_bgr())
    assert not np.array_equal(first.picture_at(99).to_bgr(), other.picture_at(99).to_bgr())


def test_live_keeps_its_pace_and_file_goes_as_fast_as_it_is_consumed() -> None:
    with capturing("synthetic:boxes?fps=50&frames=25") as capture:
        frames = take(capture)
        assert capture.spec.live
    assert frames[-1].captured_at_s - frames[0].captured_at_s > 0.4
    with capturing("synthetic:boxes?fps=1&frames=60&size=160x90&realtime=0") as capture:
        frames = take(capture)
    assert [frame.index for frame in frames] == list(range(60))
    assert frames[-1].pts_s == pytest.approx(59.0)
    assert capture.expected_frames == 60
    assert capture.state.state is StreamState.ENDED
