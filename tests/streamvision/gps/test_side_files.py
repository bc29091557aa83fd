"""Files beside a video, as cameras and drones write them."""

import io
import os
import random
import struct
import tarfile
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from streamvision.core.position import Fix
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.reading import read_gps
from streamvision.gps.side_files.gpx import moment_of
from streamvision.gps.track import GpsTrack
from streamvision.gps.writing import write_gpx
from support.gps_files import box, movie_header, places

BEGIN_S = 1_790_488_023.0  # 2026-09-27 05:47:03 UTC
WAY = places(5)
SENTENCES = "".join(f"{place.rmc}\r\n{place.gga}\r\n" for place in WAY)


def clip(folder: Path, name: str, *, seconds: float = 5.0) -> Path:
    """Return a video without positions: a movie's header and some data."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(box(b"ftyp", b"isom\0\0\2\0") + box(b"mdat", bytes(64)) + box(b"moov", movie_header(seconds)))
    return path


def read(video: Path) -> ClipGps:
    found = read_gps(video)
    assert found is not None
    assert found.source == "side_file"
    return found


def assert_is_the_way(found: ClipGps) -> None:
    assert [fix.unix_s for fix in found.fixes] == [BEGIN_S + second for second in range(5)]
    assert found.fixes[2].latitude_deg == pytest.approx(54 + (27.25 + 0.0162) / 60, abs=1e-7)
    assert found.fixes[2].longitude_deg == pytest.approx(18 + (32.5 + 0.034) / 60, abs=1e-7)
    assert found.fixes[2].speed_m_s == pytest.approx(27.5 * 1852 / 3600)


@pytest.mark.parametrize("name", ["FILE260927-074703F.NMEA", "FILE260927-074703F.nmea", "FILE260927-074703F.MP4.gpx"])
def test_sentences_whatever_the_suffix_says(name: str, tmp_path: Path) -> None:
    video = clip(tmp_path, "FILE260927-074703F.MP4")
    (tmp_path / name).write_text(f"@Sonygps\r\n{SENTENCES}$GPRMC,054709.000,V,,,,,,,270926,,,N*41\r\n")
    found = read(video)
    assert found.file == tmp_path / name
    assert_is_the_way(found)
    assert found.fixes[0].altitude_m == 118.5


@pytest.mark.parametrize("name", ["20260927_074703_NF.mp4", "20260927_074703_NR.mp4", "20260927_074703_NFS.mp4"])
def test_blackvue_has_one_log_for_all_lenses(name: str, tmp_path: Path) -> None:
    begin_ms = round((BEGIN_S + 7200 + 1.5) * 1000)
    lines = (f"[{begin_ms + 1000 * n}]{place.rmc}\n[{begin_ms + 1000 * n}]{place.gga}\n" for n, place in enumerate(WAY))
    (tmp_path / "20260927_074703_N.gps").write_text("".join(lines))
    found = read(clip(tmp_path, name))
    assert_is_the_way(found)
    assert found.camera_minus_utc_s == 7201.5
    assert [fix.media_s for fix in found.fixes] == [0, 1, 2, 3, 4]


class TestGpx:
    def test_what_we_write_is_read(self, tmp_path: Path) -> None:
        fixes = [Fix(-33.5 + n * 1e-4, 151.25, BEGIN_S + n, 30.5, 11.13, 0.25) for n in range(5)]
        write_gpx(tmp_path / "clip.gpx", {"drive": GpsTrack(fixes, "container")})
        found = read(clip(tmp_path, "clip.mp4"))
        assert found.format == "gpx"
        for ours, fix in zip(found.fixes, fixes, strict=True):
            assert ours == replace(fix, latitude_deg=round(fix.latitude_deg, 7))

    @pytest.mark.parametrize(
        "head",
        [
            '<gpx version="1.0" xmlns="http://www.topografix.com/GPX/1/0">',
            '<?xml version="1.0"?>\n<!-- a -->\n<gpx version="1.1">',
            '\ufeff<g:gpx version="1.1" xmlns:g="http://www.topografix.com/GPX/1/1">',
        ],
    )
    def test_versions_and_name_spaces(self, head: str, tmp_path: Path) -> None:
        p = "g:" if "g:gpx" in head else ""
        point = (
            f'<{p}trkpt lat="48.5" lon="-11.25"><{p}ele>520.5</{p}ele><{p}time>2026-09-27T05:47:03Z</{p}time>'
            f"<{p}course>90.5</{p}course><{p}speed>12.5</{p}speed><{p}hdop>2</{p}hdop></{p}trkpt>"
        )
        text = f"{head}<{p}wpt lat='1' lon='1'/><{p}trk><{p}trkseg>{point}</{p}trkseg></{p}trk></{p}gpx>"
        (tmp_path / "clip.gpx").write_text(text, encoding="utf-8")
        assert read(clip(tmp_path, "clip.mp4")).fixes == (Fix(48.5, -11.25, BEGIN_S, 520.5, 12.5, 90.5, 6.0),)

    def test_points_without_a_place_are_passed_over(self, tmp_path: Path) -> None:
        values = ["", "x", "nan", "inf", "91", "1e999"]
        points = "".join(f"<trkpt lat={quoteattr(value)} lon='1'/>" for value in values)
        (tmp_path / "clip.gpx").write_text(f"<gpx>{points}<trkpt/><trkpt lat='1' lon='2'><ele>x</ele></trkpt></gpx>")
        assert read(clip(tmp_path, "clip.mp4")).fixes == (Fix(1.0, 2.0),)

    def test_moments(self) -> None:
        assert moment_of("2026-09-27T05:47:03") == BEGIN_S
        assert moment_of("2026-09-27T07:47:03.25+02:00") == BEGIN_S + 0.25
        assert moment_of(" 2026-09-27T00:17:03-0530 ") == BEGIN_S
        for text in ("", "2026-02-30T00:00:00Z", "2026-09-27", "٢٠٢٦-09-27T05:47:03Z"):
            assert moment_of(text) is None

    def test_entities_are_not_unfolded(self, tmp_path: Path) -> None:
        entities = '<!ENTITY a0 "0">' + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))
        text = f'<!DOCTYPE gpx [{entities}]><gpx><trkpt lat="1" lon="2"><ele>&a12;</ele></trkpt></gpx>'
        (tmp_path / "clip.gpx").write_text(text)
        assert read_gps(clip(tmp_path, "clip.mp4")) is None

    def test_too_long_a_file_is_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "clip.gpx").open("wb") as file:
            file.write(b"<gpx>")
            file.truncate(1 << 33)
        assert read_gps(clip(tmp_path, "clip.mp4")) is None
        point = '<trkpt lat="1" lon="2"/>'
        (tmp_path / "clip.gpx").write_text(f"<gpx>{point * (17 * (1 << 20) // len(point))}</gpx>")
        assert read_gps(clip(tmp_path, "clip.mp4")) is None


class TestSubtitles:
    NEW = (
        '1\n00:00:00,000 --> 00:00:00,033\n<font size="28">FrameCnt: 1, DiffTime: 33ms\n2024-08-07 12:34:24.380\n'
        "[iso: 100] [latitude: -22.5441] [longitude: 113.9501] [rel_alt: 1.100 abs_alt: 2.900] </font>\n\n"
        '2\n00:00:00,033 --> 00:00:00,066\n<font size="28">FrameCnt: 2, DiffTime: 33ms\n2024-08-07 12:34:24.413\n'
        "[iso: 100] [latitude: -22.5442] [longitude: 113.9502] [rel_alt: 1.100 abs_alt: 3.000] </font>\n"
    )
    OLD = (
        "1\r\n00:01:00,500 --> 00:01:01,000\r\nF/2.8, SS 206.14, ISO 150, EV 0, GPS (-8.6499, 53.1665, 18), D 24.26m, "
        "H 6.00m, H.S 2.10m/s, V.S 0.00m/s\r\n\r\n"
    )
    OLDEST = (
        "1\n00:00:01,000 --> 00:00:02,000\nHOME(149.0251,-20.2532) 2017.08.05 14:11:51\n"
        "GPS(149.0251,-20.2533,16) BAROMETER:1.9\nISO:100 Shutter:60\n"
    )

    def test_dji(self, tmp_path: Path) -> None:
        video = clip(tmp_path, "DJI_0001.MP4")
        (tmp_path / "DJI_0001.SRT").write_text(self.NEW)
        found = read(video)
        assert found.may_be_local
        assert found.fixes == (
            Fix(-22.5441, 113.9501, 1723034064.38, 2.9, media_s=0.0),
            Fix(-22.5442, 113.9502, 1723034064.413, 3.0, media_s=0.033),
        )

    def test_older_ones_say_the_longitude_first(self, tmp_path: Path) -> None:
        video = clip(tmp_path, "DJI_0001.MP4")
        (tmp_path / "DJI_0001.srt").write_text(self.OLD)
        assert read(video).fixes == (Fix(53.1665, -8.6499, None, 6.0, 2.1, media_s=60.5),)
        (tmp_path / "DJI_0001.srt").write_text(self.OLDEST)
        assert read(video).fixes == (Fix(-20.2533, 149.0251, 1501942311.0, None, media_s=1.0),)

    def test_sentences(self, tmp_path: Path) -> None:
        lines = (f"{n}\n00:00:0{n},000 --> 00:00:0{n + 1},000\n{place.rmc}\n\n" for n, place in enumerate(WAY))
        (tmp_path / "clip.srt").write_text("".join(lines))
        found = read(clip(tmp_path, "clip.mp4"))
        assert_is_the_way(found)
        assert not found.may_be_local
        assert [fix.media_s for fix in found.fixes] == [0, 1, 2, 3, 4]

    def test_subtitles_of_a_film(self, tmp_path: Path) -> None:
        (tmp_path / "clip.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nWhere are we?\n")
        assert read_gps(clip(tmp_path, "clip.mp4")) is None


class TestSeventyMai:
    def card(self, root: Path) -> None:
        lines = ["$V02"]
        for n in range(5):
            row = f"{BEGIN_S - 28800 + n:.0f},A,{-33.5 + n * 1e-4:.6f},151.250000,24000,1113,-7,101,12"
            lines += [f"{row},NO20260927-154703-000007F.MP4,0,0,0"] * 2
            lines.append(f"{row},NO20260927-154803-000008F.MP4,0,0,0")
        lines += ["1790459223,V,0.0,0.0,0,0,0,0,0,NO20260927-154703-000007F.MP4,0,0,0", "x,A", "1,A,x,1,1,1,1,1,1,y"]
        root.mkdir(parents=True, exist_ok=True)
        (root / "GPSData000001.txt").write_text("$V01\n")
        (root / "GPSData000002.txt").write_text("\n".join(lines))

    @pytest.mark.parametrize(
        "place", ["Normal/Front/NO20260927-154703-000007F.MP4", "Normal/Back/NO20260927-154703-000007B.MP4"]
    )
    def test_rows_of_the_video(self, place: str, tmp_path: Path) -> None:
        self.card(tmp_path)
        found = read(clip((tmp_path / place).parent, Path(place).name))
        assert found.format == "70mai"
        assert len(found.fixes) == 10
        assert found.fixes[2] == Fix(-33.4999, 151.25, BEGIN_S + 1, None, 11.13, 240.0)

    def test_other_videos_have_none(self, tmp_path: Path) -> None:
        self.card(tmp_path)
        assert read_gps(clip(tmp_path / "Normal", "NO20260927-160003-000020F.MP4")) is None
        assert read_gps(clip(tmp_path / "Normal", "clip.mp4")) is None


class TestDdpai:
    """Clips of five seconds by a clock two hours ahead of UTC, whose logs begin with that clock."""

    def log(self, begin: int, seconds: int, *, said_local: str) -> str:
        way = places(begin + seconds)[begin:]
        return f"$GPSCAMTIME {said_local}\r\n" + "".join(f"{place.rmc}\r\n{place.gga}\r\n" for place in way)

    def test_fixes_are_chosen_by_time_out_of_logs_and_archives(self, tmp_path: Path) -> None:
        logs = tmp_path / "DCIM" / "203gps"
        (logs / "tar").mkdir(parents=True)
        (logs / "20260927074703_0005_D.gpx").write_text(self.log(0, 8, said_local="20260927074703"))
        with tarfile.open(logs / "tar" / "20260927074711_0005.git", "w") as archive:
            content = self.log(8, 12, said_local="20260927074711").encode()
            member = tarfile.TarInfo("20260927074711_0005_D.gpx")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        front = tmp_path / "DCIM" / "200video" / "front"
        first = read(clip(front, "20260927074703_0005.mp4"))
        assert (first.format, first.file, first.camera_minus_utc_s) == ("ddpai", logs, 7200.0)
        assert [fix.unix_s for fix in first.fixes] == [BEGIN_S + second for second in range(7)]
        second = read(clip(tmp_path / "DCIM" / "200video" / "rear", "20260927074708_0005_A.mp4"))
        assert [fix.unix_s for fix in second.fixes] == [BEGIN_S + at for at in range(4, 12)]
        assert read_gps(clip(front, "20260927080000_0005.mp4")) is None

    def test_a_log_that_repeats_an_earlier_drive_moves_no_clock(self, tmp_path: Path) -> None:
        logs = tmp_path / "203gps"
        logs.mkdir()
        for at in (0, 10, 20, 30):
            (logs / f"202609270747{at + 3:02}_0010_D.gpx").write_text(
                self.log(at, 10, said_local=f"202609270747{at + 3:02}")
            )
        (logs / "20260927081342_0045_D.gpx").write_text(self.log(3, 2, said_local="20260927081342"))
        found = read(clip(tmp_path, "20260927074713_0010.mp4", seconds=10))
        assert found.camera_minus_utc_s == 7200.0
        assert [fix.unix_s for fix in found.fixes] == [BEGIN_S + at for at in range(9, 22)]

    def test_the_logs_of_a_card_are_looked_for_once_for_many_videos(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        logs = tmp_path / "203gps"
        logs.mkdir()
        for at in range(0, 40, 10):
            (logs / f"202609270747{at + 3:02}_0010_D.gpx").write_text(
                self.log(at, 10, said_local=f"202609270747{at + 3:02}")
            )
        videos = [clip(tmp_path, f"202609270747{at:02}_0010.mp4", seconds=1) for at in range(10, 40)]
        looked_at = []
        scandir = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: looked_at.append(Path(path)) or scandir(path))
        assert all(read(video).fixes for video in videos)
        assert looked_at.count(logs) < len(videos)

    def test_hostile_archives(self, tmp_path: Path) -> None:
        logs = tmp_path / "203gps"
        logs.mkdir()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, kind in (("link", tarfile.SYMTYPE), ("pipe", tarfile.FIFOTYPE), ("folder", tarfile.DIRTYPE)):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "/etc/passwd"
                archive.addfile(member)
        good = buffer.getvalue()
        chance = random.Random(1)
        for n in range(20):
            bad = bytearray(good)
            for _ in range(20):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            (logs / f"{n}.git").write_bytes(bytes(bad[: chance.randrange(len(bad))]))
        (logs / "links.git").write_bytes(good)
        assert read_gps(clip(tmp_path, "20260927074713_0010.mp4")) is None


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
@pytest.mark.parametrize("name", ["clip.nmea", "clip.gpx", "clip.srt", "GPSData000002.txt"])
def test_texts_with_a_byte_order_mark(name: str, encoding: str, tmp_path: Path) -> None:
    TestSeventyMai().card(tmp_path)
    (tmp_path / "clip.nmea").write_text(SENTENCES)
    (tmp_path / "clip.gpx").write_text('<gpx><trkpt lat="1" lon="2"/></gpx>')
    (tmp_path / "clip.srt").write_text(TestSubtitles.NEW)
    for other in {"clip.nmea", "clip.gpx", "clip.srt"} - {name}:
        (tmp_path / other).unlink()
    video = clip(tmp_path, "NO20260927-154703-000007F.MP4" if name.startswith("GPSData") else "clip.mp4")
    before = read(video)
    told = (tmp_path / name).read_text()
    (tmp_path / name).write_bytes(f"\N{ZERO WIDTH NO-BREAK SPACE}{told}".encode(encoding))
    assert read(video) == before


def test_a_container_is_taken_before_a_file_beside_it(tmp_path: Path) -> None:
    log = box(b"free", box(b"gps ", "".join(f"[{1000 * n}]{p.rmc}\n" for n, p in enumerate(WAY)).encode()))
    path = clip(tmp_path, "clip.mp4")
    path.write_bytes(log + path.read_bytes())
    (tmp_path / "clip.nmea").write_text(WAY[0].rmc)
    found = read_gps(path)
    assert found is not None
    assert (found.source, len(found.fixes)) == ("container", 5)


@pytest.mark.parametrize("suffix", ["nmea", "gps", "gpx", "srt"])
def test_whatever_lies_there_it_raises_nothing_and_ends(suffix: str, tmp_path: Path) -> None:
    video = clip(tmp_path, "clip.mp4")
    beside = tmp_path / f"clip.{suffix}"
    os.mkfifo(beside)
    assert read_gps(video) is None
    beside.unlink()
    beside.mkdir()
    assert read_gps(video) is None
    beside.rmdir()
    chance = random.Random(suffix)
    good = {"gpx": b"<gpx><trkpt lat='1' lon='2'/></gpx>", "srt": TestSubtitles.NEW.encode()}
    for _ in range(60):
        bad = bytearray(good.get(suffix, SENTENCES.encode()))
        for _ in range(chance.randrange(1, 20)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        beside.write_bytes(bytes(bad))
        read_gps(video)
    for long in (b"$GPRMC,", b"[1]", b"1" * 10, b"<a>", b"00:00:00,000 --> ", b"latitude: ", struct.pack("<I", 7)):
        beside.write_bytes(long * (1 << 16))
        read_gps(video)
