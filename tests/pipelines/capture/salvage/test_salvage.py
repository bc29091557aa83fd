"""Films without an index, cut at any byte, with holes, and with older films behind them."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.salvage.film import lacks_index, salvage, siblings_of
from pipelines.capture.salvage.h264 import H264Syntax
from pipelines.capture.salvage.reader import FileReader
from pipelines.capture.source import NOT_YET
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.telemetry import DropCounter
from support.dashcam_films import START, data_of, write_film
from support.recorded_files import number_on

KINDS = {
    "h264": {},
    "b_frames": {"options": ("-bf", "3", "-g", "250", "-x264-params", "b-pyramid=normal")},
    "sliced_pcm.mov": {"options": ("-bf", "0", "-g", "30", "-x264-params", "slices=4:aud=1"), "sound": "pcm_s16le"},
    "hevc": {
        "codec": "libx265",
        "options": (
            "-tag:v",
            "hvc1",
            "-x265-params",
            "keyint=25:bframes=0:log-level=none:pools=none:frame-threads=1:wpp=0",
        ),
    },
    "hevc_open_gop": {
        "codec": "libx265",
        "options": (
            "-tag:v",
            "hev1",
            "-x265-params",
            "keyint=25:bframes=3:open-gop=1:log-level=none:pools=none:frame-threads=1:wpp=0",
        ),
    },
}


def film_name(kind: str, number: int) -> str:
    stem, _, suffix = kind.partition(".")
    return f"{stem}_{number:03d}.{suffix or 'mp4'}"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two films of each kind: pictures 0..74 and, later, 100..174."""
    folder = tmp_path_factory.mktemp("films")
    for kind, how in KINDS.items():
        write_film(folder / film_name(kind, 1), **how)
        write_film(folder / film_name(kind, 2), first=100, start=START + timedelta(hours=1), seed=1, **how)
    return folder


def numbers_read(path: Path, *, lost: list[float] | None = None) -> list[int]:
    """Return the numbers on the pictures that come, in their order."""
    drops = DropCounter()
    reader = create_reader(parse_source(str(path)), config=StreamConfig(source=str(path)), drops=drops)
    assert isinstance(reader, FileReader)
    numbers = []
    try:
        reader.open()
        while (captured := reader.read()) is not None:
            if captured is not NOT_YET:
                numbers.append(number_on(captured.picture.y))
        if lost is not None:
            lost.append(reader.lost_s)
    finally:
        reader.close()
    return numbers


def beside(films: Path, folder: Path, kind: str, content: bytes) -> Path:
    """Return a file with this content beside a film of the same camera."""
    sibling = folder / film_name(kind, 1)
    if not sibling.exists():
        sibling.hardlink_to(films / film_name(kind, 1))
    path = folder / film_name(kind, 2)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_before_a_cut_comes_in_order(kind: str, films: Path, tmp_path: Path) -> None:
    whole = films / film_name(kind, 2)
    content = whole.read_bytes()
    samples, data = data_of(whole)
    rng = random.Random(kind)
    cuts = [rng.randrange(len(content)) for _ in range(15)]
    cuts += [0, 5, 20, data.body, samples[0].start + 2, samples[0].start + samples[0].size, samples[9].start, data.end]
    cuts += [data.end + 3, data.end + 200, samples[30].start + samples[30].size - 1, len(content) - 1]
    for cut in cuts:
        path = beside(films, tmp_path, kind, content[:cut])
        expected = sum(one.start + one.size <= cut for one in samples)
        try:
            numbers = numbers_read(path)
        except SourceError:
            numbers = []
        assert len(numbers) >= expected, cut
        assert numbers == sorted(set(numbers)), cut
        assert len(numbers) <= expected + 1, cut


def test_a_hundred_cuts_at_random_places(films: Path, tmp_path: Path) -> None:
    content = (films / film_name("h264", 2)).read_bytes()
    samples, _ = data_of(films / film_name("h264", 2))
    rng = random.Random(17)
    for cut in sorted(rng.randrange(len(content)) for _ in range(100)):
        found = salvage(beside(films, tmp_path, "h264", content[:cut]))
        expected = sum(one.start + one.size <= cut for one in samples)
        assert (0 if found is None else found.pictures) == expected, cut


def test_times_are_those_of_the_film(films: Path, tmp_path: Path) -> None:
    _samples, data = data_of(films / film_name("b_frames", 2))
    path = beside(films, tmp_path, "b_frames", (films / film_name("b_frames", 2)).read_bytes()[: data.end])
    found = salvage(path)
    assert found is not None
    assert found.start_unix_s == pytest.approx((START + timedelta(hours=1)).timestamp(), abs=0.5)
    assert (found.pictures, found.lost, found.holes, found.fps) == (75, 0, 0, 25)
    assert numbers_read(path) == list(range(100, 175))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("filling", ["zeros", "foreign"])
def test_pictures_behind_a_hole_come_and_what_is_lost_is_said(
    kind: str, filling: str, films: Path, tmp_path: Path
) -> None:
    content = bytearray((films / film_name(kind, 2)).read_bytes())
    samples, data = data_of(films / film_name(kind, 2))
    begin, end = samples[20].start + 100, samples[35].start - 50
    content[begin:end] = bytes(end - begin) if filling == "zeros" else random.Random(3).randbytes(end - begin)
    lost: list[float] = []
    numbers = numbers_read(beside(films, tmp_path, kind, bytes(content[: data.end])), lost=lost)
    assert numbers == sorted(set(numbers))
    assert set(range(100, 118)) <= set(numbers)
    if kind != "b_frames":  # which has one key picture
        assert set(range(163, 175)) <= set(numbers)
    assert lost[0] == pytest.approx((75 - len(numbers)) / 25, abs=0.5)


def test_an_older_film_behind_the_cut_is_left_out(films: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        whole, old = films / film_name(kind, 2), films / film_name(kind, 1)
        samples, _ = data_of(whole)
        of_old, data_of_old = data_of(old)
        cut = samples[33].start + samples[33].size // 2
        rest = old.read_bytes()[of_old[20].start + of_old[20].size // 3 : data_of_old.end]
        folder = tmp_path / kind
        folder.mkdir()
        numbers = numbers_read(beside(films, folder, kind, whole.read_bytes()[:cut] + rest))
        assert numbers[:32] == list(range(100, 132)), kind
        assert all(number >= 100 for number in numbers), kind


@pytest.mark.parametrize("how", ["size_0", "size_64", "size_too_large"])
def test_the_size_of_the_data_may_be_anything(how: str, films: Path, tmp_path: Path) -> None:
    content = (films / film_name("h264", 2)).read_bytes()
    samples, data = data_of(films / film_name("h264", 2))
    header = {
        "size_0": (0).to_bytes(4, "big") + b"mdat",
        "size_64": (1).to_bytes(4, "big") + b"mdat" + (data.end - data.body + 16).to_bytes(8, "big"),
        "size_too_large": (0x7FFFFFFF).to_bytes(4, "big") + b"mdat",
    }[how]
    path = beside(films, tmp_path, "h264", content[: data.start] + header + content[data.body : samples[50].start])
    assert numbers_read(path) == list(range(100, 150))


def test_an_index_behind_data_of_unknown_size_is_found(films: Path, tmp_path: Path) -> None:
    content = bytearray((films / film_name("h264", 2)).read_bytes())
    _, data = data_of(films / film_name("h264", 2))
    content[data.start : data.start + 4] = bytes(4)
    (path := tmp_path / "alone.mp4").write_bytes(content)
    assert numbers_read(path) == list(range(100, 175))
    found = salvage(path)
    assert found is not None
    assert found.template is None


def test_an_older_films_index_behind_the_data_is_not_taken(films: Path, tmp_path: Path) -> None:
    content, old = ((films / film_name("h264", number)).read_bytes() for number in (2, 1))
    samples, data = data_of(films / film_name("h264", 2))
    _, data_of_old = data_of(films / film_name("h264", 1))
    cut = content[: data.start] + bytes(4) + content[data.start + 4 : samples[40].start + 9]
    path = beside(films, tmp_path, "h264", cut + bytes(500_000) + old[data_of_old.end :])
    assert numbers_read(path) == list(range(100, 140))


def test_a_cut_index_tells_what_it_has(films: Path, tmp_path: Path) -> None:
    content = (films / film_name("h264", 2)).read_bytes()
    (path := tmp_path / "alone.mp4").write_bytes(content[:-2])
    assert lacks_index(path)
    assert numbers_read(path) == list(range(100, 175))


def test_parameters_in_front_of_key_pictures_need_no_other_film(films: Path, tmp_path: Path) -> None:
    sets = ("-bf", "0", "-g", "25", "-x264-params", "repeat-headers=1", "-bsf:v", "dump_extra=freq=keyframe")
    film = write_film(tmp_path / "lonely.mp4", options=sets)
    _, data = data_of(film)
    (path := tmp_path / "only" / "cut.mp4").parent.mkdir()
    path.write_bytes(film.read_bytes()[: data.end])
    assert numbers_read(path) == list(range(75))


def test_another_camera_tells_nothing(films: Path, tmp_path: Path) -> None:
    _, data = data_of(films / film_name("h264", 2))
    (tmp_path / "a.mp4").hardlink_to(films / film_name("hevc", 1))
    (path := tmp_path / "b.mp4").write_bytes((films / film_name("h264", 2)).read_bytes()[: data.end])
    with pytest.raises(SourceError, match="no video, or its header is damaged or missing"):
        numbers_read(path)


def test_siblings_are_those_whose_names_differ_in_numbers(tmp_path: Path) -> None:
    names = ["20260628_133416_0001F.MP4", "20260628_133417_0001R.MP4", "20260628_133516_0002F.MP4"]
    names += ["20260628_133517_0002R.MP4", "20260628_133616_0003F.MP4"]
    for name in names:
        (tmp_path / name).touch()
    found = [one.name for one in siblings_of(tmp_path / names[4])]
    assert found[:2] == [names[2], names[0]]


def test_a_cycle_of_the_order_that_no_camera_has_is_refused_unread() -> None:
    def numbers(*told: int) -> str:
        return "".join(f"{one + 1:b}".zfill(2 * (one + 1).bit_length() - 1) for one in told)

    def unit(header: int, bits: str) -> bytes:
        bits = bits.ljust((len(bits) + 7) // 8 * 8, "0")
        return bytes([header]) + int(bits, 2).to_bytes(len(bits) // 8, "big")

    def sequence(cycle: int) -> bytes:
        head = f"{66:08b}{0:08b}{30:08b}" + numbers(0, 0, 1) + "1" + numbers(0, 0, cycle)
        return unit(0x67, head + numbers(*[0] * cycle) + numbers(1) + "0" + numbers(19, 10) + "1")

    pictures = unit(0x68, numbers(0, 0))
    assert H264Syntax([sequence(255), pictures]).numbers == 16
    with pytest.raises(ValueError, match="cycle"):
        H264Syntax([sequence(256), pictures])
