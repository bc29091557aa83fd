"""Clips become drives: loops, gaps, copies, lenses, parking."""

import random
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from streamvision.dashcam.drives import driven, drives_of
from support.card_clips import HOUR_S, T0, clip_at, fixes_of, local, names, paths, starts, viofo_loop


def shuffled(clips, seed=1):
    return random.Random(seed).sample(clips, len(clips))


def test_a_gap_begins_a_new_drive_and_a_counter_may_begin_again():
    morning = viofo_loop(5, counter=999_997)
    evening = viofo_loop(3, start_s=T0 + 8 * HOUR_S, counter=3)
    first, second = drives_of(shuffled(morning + evening))
    assert names(first) == paths(morning) and names(second) == paths(evening)
    assert (first.id, second.id) == ("20260628-113416", "20260628-193416")


def test_a_short_gap_is_told_and_ends_nothing():
    clips = viofo_loop(3) + viofo_loop(2, start_s=T0 + 210, counter=4)
    (drive,) = drives_of(shuffled(clips))
    assert [round(placed.gap_s) for placed in drive.views["front"]] == [0, 0, 0, 30, 0]
    assert len(drives_of(clips, gap_s=20)) == 2


def test_a_hole_in_the_positions_ends_nothing():
    clips = [replace(clip, gps=None) if 3 <= index < 9 else clip for index, clip in enumerate(viofo_loop(12))]
    (drive,) = drives_of(clips)
    assert starts(drive) == pytest.approx([60 * index for index in range(12)], abs=1.0)


@pytest.mark.parametrize("lost_s", [1.0, -1.0])
def test_a_second_lost_or_doubled_at_every_seam_is_told(lost_s):
    clips = viofo_loop(10, lost_s=lost_s)
    (drive,) = drives_of(clips)
    placed = drive.views["front"][1:]
    assert [one.gap_s for one in placed] == pytest.approx([max(lost_s, 0)] * 9, abs=0.2)
    assert [one.drop_s for one in placed] == pytest.approx([max(-lost_s, 0)] * 9, abs=0.2)
    assert starts(drive) == pytest.approx([(60 + lost_s) * index for index in range(10)], abs=0.5)


def test_whole_seconds_in_names_drop_no_frames():
    clips = viofo_loop(15, start_s=T0 + 0.3, length_s=59.97, with_gps=False)
    (drive,) = drives_of(clips, zone=timezone(timedelta(hours=2)))
    assert not any(placed.drop_s or placed.gap_s for placed in drive.views["front"])
    ends = [placed.start.unix_s + 59.97 for placed in drive.views["front"]]
    assert starts(drive)[1:] == pytest.approx([end - T0 for end in ends[:-1]], abs=0.05)


def test_protected_copies_of_the_loop_are_left_out():
    loop = viofo_loop(4)
    copies = [
        clip_at(f"Event/EV{local(T0 + at, '%Y%m%d-%H%M%S')}-000001F.MP4", T0, 30.0, gps=fixes_of(T0 + at, 30))
        for at in (50, 130)
    ]
    (drive,) = drives_of(shuffled(loop + copies))
    assert names(drive) == paths(loop)
    assert sum("left out" in note for note in drive.notes) == 2


def test_a_protected_copy_shows_what_the_loop_has_lost():
    loop = viofo_loop(4)
    copy = clip_at(f"Event/EV{local(T0 + 50, '%Y%m%d-%H%M%S')}-000001F.MP4", T0, 30.0, gps=fixes_of(T0 + 50, 30))
    (drive,) = drives_of(shuffled([loop[0], copy, *loop[2:]]))
    assert names(drive) == paths([loop[0], copy, *loop[2:]])
    first, event, third, _ = drive.views["front"]
    assert event.drop_s == pytest.approx(10, abs=1) and third.gap_s == pytest.approx(40, abs=1)
    assert not first.drop_s and not third.drop_s


def test_clips_that_were_moved_to_the_protected_folder_stay_in_their_place():
    clips = viofo_loop(5)
    moved = replace(clips[2], path=clips[2].path.parent / "RO" / clips[2].path.name, mode="event")
    (drive,) = drives_of(shuffled([*clips[:2], moved, *clips[3:]]))
    assert names(drive) == paths([*clips[:2], moved, *clips[3:]])
    assert not any(placed.drop_s or placed.gap_s for placed in drive.views["front"])


def test_the_same_clip_twice_is_read_once():
    clips = viofo_loop(3)
    twice = [replace(clip, path=clip.path.parent / "backup" / clip.path.name) for clip in clips]
    (drive,) = drives_of(clips + twice)
    assert len(drive.views["front"]) == 3


def test_lenses_are_paired_where_one_begins_a_second_later_and_has_a_clip_less():
    front = viofo_loop(4)
    rear = viofo_loop(3, start_s=T0 + 1, letter="R", with_gps=False)
    (drive,) = drives_of(shuffled(front + rear))
    assert names(drive) == paths(front) and names(drive, "rear") == paths(rear)
    assert starts(drive, "rear") == pytest.approx([1, 61, 121], abs=1.0)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_lens_whose_clock_is_an_hour_off_goes_by_the_other(hours):
    front = viofo_loop(4)
    rear = viofo_loop(4, letter="R", with_gps=False, ahead_s=(2 + hours) * HOUR_S)
    (drive,) = drives_of(shuffled(front + rear))
    assert starts(drive, "rear") == pytest.approx([0, 60, 120, 180], abs=1.0)
    assert any("rear lens" in note for note in drive.notes)


def test_a_lens_that_drifts_goes_by_its_names():
    front = viofo_loop(60)
    rear = [
        replace(clip, duration_s=60 * (1 - 1 / 3600))
        for clip in viofo_loop(60, length_s=60 * (1 - 1 / 3600), letter="R", with_gps=False, lost_s=1 / 60)
    ]
    (drive,) = drives_of(front + rear)
    assert starts(drive, "rear") == pytest.approx([60 * index for index in range(60)], abs=1.0)


def test_two_cameras_at_the_same_time_make_two_drives():
    one = viofo_loop(3)
    other = [
        clip_at(f"{local(T0 + 20 + 60 * index, '%Y%m%d_%H%M%S')}_NF.mp4", T0, gps=fixes_of(T0 + 20 + 60 * index, 60))
        for index in range(3)
    ]
    assert sorted(len(drive.views["front"]) for drive in drives_of(shuffled(one + other))) == [3, 3]


def test_makers_that_follow_on_each_other_make_one_drive():
    clips = [
        *viofo_loop(3),
        *(clip_at(f"{local(T0 + at, '%Y%m%d_%H%M%S')}_NF.mp4", T0, gps=fixes_of(T0 + at, 60)) for at in (180, 240)),
        *(clip_at(f"FILE{local(T0 + at, '%y%m%d-%H%M%S')}F.MP4", T0, gps=fixes_of(T0 + at, 60)) for at in (300, 360)),
    ]
    (drive,) = drives_of(shuffled(clips))
    assert names(drive) == paths(clips)
    assert not any(placed.drop_s or placed.gap_s for placed in drive.views["front"])


def test_clips_of_the_night_make_drives_of_their_own_that_are_told_apart():
    night = [
        clip_at(f"DCIM/Movie/Parking/{local(T0 + at, '%Y_%m%d_%H%M%S')}_000009PF.MP4", T0, 30.0) for at in (9000, 20000)
    ]
    lapse = clip_at(f"Lapse/LA{local(T0 + 60, '%Y%m%d-%H%M%S')}-000017F.MP4", T0, 60.0)
    drives = drives_of(shuffled([*viofo_loop(3), *night, lapse]))
    assert [drive.is_parked for drive in drives] == [False, True, True, True]
    assert len({drive.id for drive in drives}) == 4
    (drive,) = driven(drives)
    assert drive.id == drives[0].id and sum("parked" in note for note in drive.notes) == 3
    assert driven(drives[1:]) == drives[1:]


def test_clips_in_a_parking_folder_that_move_are_of_the_drive():
    clips = viofo_loop(4)
    parking = [replace(clip, mode="parking") for clip in viofo_loop(3, start_s=T0 + 1000, counter=9)]
    assert [drive.is_parked for drive in drives_of(clips + parking)] == [False, False]
    joined = [*clips[:2], *(replace(clip, mode="parking") for clip in clips[2:])]
    assert len(drives_of(joined)) == 1


def test_a_clip_without_an_index_keeps_its_place():
    clips = viofo_loop(5)
    clips[2] = replace(clips[2], duration_s=None, gps=None, size_bytes=20_000_000)
    (drive,) = drives_of(shuffled(clips))
    assert starts(drive) == pytest.approx([0, 60, 120, 180, 240], abs=1.0)
    assert [round(placed.gap_s, -1) for placed in drive.views["front"]] == [0, 0, 0, 40, 0]
    last = viofo_loop(5)
    last[4] = replace(last[4], duration_s=None, gps=None)
    assert starts(drives_of(last)[0]) == pytest.approx([0, 60, 120, 180, 240], abs=1.0)


def test_equal_beginnings_get_ids_of_their_own():
    one, other = viofo_loop(1), [clip_at(f"{local(T0, '%Y%m%d_%H%M%S')}_NF.mp4", T0, gps=fixes_of(T0 + 0.4, 59))]
    ids = [drive.id for drive in drives_of(one + other)]
    assert ids == ["20260628-113416", "20260628-113416-2"]


def test_no_clips_are_no_drives():
    assert drives_of([]) == []


def test_times_that_cannot_be_are_told_and_nothing_breaks():
    for unix_s in (-1e12, 1e13):
        clip = replace(clip_at("x.mp4", T0), modified_unix_s=unix_s)
        (drive,) = drives_of([clip])
        assert len(drive.id) == 15


def test_names_in_notes_are_one_line():
    loop = viofo_loop(2)
    copy = replace(loop[1], path=Path("Event/a\n\udcff.mp4"), mode="event", name=None)
    (drive,) = drives_of([*loop, copy])
    (note,) = [note for note in drive.notes if "left out" in note]
    assert "\n" not in note and note.encode()


def test_a_clock_that_begins_anew_gives_other_clips_the_same_names_in_another_folder():
    first = [replace(clip, size_bytes=60_000_000 + at) for at, clip in enumerate(viofo_loop(3, with_gps=False))]
    second = [replace(clip, path=Path("/other") / clip.path.name, size_bytes=clip.size_bytes + 9) for clip in first]
    drives = drives_of([*first, *second], zone=timezone(timedelta(hours=2)))
    assert sorted(name for drive in drives for name in names(drive)) == sorted(paths([*first, *second]))
    (drive,) = drives_of([*first, *(replace(clip, size_bytes=clip.size_bytes - 9) for clip in second)])
    assert len(names(drive)) == 3
