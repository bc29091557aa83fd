"""The pure parts of HTTP cameras: where a JPEG ends, how often a snapshot is asked for, what its headers are worth."""

from __future__ import annotations

import random
from email.message import Message

import pytest

from pipelines.capture.http.jpeg_stream import MAX_PICTURE_BYTES, JpegStream
from pipelines.capture.http.snapshots import CHECK_EVERY_S, LastSnapshot, SnapshotPace
from support.odd_http_camera import picture


def with_thumbnail(jpeg: bytes, thumbnail: bytes) -> bytes:
    """Return a JPEG that holds another one in an APP1 segment, as those of phones do."""
    return jpeg[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + jpeg[2:]


PICTURES = [
    picture(1),
    picture(2, IMWRITE_JPEG_PROGRESSIVE=1),
    picture(3, IMWRITE_JPEG_RST_INTERVAL=4),
    with_thumbnail(picture(4), picture(5, (32, 24))),
    picture(6, (640, 480), IMWRITE_JPEG_QUALITY=100),
]


@pytest.mark.parametrize("step", [1, 7, 1000, 10**9])
def test_pictures_are_cut_exactly_however_they_come(step: int) -> None:
    data = b"--x\r\n\r\n".join([b"", *PICTURES, b""]) + b"\xff\xff"
    stream = JpegStream()
    found = [one for at in range(0, len(data), step) for one in stream.feed(data[at : at + step])]
    assert found == PICTURES
    assert stream.lost == 0
    assert stream.finish() == []


def test_a_picture_without_its_end_is_ended_by_the_next_or_by_the_stream() -> None:
    stream = JpegStream()
    whole, cut = picture(1), picture(2)[:-2]
    assert stream.feed(cut + b"\r\n--x\r\n\r\n" + whole) == [cut + b"\r\n--x\r\n\r\n", whole]
    assert stream.feed(cut) == []
    assert stream.finish() == [cut]


def test_rubbish_never_hides_the_pictures_behind_it() -> None:
    rng, stream, found = random.Random(1), JpegStream(), 0
    for number in range(40):
        rubbish = rng.randbytes(rng.randrange(2000)) + b"\xff\xd8\xff\xe0\x00\x02zz" * (number % 2)
        found += picture(number) in stream.feed(rubbish + b"\r\n" + picture(number))
    assert found >= 30
    assert stream.lost >= 15


def test_what_never_ends_takes_no_more_memory_than_is_allowed() -> None:
    stream = JpegStream()
    stream.feed(picture(1)[:-2])
    for _ in range(MAX_PICTURE_BYTES // (1 << 20) + 1):
        stream.feed(bytes(1 << 20))
    assert stream.lost == 1
    assert stream.feed(picture(2)) == [picture(2)]


def test_the_pace_follows_the_pictures() -> None:
    pace = SnapshotPace(None)
    for _ in range(50):
        pace.answered(changed=True)
    assert pace.wait_s(0.0) == pytest.approx(0.2)
    assert pace.wait_s(3.0) == 3.0, "a camera that is busy for long is left in peace for as long"
    for _ in range(50):
        pace.answered(changed=False)
    assert pace.wait_s(0.0) == pytest.approx(5.0)
    assert SnapshotPace(2.0).wait_s(0.1) == pytest.approx(0.4)


def headers(**values: str) -> Message:
    message = Message()
    for name, value in values.items():
        message[name.replace("_", "-")] = value
    return message


def test_validators_are_sent_and_checked_now_and_then() -> None:
    last = LastSnapshot()
    answer = headers(ETag='"a"', Date="Mon, 01 Jan 2024 00:00:09 GMT", Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT")
    assert last.take(b"one", answer, 0.0)
    assert last.conditions(1.0) == {"If-None-Match": '"a"', "If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}
    assert last.conditions(CHECK_EVERY_S + 1) == {}, "the server may say 304 for ever"
    assert last.take(b"two", answer, 40.0)
    assert last.conditions(41.0) == {}, "another picture with the same validators: they are worth nothing"


def test_a_date_of_this_very_second_hides_no_newer_picture() -> None:
    last = LastSnapshot()
    same = "Mon, 01 Jan 2024 00:00:00 GMT"
    last.take(b"one", headers(Date=same, Last_Modified=same), 0.0)
    assert last.conditions(0.2) == {}


def test_the_picture_has_its_own_age_where_its_date_is_true() -> None:
    last = LastSnapshot()
    at = "Mon, 01 Jan 2024 00:0{}:{} GMT".format
    first = headers(Date=at(0, "30"), Last_Modified=at(0, "00"))
    last.take(b"one", first, 0.0)
    assert last.age_s(first) == 0.0, "it may be the date of the program that makes the pictures"
    second = headers(Date=at(1, "10"), Last_Modified=at(1, "00"))
    last.take(b"two", second, 40.0)
    assert last.age_s(second) == 10.0
    assert LastSnapshot().age_s(headers(Age="7")) == 7.0
    assert LastSnapshot().age_s(headers(Age="-7", Date="nonsense")) == 0.0
