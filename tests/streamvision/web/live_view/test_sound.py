"""Sound beside the picture: muted until somebody wants it, then in time with what is seen."""

from __future__ import annotations

import base64
import itertools
from statistics import median
from typing import Any

import av
import numpy as np
import pytest

from support.coded_square import square_format, square_packets
from support.live_stage import staged
from support.module_page import ModulePage

pytestmark = pytest.mark.browser

RATE_HZ = 16_000
LISTEN = """
const pieces = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (at_s) {
  const { currentTime } = this.context;
  const levels = this.buffer.getChannelData(0);
  const loud = Math.max(...levels.map(Math.abs));
  pieces.push({ at_s: now() + at_s - currentTime, length_s: this.buffer.duration, loud });
  return start.call(this, at_s);
};
"""


def sound_packets(codec: str, seconds: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the format and the packets of a tone."""
    named = {"aac": "mp4a.40.2", "pcm_mulaw": "ulaw", "libopus": "opus"}[codec]
    rate_hz = {"aac": RATE_HZ, "pcm_mulaw": 8000, "libopus": 48_000}[codec]
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout = rate_hz, "mono"
    encoder.format = {"aac": "fltp", "pcm_mulaw": "s16", "libopus": "s16"}[codec]
    encoder.open()
    length = encoder.frame_size or 320
    packets = []
    for index in range(int(seconds * rate_hz / length)):
        times = np.arange(index * length, (index + 1) * length) / rate_hz
        tone = 0.5 * np.sin(2 * np.pi * 440 * times)[None]
        levels = tone.astype(np.float32) if codec == "aac" else (tone * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(levels, encoder.format.name, "mono")
        frame.sample_rate, frame.pts = rate_hz, index * length
        packets += encoder.encode(frame)
    description = base64.b64encode(encoder.extradata or b"").decode() if codec == "aac" else ""
    told = {"codec": named, "sample_rate_hz": rate_hz, "channels": 1, "description": description}
    return told, [
        {
            "generation": 1,
            "track": "sound",
            "is_key": True,
            "time_us": round(index * length / rate_hz * 1e6),
            "captured_us": round(index * length / rate_hz * 1e6),
            "data": base64.b64encode(bytes(packet)).decode(),
        }
        for index, packet in enumerate(packets)
    ]


@pytest.mark.parametrize("codec", ["aac", "pcm_mulaw", "libopus"])
def test_sound_is_heard_once_it_is_wanted_and_in_time_with_the_picture(modules: ModulePage, codec: str) -> None:
    sound, packets = sound_packets(codec, 2.0)
    both = sorted(square_packets(50) + packets, key=lambda packet: packet["captured_us"])
    modules.page.mouse.click(5, 5)  # nothing is heard before somebody has clicked
    seen = staged(
        modules,
        LISTEN + "live.mode = 'fresh'; live.take({ format: given.format }); const has = live.hasSound;"
        "await play(given.both.filter(({ captured_us: at }) => at < 600000), []); const muted = pieces.length;"
        "live.hear(true); const late = given.both.filter(({ captured_us: at }) => at >= 600000);"
        "const begun_s = now();"
        "await play(late.map((one) => ({ ...one, captured_us: one.captured_us - 600000 })), []);"
        "const heard = live.isHeard; live.hear(false);"
        "return { has, muted, heard, after: live.isHeard, pieces, begun_s };",
        format=square_format(sound=sound),
        both=both,
    )
    assert seen["has"] and seen["muted"] == 0 and seen["heard"] and not seen["after"]
    pieces = seen["pieces"][5:]
    assert len(pieces) > 10 and median(one["loud"] for one in pieces) == pytest.approx(0.5, abs=0.1)
    gaps_s = [b["at_s"] - a["at_s"] - a["length_s"] for a, b in itertools.pairwise(pieces)]
    assert median(abs(gap_s) for gap_s in gaps_s) < 0.01, "one piece after the other"
    behind_s = pieces[0]["at_s"] - seen["begun_s"] - sum(one["length_s"] for one in seen["pieces"][:5])
    assert -0.05 < behind_s < 0.25, "what was captured as the picture was is heard as it is seen"


def test_sound_that_cannot_be_set_up_costs_a_sentence_and_no_picture(modules: ModulePage) -> None:
    modules.page.mouse.click(5, 5)
    sound = {"codec": "mp4a.40.2", "sample_rate_hz": RATE_HZ, "channels": 1, "description": "not base64"}
    seen = staged(
        modules,
        "live.mode = 'fresh'; live.hear(true); live.take({ format: given.format });"
        "await play(given.packets, []); return { told: told(), has: live.hasSound, count: shown.length };",
        format=square_format(sound=sound),
        packets=square_packets(15),
    )
    assert "The sound (mp4a.40.2) cannot be played" in seen["told"] and not seen["has"] and seen["count"] > 3


def test_sound_of_which_nothing_can_be_made_is_let_go(modules: ModulePage) -> None:
    modules.page.mouse.click(5, 5)
    sound, packets = sound_packets("pcm_mulaw", 1.0)
    both = sorted(square_packets(25) + packets, key=lambda packet: packet["captured_us"])
    seen = staged(
        modules,
        "let open = 0; const { close } = AudioData.prototype;"
        "AudioData.prototype.copyTo = () => { open += 1; throw new DOMException('no such format'); };"
        "AudioData.prototype.close = function () { open -= 1; return close.call(this); };"
        "live.mode = 'fresh'; live.hear(true); live.take({ format: given.format });"
        "await play(given.both, []); return { told: told(), open };",
        format=square_format(sound=sound),
        both=both,
    )
    assert "cannot be played: no such format" in seen["told"] and seen["open"] <= 0
