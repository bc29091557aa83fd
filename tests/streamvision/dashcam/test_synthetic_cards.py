"""Cards as makers write them, of a drawn drive: every frame's UTC within a second, in order, one of the clips cut."""

import os
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from streamvision.dashcam.card import find_clips
from streamvision.dashcam.drives import drives_of
from support.trip_cards import MAKERS, copied_card, true_frames

PLUS_TWO = timezone(timedelta(hours=2))


def true_starts(card):
    starts = {}
    for row in true_frames(card):
        starts.setdefault(Path(row["file"]).name, row["time_unix_s"])
    return starts


@pytest.mark.parametrize("cut", [None, 0, 1, 2])
@pytest.mark.parametrize("maker", MAKERS)
def test_clips_are_in_order_and_on_time(maker, cut, trip_cards, tmp_path):
    card = copied_card(trip_cards[maker], tmp_path / "card")
    true = true_starts(trip_cards[maker])
    if cut is not None:
        path = next(card.rglob(list(true)[cut]))
        about = path.stat()
        path.write_bytes(path.read_bytes()[: about.st_size * 3 // 5])
        os.utime(path, (about.st_atime, about.st_mtime))
    (drive,) = drives_of(find_clips(card), zone=PLUS_TWO)
    found = {placed.clip.path.name: placed.start.unix_s for placed in drive.views["front"]}
    assert list(found) == list(true)
    assert list(found.values()) == pytest.approx(list(true.values()), abs=1.0)
    assert not any(placed.drop_s for placed in drive.views["front"])


def test_another_zone_and_an_hour_more_change_nothing_where_satellites_tell_the_time(trip_cards):
    for zone in (None, timezone.utc, timezone(timedelta(hours=-7))):
        (drive,) = drives_of(find_clips(trip_cards["viofo"]), zone=zone)
        assert drive.views["front"][0].start.unix_s == pytest.approx(
            min(true_starts(trip_cards["viofo"]).values()), abs=1.0
        )
        assert drive.camera_minus_utc_s == pytest.approx(7200, abs=1.0)


@pytest.mark.parametrize("maker", MAKERS)
def test_clips_whose_names_say_nothing_and_one_of_which_is_cut(maker, trip_cards, tmp_path):
    true = true_starts(trip_cards[maker])
    names = {}
    for number, (name, start_s) in enumerate(true.items()):
        source = next(trip_cards[maker].rglob(name))
        target = tmp_path / f"{'bca'[number]}.mp4"
        size = source.stat().st_size
        target.write_bytes(source.read_bytes()[: size // 2 if number == 1 else size])
        os.utime(target, (source.stat().st_atime, source.stat().st_mtime))
        names[target.name] = start_s
    (drive,) = drives_of(find_clips(tmp_path), zone=PLUS_TWO)
    found = {placed.clip.path.name: placed.start.unix_s for placed in drive.views["front"]}
    assert list(found) == list(names)
    assert list(found.values()) == pytest.approx(list(names.values()), abs=1.0)
