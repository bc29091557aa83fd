"""What names and folders of a card say, maker by maker."""

from datetime import datetime
from pathlib import PurePosixPath

import pytest

from streamvision.dashcam.naming import SCHEMES, name_of

AT = datetime(2026, 6, 28, 13, 34, 16)


@pytest.mark.parametrize(
    ("path", "maker", "stamp", "counter", "view", "mode"),
    [
        ("DCIM/Movie/2026_0628_133416_0001F.MP4", "viofo", AT, 1, "front", "normal"),
        ("DCIM/Movie/Parking/2026_0628_133416_0001PR.MP4", "viofo", AT, 1, "rear", "parking"),
        ("DCIM/Movie/RO/20260628_133416_0001EF.MP4", "viofo", AT, 1, "front", "event"),
        ("DCIM/Movie/RO/20260628133416_000123.MP4", "viofo", AT, 123, "front", "event"),
        ("2026_0628_133416_I.MP4", "viofo", AT, None, "interior", "normal"),
        ("2026_0628_133416_0001T.TS", "viofo", AT, 1, "tele", "normal"),
        ("DCIM/MOVIE/2026_0628_133416_007A.MP4", "novatek", AT, 7, "front", "normal"),
        ("DCIM/MOVIE/2026_0628_133416_007B.MOV", "novatek", AT, 7, "rear", "normal"),
        ("BlackVue/Record/20260628_133416_NF.mp4", "blackvue", AT, None, "front", "normal"),
        ("BlackVue/Record/20260628_133416_ER.mp4", "blackvue", AT, None, "rear", "event"),
        ("BlackVue/Record/20260628_133416_IO.mp4", "blackvue", AT, None, "other", "parking"),
        ("BlackVue/Record/20260628_133416_MI.mp4", "blackvue", AT, None, "interior", "manual"),
        ("TeslaCam/RecentClips/2026-06-28_13-34-16-front.mp4", "tesla", AT, None, "front", "normal"),
        ("TeslaCam/SavedClips/x/2026-06-28_13-34-16-left_repeater.mp4", "tesla", AT, None, "left", "event"),
        ("TeslaCam/SentryClips/x/2026-06-28_13-34-16-back.mp4", "tesla", AT, None, "rear", "parking"),
        ("cont_rec/REC_2026_06_28_13_34_16_F.MP4", "thinkware", AT, None, "front", "normal"),
        ("evt_rec/EVT_2026_06_28_13_34_16_R.MP4", "thinkware", AT, None, "rear", "event"),
        ("parking_rec/PARK_2026_06_28_13_34_16_F.MP4", "thinkware", AT, None, "front", "parking"),
        ("DCIM/104UNSVD/GRMN0042.MP4", "garmin", None, 42, "front", "normal"),
        ("DCIM/101SAVED/GRMN0042.MP4", "garmin", None, 42, "front", "event"),
        ("DCIM/104TLPSE/GRMT0042.MP4", "garmin", None, 42, "front", "lapse"),
        ("260628_133416_001_FH.MP4", "nextbase", AT, 1, "front", "normal"),
        ("260628_133416_001_RH.MP4", "nextbase", AT, 1, "rear", "normal"),
        ("260628_133416_199_FH_RADR.MP4", "nextbase", AT, 199, "front", "event"),
        ("Normal/Front/NO20260628-133416-000017F.MP4", "70mai", AT, 17, "front", "normal"),
        ("Event/Back/EV20260628-133416-000017B.MP4", "70mai", AT, 17, "rear", "event"),
        ("Normal/Interior/NO20260628-133416-000017.MP4", "70mai", AT, 17, "interior", "normal"),
        ("Lapse/LA20260628-133416-000017F.MP4", "70mai", AT, 17, "front", "lapse"),
        ("DCIM/200video/front/20260628133416_0060.mp4", "ddpai", AT, None, "front", "normal"),
        ("DCIM/200video/rear/20260628133416_0060_A.mp4", "ddpai", AT, None, "rear", "normal"),
        ("DCIM/200video/front/20260628133416_000060.mp4", "ddpai", AT, None, "front", "normal"),
        ("G_20260628133416_0020_L.mp4", "ddpai", AT, None, "front", "event"),
        ("Q_20260628133416_0060_0300.mp4", "ddpai", AT, None, "rear", "lapse"),
        ("Video/Normal/20260628_133416_0001_N_A.MP4", "vantrue", AT, 1, "front", "normal"),
        ("Video/Event/20260628_133416_0001_E_C.MP4", "vantrue", AT, 1, "rear", "event"),
        ("Normal/F/FILE260628-133416F.MP4", "mivue", AT, None, "front", "normal"),
        ("Event/R/FILE260628-133416.MP4", "mivue", AT, None, "rear", "event"),
        ("CARDV/Movie_R/20260628133416_000123R.mp4", "redtiger", AT, 123, "rear", "normal"),
        ("CARDV/Event_F/20260628133416_000123F.mp4", "redtiger", AT, 123, "front", "event"),
        ("2026_06_28_133416_02_R.MP4", "wolfbox", AT, None, "rear", "event"),
        ("20260628_133416F.ts", "e-ace", AT, None, "front", "normal"),
        ("20260628133416_000123A.ts", "fitcamx", AT, 123, "front", "normal"),
        ("2026-06-28_13_34_16_f.ts", "ford", AT, None, "front", "normal"),
        ("DCIM/100GOPRO/GH020123.MP4", "gopro", None, 123, "front", "normal"),
        ("DCIM/100GOPRO/GHAA0007.MP4", "gopro", None, 7, "front", "normal"),
        ("MyCam 2026-06-28 13.34.16 rear.mp4", "dated", AT, None, "rear", "normal"),
        ("rec-20260628T133416.avi", "dated", AT, None, "front", "normal"),
        ("rear_20260628_133416.mp4", "dated", AT, None, "rear", "normal"),
        ("20260628_133416_EVT_R.mp4", "dated", AT, None, "rear", "normal"),
        ("Way back/2026_0628_133416_0001.MP4", "viofo", AT, 1, "front", "normal"),
        ("To the park/2026_0628_133416_0001.MP4", "viofo", AT, 1, "front", "normal"),
        ("Park Avenue/2026_0628_133416_0001.MP4", "viofo", AT, 1, "front", "normal"),
        ("Parking_R/2026_0628_133416_0001.MP4", "viofo", AT, 1, "rear", "parking"),
    ],
)
def test_a_name_says_when_and_what(path, maker, stamp, counter, view, mode):
    name = name_of(PurePosixPath(path))
    assert name is not None
    assert (name.maker, name.stamp, name.counter, name.view, name.mode) == (maker, stamp, counter, view, mode)


def test_at_least_twelve_makers():
    assert len({scheme.maker for scheme in SCHEMES} - {"dated"}) >= 12


@pytest.mark.parametrize(
    "path",
    [
        "film.mp4",
        "clip_0001.mp4",
        "2026_1328_133416_0001.MP4",
        "20260230_133416_NF.mp4",
        "GRMN12.MP4",
        "١٢.mp4",
        "0001_0628_133416_0001.MP4",
    ],
)
def test_a_name_that_says_no_time_is_of_no_maker(path):
    assert name_of(PurePosixPath(path)) is None


@pytest.mark.parametrize("path", ["20260628_133416_NFS.mp4", "260628_133416_001_FL.MP4", "GL010123.MP4"])
def test_smaller_copies_are_told(path):
    name = name_of(PurePosixPath(path))
    assert name is not None and name.is_copy


def test_chapters_of_one_take():
    names = [name_of(PurePosixPath(name)) for name in ("GOPR0123.MP4", "GP010123.MP4", "GX030123.MP4")]
    assert [(name.counter, name.chapter) for name in names] == [(123, 0), (123, 1), (123, 3)]


def test_a_second_copy_keeps_its_name():
    assert name_of(PurePosixPath("2026_0628_133416_0001F (1).MP4")).stamp == AT
