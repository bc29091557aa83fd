"""No credentials get through."""

from __future__ import annotations

import logging

import pytest

from streamvision.core.redaction import RedactingFormatter, redact


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.1:554/live", "rtsp://***@10.0.0.1:554/live"),
        ("rtsp://admin:p@ss@cam/live", "rtsp://***@cam/live"),
        ("401 for 'rtsp://a:b@c/d' and http://e:f@g", "401 for 'rtsp://***@c/d' and http://***@g"),
        ("http://cam/video?user=bob&password=x&size=1", "http://cam/video?user=***&password=***&size=1"),
        ("http://cam/v?token=abc#t", "http://cam/v?token=***#t"),
        (
            'gst:rtspsrc location=rtsp://cam/ user-id=bob user-pw="a b" ! x',
            "gst:rtspsrc location=rtsp://cam/ user-id=*** user-pw=*** ! x",
        ),
        ("rtsp://admin:pa/s#s@cam/live", "rtsp://***@cam/live"),
        ("rtsp://cam/user=admin&password=x&channel=1", "rtsp://cam/user=***&password=***&channel=1"),
        (
            "http://cam/v?access_token=abc&sig=d&key=e&keyframe=1",
            "http://cam/v?access_token=***&sig=***&key=***&keyframe=1",
        ),
        ("rtsp://cam:554/a@b", "rtsp://cam:554/a@b"),
        ("/videos/me@home.mp4", "/videos/me@home.mp4"),
        ("rtsp://cam/path@home", "rtsp://cam/path@home"),
    ],
)
def test_credentials_are_hidden_and_the_rest_is_kept(given: str, shown: str) -> None:
    assert redact(given) == shown


def test_logs_and_tracebacks_are_redacted() -> None:
    try:
        raise OSError("cannot open rtsp://u:hunter2@cam/")
    except OSError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "source %s", ("rtsp://u:hunter2@cam/",), info)
    line = RedactingFormatter("%(message)s").format(record)
    assert "hunter2" not in line
    assert "rtsp://***@cam/" in line
