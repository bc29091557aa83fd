"""``streamvision data synthetic --trip``: the card and its truth, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamvision.cli.data_synthetic import synthetic
from streamvision.core.errors import ConfigError

SMALL = ["--trip", "--minutes", "0.1", "--clip-s", "3", "--fps", "2", "--size", "64x64"]


def asked(*arguments: str) -> str:
    result = CliRunner().invoke(synthetic, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_cards_of_two_makers_have_the_same_truth(tmp_path: Path) -> None:
    said = asked(
        *SMALL, "--maker", "mivue", "--maker", "viofo", "--zone", "-03:30", "--gps-noise", "independent",
        "--gps-hole", "2-3", "--output", str(tmp_path / "cards"), "--json",
    )  # fmt: skip
    cards = json.loads(said)["cards"]
    assert [card["maker"] for card in cards] == ["mivue", "viofo"]
    assert cards[0]["clips"] == ["Normal/F/FILE260601-050012F.MP4", "Normal/F/FILE260601-050015F.MP4"]
    for card in cards:
        assert all((Path(card["folder"]) / clip).is_file() for clip in card["clips"])
    signs = {(Path(card["truth"]) / "signs.geojson").read_text() for card in cards}
    assert len(signs) == 1
    stated = json.loads((Path(cards[0]["truth"]) / "trip.json").read_text())
    assert stated["noise"]["independent_m"] == 3.0 and stated["noise"]["correlated_m"] == 0.0
    assert stated["camera"]["focal_px"] == pytest.approx(0.9 * 64)
    sentences = (Path(cards[0]["folder"]) / "Normal/F/FILE260601-050012F.NMEA").read_text()
    assert ",V," in sentences and ",A," in sentences, "two to three seconds have no reception"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "either --task"),
        (["--trip", "--task", "detect"], "either --task"),
        (["--trip", "--images", "3"], "--images means nothing with --trip"),
        (["--task", "detect", "--clip-s", "3"], "--clip-s means nothing without --trip"),
        (["--trip", "--zone", "CET"], "such as"),
        (["--trip", "--gps-hole", "7-5"], "such as 20-45"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        asked(*arguments, "--output", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("--minutes", "nan", "no finite number"),
        ("--gps-noise-m", "nan", "no finite number"),
        ("--clock-error-s", "inf", "not in the range"),
    ],
)
def test_numbers_that_are_none_are_refused_by_their_option(tmp_path: Path, option: str, given: str, said: str) -> None:
    arguments = ["--trip", option, given, "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(synthetic, arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()
