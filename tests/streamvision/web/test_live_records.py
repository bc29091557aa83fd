"""The records of live video, byte for byte what a page reads."""

from __future__ import annotations

import json
from typing import Any

from streamvision.core.live_video import SoundFormat, VideoFormat, VideoPacket
from streamvision.web.live_records import format_record, notice_record, packet_record

VIDEO = VideoFormat(3, "avc1.64001f", 1920, 1080, "passed_on", is_drawn=False, reorders=False)


def read(record: bytes) -> tuple[dict[str, Any], bytes]:
    line, _, data = record.partition(b"\n")
    header = json.loads(line)
    assert header["bytes"] == len(data)
    return header, data


def test_a_packet_carries_its_data_whatever_is_in_it() -> None:
    packet = VideoPacket(3, "video", b"\0\0\0\1\x65\n\n{}\xff", True, 40_000, 5_120_100_000)
    header, data = read(packet_record('tor "süd"\n', packet, now_s=5120.12345))
    assert data == packet.data
    assert header == {
        "stream": 'tor "süd"\n',
        "packet": {"generation": 3, "track": "video", "is_key": True, "time_us": 40_000, "captured_us": 5_120_100_000},
        "sent_at_s": 5120.1235,
        "bytes": len(packet.data),
    }


def test_a_format_names_its_sound() -> None:
    about = read(format_record("gate", VIDEO, layer="source", now_s=1.0))[0]["format"]
    assert about["sound"] is None and about["codec"] == "avc1.64001f" and about["layer"] == "source"
    sound = SoundFormat("mp4a.40.2", 48000, 2, b"\x11\x90")
    with_sound = VideoFormat(3, "avc1.64001f", 1920, 1080, "passed_on", is_drawn=False, reorders=True, sound=sound)
    about = read(format_record("gate", with_sound, layer="source", now_s=1.0))[0]["format"]
    assert about["sound"] == {"codec": "mp4a.40.2", "sample_rate_hz": 48000, "channels": 2, "description": "EZA="}


def test_a_notice_is_one_sentence() -> None:
    header, _ = read(notice_record("gate", layer="source", reason="faces are blurred", now_s=1.0))
    assert header["notice"] == {"layer": "source", "reason": "faces are blurred"}
