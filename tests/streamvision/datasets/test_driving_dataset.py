"""The drive as a table of commands: truth, recovery from offsets, other roads for each part."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from streamvision.cli.data_synthetic import synthetic
from streamvision.datasets.answer_table import read_answers
from streamvision.datasets.drive import DriveSampling
from streamvision.datasets.driving import answers_of, driven_pictures, write_drive_commands
from streamvision.synthetic.driving import DrivenWorld, WorldOptions

SAMPLING = DriveSampling(26, seed=5, width_px=96, height_px=64, val_images=4)


def test_the_table_is_one_of_numbers_that_networks_learn(tmp_path: Path) -> None:
    write_drive_commands(tmp_path / "driving", SAMPLING)
    pictures = read_answers(tmp_path / "driving" / "answers.csv")
    assert [(card.name, card.unit) for card in pictures.numbers] == [
        ("steering", None),
        ("speed", "m/s"),
        ("lane_10", "m"),
        ("lane_20", "m"),
        ("gap", "m"),
    ]
    assert [(card.name, card.unit, card.largest) for card in pictures.known] == [
        ("own_speed", "m/s", 20.0),
        ("stood_ago", "s", 8.0),
    ]
    assert all(0 <= image.known.get("own_speed", 0.0) <= 20 for image in pictures.images)
    assert sum("stood_ago" in image.known for image in pictures.images) > 20
    assert [image.split for image in pictures.images].count("val") == 4
    assert len(pictures.images) == 30
    assert cv2.imread(str(pictures.images[0].path)).shape == (64, 96, 3)
    rows = list(csv.DictReader((tmp_path / "driving" / "answers.csv").open(encoding="utf-8")))
    steering, lane_m = ([float(row[key]) for row in rows] for key in ("steering", "lane_10 [m]"))
    assert np.corrcoef(steering, lane_m)[0, 1] > 0.9  # it steers towards the lane
    assert max(steering) - min(steering) > 0.1


def test_the_command_writes_it(tmp_path: Path) -> None:
    size, output = ("--size", "96x64"), ("--output", str(tmp_path / "out"))
    done = CliRunner().invoke(synthetic, ["--task", "drive", "--images", "2", "--val-images", "1", *size, *output])
    assert done.exit_code == 0, done.output
    assert len((tmp_path / "out" / "answers.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_the_parts_are_of_other_roads_and_a_seed_gives_the_same_again() -> None:
    def drawn() -> list[tuple[str | None, int, tuple[float, ...]]]:
        return [(one.split, one.scene.world.options.seed, one.answers) for one in driven_pictures(SAMPLING)]

    first = drawn()
    train, val = ({seed for part, seed, _ in first if part == name} for name in ("train", "val"))
    assert train
    assert val.isdisjoint(train)
    assert drawn() == first


@pytest.mark.parametrize("side", [-1, 1])
def test_beside_the_lane_the_answer_is_the_way_back(side: int) -> None:
    world = DrivenWorld(WorldOptions(seed=3))
    world.reset(offset_m=side * 1.0)
    steering, speed_m_s, near_m, *_ = answers_of(world.situation())
    assert np.sign(steering) == np.sign(near_m) == -side
    assert 0 <= speed_m_s <= 20


def test_standing_and_something_to_brake_for_are_well_represented() -> None:
    sampling = DriveSampling(600, seed=7, width_px=64, height_px=64)
    drawn = [one.answers for one in driven_pictures(sampling)], [one.known for one in driven_pictures(sampling)]
    answers, known = (np.array(rows, float) for rows in drawn)
    wanted, gap, own = answers[:, 1], answers[:, 4], known[:, 0]
    own_is_known = ~np.isnan(own)
    assert 0.9 < own_is_known.mean() < 1
    assert (wanted < own - 1)[own_is_known].mean() > 0.1  # to brake
    assert (own < 0.3)[own_is_known].mean() > 0.05  # standing
    assert (gap < 10).mean() > 0.05
