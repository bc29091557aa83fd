"""Drawn faces: their landmarks lie on what was painted, and the set is read as a set of keypoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from streamvision.cli.main import cli
from streamvision.datasets import read_dataset
from streamvision.datasets.keypoints import read_keypoint_layout
from streamvision.synthetic.faces import LANDMARKS, MIRRORED, FacePainter

PLACE = {name: index for index, name in enumerate(LANDMARKS)}


def test_eyes_are_where_their_corners_are() -> None:
    """The middle of an eye is unlike the skin between eye and mouth, which the landmarks tell, too."""
    painter = FacePainter(160, 160, seed=4)
    unlike = []
    for _ in range(24):
        bgr, faces = painter.picture()
        for face in faces:
            points = face.landmark_xyv
            if not (points[:, 2] == 2)[:4].all():
                continue
            for side in ("left", "right"):
                outer, inner = points[PLACE[f"{side}_eye_outer"], :2], points[PLACE[f"{side}_eye_inner"], :2]
                cheek = (2 * outer + points[PLACE[f"{side}_mouth_corner"], :2]) / 3
                eye, skin = (bgr[int(y), int(x)].astype(int) for x, y in ((outer + inner) / 2, cheek))
                unlike.append(np.abs(eye - skin).max() > 25)
    assert len(unlike) > 20
    assert np.mean(unlike) > 0.8


def test_landmarks_lie_in_the_head_and_right_is_the_face_s_own() -> None:
    painter = FacePainter(96, 128, seed=1)
    for _ in range(20):
        bgr, faces = painter.picture()
        assert bgr.shape == (128, 96, 3)
        for face in faces:
            left, top, right, bottom = face.box_xyxy_px
            assert 0 <= left < right <= 96 and 0 <= top < bottom <= 128
            seen = face.landmark_xyv[face.landmark_xyv[:, 2] > 0]
            assert (seen[:, 0] >= left - 8).all() and (seen[:, 0] <= right + 8).all()
            if (face.landmark_xyv[:4, 2] > 0).all():
                assert face.landmark_xyv[0, 0] < face.landmark_xyv[3, 0]


def test_equal_seeds_give_equal_pictures_and_a_mirror_of_a_mirror_is_the_same() -> None:
    (first, _), (again, _), (other, _) = (FacePainter(64, 64, seed).picture() for seed in (5, 5, 6))
    assert (first == again).all() and (first != other).any()
    assert [MIRRORED[index] for index in MIRRORED] == list(range(len(LANDMARKS)))
    for index, mirrored in enumerate(MIRRORED):
        sides = {name: name.replace("left", "*").replace("right", "*") for name in LANDMARKS}
        assert sides[LANDMARKS[index]] == sides[LANDMARKS[mirrored]]


def test_the_command_writes_a_set_of_keypoints(tmp_path: Path) -> None:
    arguments = ["data", "synthetic", "--task", "pose", "--images", "5", "--val-images", "2", "--size", "80x64"]
    done = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "faces")])
    assert done.exit_code == 0, done.output
    dataset = read_dataset(tmp_path / "faces", shapes=True)
    assert not dataset.problems
    assert (len(dataset.part("train").images), len(dataset.part("val").images)) == (5, 2)
    layout = read_keypoint_layout(tmp_path / "faces", dataset)
    assert (layout.names, layout.mirrored, layout.values) == (LANDMARKS, MIRRORED, 3)
    alone = CliRunner().invoke(cli, [*arguments[:5], "2", "--size", "80x64", "--output", str(tmp_path / "few")])
    assert alone.exit_code == 0, alone.output
    assert [image.split for image in read_dataset(tmp_path / "few").images] == [None, None]
