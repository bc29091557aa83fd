"""Sentences in clips that the ignition cut off."""

from pathlib import Path

import pytest

from streamvision.gps.reading import read_gps
from support.gps_files import Place, places, with_track, written


def cut(way: list[Place], *, between: int = 0) -> bytes:
    """Return a clip with a sentence a second among pictures, without the index that would come last."""
    samples = [bytes(between) + f"{place.rmc}\r\n{place.gga}\r\n".encode() for place in way]
    data = with_track(samples, handler=b"text", coding=b"text")
    return data[: data.rindex(b"moov") - 4]


@pytest.mark.parametrize("between", [0, 1, 400_000, 1_048_571])
def test_each_sentence_once(between: int, tmp_path: Path) -> None:
    gps = read_gps(written(tmp_path / "clip.mp4", cut(places(6), between=between)))
    assert gps is not None
    assert gps.format == "text_scan"
    assert [fix.unix_s for fix in gps.fixes] == [1_790_488_023.0 + n for n in range(6)]
    assert [fix.media_s for fix in gps.fixes] == [float(n) for n in range(6)]


def test_at_every_place_around_the_end_of_a_piece(tmp_path: Path) -> None:
    for more in range(20, 145):
        gps = read_gps(written(tmp_path / "clip.mp4", cut(places(1), between=(1 << 20) - 150 + more)))
        assert gps is not None and len(gps.fixes) == 1, more


def test_a_wrong_check_sum_is_chance(tmp_path: Path) -> None:
    data = cut(places(4)).replace(b"GPRMC,054705", b"GPRMC,054709")
    gps = read_gps(written(tmp_path / "clip.mp4", data))
    assert gps is not None
    assert len(gps.fixes) == 3


def test_a_clip_with_an_index_is_not_searched(tmp_path: Path) -> None:
    data = with_track([b"\x11" * 99 + places(1)[0].rmc.encode()], handler=b"soun", coding=b"mp4a")
    assert read_gps(written(tmp_path / "clip.mp4", data)) is None
