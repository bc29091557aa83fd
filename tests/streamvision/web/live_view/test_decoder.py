"""The decoder of one stream's video, in a real Chromium: what waits for it, and what it never gives."""

from __future__ import annotations

import pytest

from support.coded_square import square_format, square_packets
from support.live_stage import staged
from support.module_page import ModulePage

pytestmark = pytest.mark.browser


def test_who_comes_long_after_the_last_key_frame_sees_the_present_picture(modules: ModulePage) -> None:
    """A camera that sends a key frame each 12 s; the page comes after 8 s, and gets all since the last one at once."""
    packets = square_packets(240, gop=300)
    seen = staged(
        modules,
        "live.mode = 'fresh'; live.take({ format: given.format }); await idle(); const begun_s = now() - 8;"
        "const send = ({ data, ...packet }) => live.take({ packet }, bytes(data), begun_s);"
        "for (const packet of given.packets.slice(0, 200)) send(packet);"
        "await play(given.packets.slice(200), [], { begun_s }); return { ages_s: shown.map(({ age_s }) => age_s) };",
        format=square_format(),
        packets=packets,
    )
    assert len(seen["ages_s"]) > 10 and max(seen["ages_s"][-5:]) < 1


def test_a_decoder_that_gives_no_picture_is_given_up(modules: ModulePage) -> None:
    seen = staged(
        modules,
        "VideoDecoder.prototype.decode = () => {};"
        "live.take({ format: given.format }); await idle(); const begun_s = now();"
        "const send = ({ data, ...packet }) => live.take({ packet }, bytes(data), now());"
        "send(given.packets[0]); goTo(begun_s + 7); send(given.packets[1]); const patient = live.layer;"
        "goTo(begun_s + 9); send(given.packets[2]); return { patient, then: live.layer, changes };",
        format=square_format(),
        packets=square_packets(3),
    )
    assert seen == {"patient": "auto", "then": "h264", "changes": 1}
