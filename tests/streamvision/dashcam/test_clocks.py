"""Clocks of cameras: zones, an hour wrong, summer time, local time for UTC, no satellites at all."""

import random
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from streamvision.dashcam.drives import drives_of
from support.card_clips import HOUR_S, T0, clip_at, fixes_of, local, names, paths, stale, starts, viofo_loop

PLUS_TWO = timezone(timedelta(hours=2))


def shuffled(clips, seed=1):
    return random.Random(seed).sample(clips, len(clips))


def only(drives):
    assert len(drives) == 1, [drive.id for drive in drives]
    return drives[0]


@pytest.mark.parametrize("ahead_h", [2, 0, -7, 5.75, 3, 26, -24 * 4000 + 0.3])
def test_satellites_set_a_clock_of_any_zone_and_error(ahead_h):
    clips = viofo_loop(6, start_s=T0 + 0.4, ahead_s=ahead_h * HOUR_S)
    drive = only(drives_of(shuffled(clips)))
    assert names(drive) == paths(clips)
    assert starts(drive) == pytest.approx([0.4 + 60 * index for index in range(6)], abs=1.0)
    assert drive.camera_minus_utc_s == pytest.approx(ahead_h * HOUR_S, abs=1.5)
    assert all(
        placed.start.source == "gps" and not placed.drop_s and not placed.gap_s for placed in drive.views["front"]
    )


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.97])
def test_clips_without_positions_are_set_by_those_with(fraction):
    clips = viofo_loop(8, start_s=T0 + fraction, length_s=59.93)
    clips[0], clips[5] = replace(clips[0], gps=None), replace(clips[5], gps=None)
    drive = only(drives_of(shuffled(clips)))
    assert starts(drive) == pytest.approx([fraction + 59.93 * index for index in range(8)], abs=1.0)
    assert drive.views["front"][5].start.source == "file_name"


def test_positions_without_a_time_in_the_video():
    clips = [
        replace(clip, gps=fixes_of(T0 + 60 * index, 60, with_media=False)) for index, clip in enumerate(viofo_loop(5))
    ]
    assert starts(only(drives_of(clips))) == pytest.approx([0, 60, 120, 180, 240], abs=1.0)


def test_a_fix_that_came_late_and_without_a_time_in_the_video():
    late = fixes_of(T0, 60, with_media=False)
    clips = viofo_loop(5)
    clips[0] = replace(clips[0], gps=replace(late, fixes=late.fixes[40:]))
    assert starts(only(drives_of(clips)))[0] == pytest.approx(0, abs=1.0)


@pytest.mark.parametrize("with_media", [True, False])
def test_rows_of_the_drive_before_are_no_clock(with_media):
    gps = stale(fixes_of(T0, 60, with_media=with_media), 12, T0 - 500)
    clips = [replace(viofo_loop(1)[0], gps=gps), *viofo_loop(3, start_s=T0 + 60, counter=2)]
    assert starts(only(drives_of(clips))) == pytest.approx([0, 60, 120, 180], abs=1.0)


def test_a_clip_with_nothing_but_old_rows_is_set_by_its_neighbours():
    clips = viofo_loop(4)
    clips[2] = replace(clips[2], gps=stale(clips[2].gps, 60, T0 - 5000))
    assert starts(only(drives_of(clips))) == pytest.approx([0, 60, 120, 180], abs=1.0)


def test_local_time_in_place_of_utc_is_set_by_the_zone_and_the_positions_too():
    clips = [
        replace(clip, gps=fixes_of(T0 + 60 * index, 60, ahead_s=2 * HOUR_S)) for index, clip in enumerate(viofo_loop(4))
    ]
    drive = only(drives_of(clips, zone=PLUS_TWO))
    assert starts(drive) == pytest.approx([0, 60, 120, 180], abs=1.0)
    assert drive.views["front"][1].clip.gps.fixes[0].unix_s == pytest.approx(T0 + 60, abs=1.0)
    assert any("local time" in note for note in drive.notes)


def test_local_time_in_place_of_utc_is_suspected_where_no_zone_is_given():
    clips = [
        replace(clip, gps=fixes_of(T0 + 60 * index, 60, ahead_s=2 * HOUR_S)) for index, clip in enumerate(viofo_loop(4))
    ]
    assert any("--zone" in note for note in only(drives_of(clips)).notes)


def test_utc_is_utc_where_the_camera_shows_another_time():
    drive = only(drives_of(viofo_loop(3), zone=PLUS_TWO))
    assert starts(drive) == pytest.approx([0, 60, 120], abs=1.0) and drive.notes == ()


def test_a_clock_an_hour_wrong_is_told_where_the_zone_is_known():
    drive = only(drives_of(viofo_loop(3, ahead_s=3 * HOUR_S), zone=PLUS_TWO))
    assert starts(drive) == pytest.approx([0, 60, 120], abs=1.0)
    assert [note for note in drive.notes if "1 h 0 min" in note and "ahead" in note]


def test_one_clip_an_hour_wrong_among_others_with_positions():
    clips = [
        *viofo_loop(4),
        *viofo_loop(1, start_s=T0 + 240, ahead_s=HOUR_S, counter=5),
        *viofo_loop(3, start_s=T0 + 300, counter=6),
    ]
    drive = only(drives_of(shuffled(clips)))
    assert names(drive) == paths(clips)
    assert starts(drive) == pytest.approx([60 * index for index in range(8)], abs=1.0)


@pytest.mark.parametrize("with_numbers", [True, False])
@pytest.mark.parametrize("wrong", [[0], [4], [7], [5, 6, 7], [2, 3]])
def test_clips_an_hour_wrong_where_there_are_no_satellites(with_numbers, wrong):
    clips = []
    for index in range(8):
        at_s = T0 + 60 * index
        stamp = local(at_s, "%Y%m%d_%H%M%S", 3 * HOUR_S if index in wrong else 2 * HOUR_S)
        clips.append(clip_at(f"{stamp}_{index + 7:04d}F.MP4" if with_numbers else f"{stamp}_NF.mp4", at_s))
    drive = only(drives_of(shuffled(clips), zone=PLUS_TWO))
    assert names(drive) == paths(clips)
    assert starts(drive) == pytest.approx([60 * index for index in range(8)], abs=1.0)
    assert any("put right" in note for note in drive.notes)


@pytest.mark.parametrize("apart_s", [HOUR_S + 60, HOUR_S - 60])
def test_clips_of_the_parked_car_are_an_hour_apart_by_chance(apart_s):
    clips = [clip_at(local(T0 + at_s, "%Y%m%d_%H%M%S_PF.mp4"), T0 + at_s) for at_s in (0, apart_s)]
    drives = drives_of(shuffled(clips), zone=PLUS_TWO)
    assert [drive.start_unix_s - T0 for drive in drives] == pytest.approx([0, apart_s], abs=1.0)
    assert not any(drive.notes for drive in drives)


def test_thousands_of_clips_of_a_parked_car_without_satellites():
    at_s = [1979 * index for index in range(4000)]
    clips = [clip_at(local(T0 + at, "%Y%m%d_%H%M%S_PF.mp4"), T0 + at) for at in at_s]
    drives = drives_of(shuffled(clips), zone=PLUS_TWO)
    assert [drive.start_unix_s - T0 for drive in drives] == pytest.approx(at_s, abs=1.0)


def test_the_hour_that_comes_twice_when_summer_time_ends():
    start_s = datetime(2026, 10, 25, 0, 56, tzinfo=timezone.utc).timestamp()
    clips = viofo_loop(4, start_s=start_s, with_gps=False) + viofo_loop(
        70, start_s=start_s + 240, ahead_s=HOUR_S, counter=5, with_gps=False
    )
    drive = only(drives_of(shuffled(clips), zone=timezone(timedelta(hours=1))))
    assert names(drive) == paths(clips)
    assert [at + T0 for at in starts(drive)] == pytest.approx([start_s + 60 * index for index in range(74)], abs=1.0)


def test_new_year_and_a_leap_day():
    for start in (datetime(2026, 12, 31, 23, 58, 30), datetime(2028, 2, 28, 23, 58, 30)):
        start_s = start.replace(tzinfo=timezone.utc).timestamp()
        clips = viofo_loop(4, start_s=start_s, ahead_s=0, with_gps=False)
        assert names(only(drives_of(shuffled(clips), zone=timezone.utc))) == paths(clips)


def test_names_without_satellites_are_in_the_zone_given_or_this_machines():
    clips = viofo_loop(2, with_gps=False)
    given, guessed = only(drives_of(clips, zone=PLUS_TWO)), only(drives_of(clips))
    assert starts(given) == pytest.approx([0, 60], abs=1.0) and given.camera_minus_utc_s == 7200
    here = datetime.fromtimestamp(T0 + 7200, timezone.utc).replace(tzinfo=None).timestamp()
    assert guessed.views["front"][0].start.unix_s == pytest.approx(here, abs=1.0)
    assert guessed.camera_minus_utc_s is None and any("--zone" in note for note in guessed.notes)


@pytest.mark.parametrize("at_end", [False, True])
def test_unknown_names_are_placed_by_their_containers(at_end):
    lengths = [60.0, 60.0, 60.0, 25.0]
    clips = [
        clip_at(f"clip{index}.mp4", T0, length_s, created_s=T0 + 60 * index + 7200 + (length_s if at_end else 0))
        for index, length_s in enumerate(lengths)
    ]
    drive = only(drives_of(shuffled(clips), zone=PLUS_TWO))
    assert names(drive) == paths(clips) and starts(drive) == pytest.approx([0, 60, 120, 180], abs=1.0)
    assert drive.views["front"][0].start.source == "container"


def test_unknown_names_without_any_time_are_placed_by_the_file_systems_steps_of_two_seconds():
    clips = [
        replace(clip_at(f"c{9 - index}.mp4", T0, 61.3), modified_unix_s=(T0 + 61.3 * (index + 1)) // 2 * 2)
        for index in range(5)
    ]
    drive = only(drives_of(shuffled(clips)))
    assert names(drive) == paths(clips)
    assert starts(drive) == pytest.approx([61.3 * index for index in range(5)], abs=2.0)
    assert not any(placed.drop_s for placed in drive.views["front"])


def test_counters_are_in_order_where_nothing_tells_a_time_and_go_on_where_they_begin_again():
    clips = [clip_at(f"DCIM/104UNSVD/GRMN{number:04d}.MP4", T0) for number in (9998, 9999, 1, 2)]
    drive = only(drives_of(shuffled(clips)))
    assert names(drive) == paths(clips) and [round(at - starts(drive)[0]) for at in starts(drive)] == [0, 60, 120, 180]


def test_chapters_of_a_take_share_its_time():
    clips = [
        clip_at(f"GX{chapter:02d}{take:04d}.MP4", T0, 500.0, created_s=T0 + 2000 * (take - 7))
        for take in (7, 8)
        for chapter in (1, 2, 3)
    ]
    drive, later = drives_of(shuffled(clips), zone=timezone.utc)
    assert names(drive) == paths(clips[:3]) and names(later) == paths(clips[3:])
    assert starts(drive) == pytest.approx([0, 500, 1000], abs=1.0)


def test_receivers_of_the_last_thousand_weeks():
    clips = [
        replace(clip, gps=fixes_of(T0 + 60 * index, 60, ahead_s=-1024 * 7 * 86_400))
        for index, clip in enumerate(viofo_loop(3))
    ]
    drive = only(drives_of(clips))
    assert starts(drive) == pytest.approx([0, 60, 120], abs=1.0)
    assert drive.views["front"][0].clip.gps.fixes[0].unix_s == T0


def test_another_camera_without_satellites_is_in_the_same_zone():
    clips = viofo_loop(3) + [
        clip_at(f"{local(T0 + 180 + 60 * index, '%Y%m%d_%H%M%S')}_NF.mp4", T0) for index in range(3)
    ]
    assert starts(only(drives_of(clips))) == pytest.approx([60 * index for index in range(6)], abs=1.0)
