import io
import itertools
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from streamvision.gps.boxes import (
    MAX_BOXES,
    find_box,
    find_boxes,
    movie_header,
    read_box,
    read_movie_header,
    walk_boxes,
)
from streamvision.gps.containers import garmin
from streamvision.gps.containers.text_tracks import read_texts
from streamvision.gps.sample_tables import read_samples, read_tracks


def box(kind: bytes, content: bytes = b"", *, size: int | None = None, long: bool = False) -> bytes:
    """Return a box; ``size`` is what its header says instead of the truth."""
    header_bytes = 16 if long else 8
    size = header_bytes + len(content) if size is None else size
    return ((b"\0\0\0\1" + kind + size.to_bytes(8, "big")) if long else (size.to_bytes(4, "big") + kind)) + content


class CountingFile(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def kinds(data: bytes) -> list[bytes]:
    return [found.kind for found in walk_boxes(io.BytesIO(data))]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 40 pictures with sound, whose index lies at its end."""
    path = tmp_path_factory.mktemp("boxes") / "clip.mp4"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=20, options={"bf": "0", "g": "10"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("aac", rate=8000)
        for index in range(40):
            picture = np.full((48, 64, 3), index * 6, np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for index in range(16):
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 8000, index * 1024, Fraction(1, 8000)
            output.mux(sound.encode(tone))
        output.mux(video.encode(None))
        output.mux(sound.encode(None))
    return path


class TestWalk:
    def test_boxes_follow_on_each_other(self) -> None:
        assert kinds(box(b"ftyp", b"isom") + box(b"mdat", b"x" * 9) + box(b"moov")) == [b"ftyp", b"mdat", b"moov"]

    def test_64_bit_sizes(self) -> None:
        data = box(b"mdat", b"12345", long=True) + box(b"free")
        first, second = walk_boxes(io.BytesIO(data))
        assert (first.body, first.end, second.start) == (16, 21, 21)

    def test_size_0_goes_to_the_end(self) -> None:
        (only,) = walk_boxes(io.BytesIO(box(b"mdat", b"123", size=0)))
        assert (only.end, only.is_cut) == (11, False)

    @pytest.mark.parametrize("long", [False, True])
    def test_a_box_past_the_end_is_cut(self, long: bool) -> None:
        data = box(b"mdat", b"123", size=1 << 31, long=long)
        (only,) = walk_boxes(io.BytesIO(data))
        assert (only.end, only.promised_end, only.is_cut) == (len(data), 1 << 31, True)

    def test_a_child_ends_with_its_parent(self) -> None:
        file = io.BytesIO(box(b"moov", box(b"trak", b"ab", size=900)) + b"x" * 2000)
        found = find_box(file, b"moov", b"trak")
        assert found is not None
        assert (found.end, found.is_cut, read_box(file, found)) == (18, True, b"ab")

    @pytest.mark.parametrize("size", [2, 3, 7])
    def test_a_size_that_cannot_be_ends_the_walk(self, size: int) -> None:
        assert kinds(box(b"ftyp") + box(b"free", size=size) + box(b"moov")) == [b"ftyp"]

    def test_a_64_bit_size_that_cannot_be_ends_the_walk(self) -> None:
        assert kinds(box(b"ftyp") + box(b"free", size=15, long=True) + box(b"moov")) == [b"ftyp"]

    @pytest.mark.parametrize("cut", range(8))
    def test_half_of_a_header_is_none(self, cut: int) -> None:
        assert kinds(box(b"ftyp") + box(b"moov")[:cut]) == [b"ftyp"]

    def test_all_boxes_of_a_path(self) -> None:
        data = box(b"moov", box(b"trak", b"1") + box(b"udta") + box(b"trak", b"2"))
        file = io.BytesIO(data)
        assert [read_box(file, found) for found in find_boxes(file, b"moov", b"trak")] == [b"1", b"2"]

    def test_boxes_in_boxes_have_one_bound_together(self) -> None:
        file = CountingFile(box(b"moov", box(b"free") * 1000) * 200)
        assert find_box(file, b"moov", b"mvhd") is None
        assert file.reads < 1.1 * MAX_BOXES

    def test_no_more_is_read_than_asked_for(self) -> None:
        file = io.BytesIO(box(b"free", b"0123456789"))
        assert read_box(file, next(walk_boxes(file)), limit=4) == b"0123"


class TestMovieHeader:
    def test_what_ffmpeg_wrote(self, clip: Path) -> None:
        header = read_movie_header(clip)
        assert header is not None
        assert header.duration_s == pytest.approx(2.1, abs=0.12)
        assert header.created_unix_s is None

    @pytest.mark.parametrize("version", [0, 1])
    def test_creation_counts_from_1904(self, version: int) -> None:
        wide = 8 if version else 4
        times = (2_082_844_800 + 1_700_000_000).to_bytes(wide, "big") * 2
        content = bytes([version, 0, 0, 0]) + times + (600).to_bytes(4, "big") + (36_300).to_bytes(wide, "big")
        header = movie_header(io.BytesIO(box(b"moov", box(b"mvhd", content))))
        assert header is not None
        assert (header.created_unix_s, header.duration_s) == (1_700_000_000.0, 60.5)

    @pytest.mark.parametrize("created", [0, 0xFFFFFFFF, 1_700_000_000])
    def test_a_clock_that_says_nothing(self, created: int) -> None:
        content = bytes(4) + created.to_bytes(4, "big") * 2 + (600).to_bytes(4, "big") + b"\xff\xff\xff\xff"
        header = movie_header(io.BytesIO(box(b"moov", box(b"mvhd", content))))
        assert header is not None
        assert (header.created_unix_s, header.duration_s) == (None, None)

    def test_a_clip_that_was_cut_off_has_none(self, clip: Path, tmp_path: Path) -> None:
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(clip.read_bytes()[:1000])
        assert read_movie_header(cut) is None

    def test_a_pipe_keeps_nobody_waiting(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "clip.mp4")
        assert read_movie_header(tmp_path / "clip.mp4") is None


class TestTracks:
    def test_samples_lie_where_ffmpeg_says(self, clip: Path) -> None:
        with clip.open("rb") as file:
            video, sound = read_tracks(file)
            assert (video.handler, video.format, sound.handler, sound.format) == (b"vide", b"avc1", b"soun", b"mp4a")
            assert b"avcC" in video.entry
            with av.open(str(clip)) as container:
                for track, stream in ((video, container.streams.video[0]), (sound, container.streams.audio[0])):
                    container.seek(0)
                    packets = [packet for packet in container.demux(stream) if packet.size]
                    samples = track.samples(file)[-len(packets) :]  # its primer is cut off
                    assert [(s.start, s.size) for s in samples] == [(p.pos, p.size) for p in packets]
                    assert [s.media_s - samples[0].media_s for s in samples] == pytest.approx(
                        [float((p.dts - packets[0].dts) * p.time_base) for p in packets]
                    )

    def test_their_content(self, clip: Path) -> None:
        with clip.open("rb") as file:
            samples = read_tracks(file)[0].samples(file)
            (first, content), *_ = read_samples(file, samples, limit=100)
        assert content == clip.read_bytes()[first.start : first.start + 100]

    def test_samples_beyond_the_end_are_left_out(self, clip: Path) -> None:
        with clip.open("rb") as file:
            samples = read_tracks(file)[0].samples(file)
        data = bytearray(clip.read_bytes())
        place = data.index(b"stco") + 12
        data[place : place + 4] = (1 << 31).to_bytes(4, "big")
        file = io.BytesIO(bytes(data))
        assert len(read_tracks(file)[0].samples(file)) < len(samples)

    @pytest.mark.parametrize("seed", range(40))
    def test_bytes_that_were_changed_do_no_harm(self, clip: Path, seed: int) -> None:
        numbers = np.random.default_rng(seed)
        data = bytearray(clip.read_bytes())
        moov = data.index(b"moov")
        for place in numbers.integers(moov, len(data), 30):
            data[place] = numbers.integers(256)
        file = io.BytesIO(bytes(data))
        for track in read_tracks(file):
            assert all(sample.start + sample.size <= len(data) for sample in track.samples(file))

    def test_a_table_that_names_its_chunks_again_and_again_ends(self) -> None:
        def full(kind: bytes, *numbers: int) -> bytes:
            return box(kind, b"".join(number.to_bytes(4, "big") for number in (0, *numbers)))

        runs = [number for _ in range(20_000) for number in (1, 0, 1, 20_000, 0, 1)]
        table = box(
            b"stbl",
            full(b"stsd", 1)
            + full(b"stsz", 0, 4, 1, 1, 1, 1)
            + full(b"stco", 20_000, *range(20_000))
            + full(b"stsc", 40_000, *runs),
        )
        media = box(b"mdia", full(b"hdlr", 0, int.from_bytes(b"meta", "big")) + box(b"minf", table))
        file = io.BytesIO(box(b"moov", box(b"trak", media)))
        assert read_tracks(file)[0].samples(file) == []

    def test_no_more_samples_are_made_than_asked_for(self, clip: Path) -> None:
        with clip.open("rb") as file:
            track = read_tracks(file)[0]
            samples = track.samples(file)
            assert track.samples(file, most=7) == samples[:7]
            assert list(itertools.islice(track.each_sample(file), 3)) == samples[:3]

    def test_a_track_of_millions_of_texts_that_are_no_positions_is_left_soon(self) -> None:
        def full(kind: bytes, *numbers: int) -> bytes:
            return box(kind, b"".join(number.to_bytes(4, "big") for number in (0, *numbers)))

        count = 1_000_000
        table = box(
            b"stbl",
            full(b"stsd", 1)
            + full(b"stsz", 1, count)
            + full(b"stco", 1, 0)
            + full(b"stsc", 1, 1, count, 1)
            + full(b"stts", 1, count, 1),
        )
        media = box(b"mdia", full(b"hdlr", 0, int.from_bytes(b"text", "big")) + box(b"minf", table))
        file = CountingFile(box(b"moov", box(b"trak", media) * 200) + box(b"mdat", bytes(count)))
        assert garmin.read(file) is None and read_texts(file) is None
        assert file.reads < 40_000
