"""Video without WebCodecs: the page makes fragmented MP4 out of the packets."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from statistics import median

import av
import pytest

from support.coded_square import square_format, square_packets, square_result
from support.live_stage import staged
from support.module_page import ModulePage

pytestmark = pytest.mark.browser


def test_the_box_of_each_frame_is_on_it_without_webcodecs(modules: ModulePage) -> None:
    modules.page.add_init_script("delete globalThis.VideoDecoder;")
    modules.page.reload()
    packets = square_packets(60)
    results = [square_result(packet, n) for n, packet in enumerate(packets)]
    seen = staged(
        modules,
        "inRealTime(); live.take({ format: given.format }); const begun_s = now();"
        "for (const [n, { data, ...packet }] of given.packets.entries()) {"
        "  while (now() < begun_s + packet.captured_us / 1e6) await rest(4);"
        "  live.take({ packet }, bytes(data), begun_s); live.take({ result: given.results[n] }, null, begun_s); }"
        "for (let n = 0; n < 3000 && shown.filter(({ frame }) => frame).length < 10; n += 1) await rest(20);"
        "return { shown, told: told(), layer: live.layer };",
        format=square_format(sound={"codec": "ulaw", "sample_rate_hz": 8000, "channels": 1, "description": ""}),
        packets=packets,
        results=results,
    )
    assert "Without sound, since by Media Source Extensions pictures alone are played here." in seen["told"]
    boxed = [one for one in seen["shown"] if one["frame"]]
    assert len(boxed) >= 10
    apart = [abs(one["square"] - one["box"]) for one in boxed]
    assert median(apart) <= 4 / 320, f"a fault is in all of them, a busy moment in some: {apart}"
    assert "Media Source Extensions" in seen["told"] and seen["layer"] == "auto"


def test_the_fragments_are_mp4_that_others_read_too(modules: ModulePage) -> None:
    packets = square_packets(20, gop=10)
    written = modules.run(
        "const { configuration, taken } = await load('view/annexb.js');"
        "const { fragment, initSegment, joined } = await load('view/mp4.js');"
        "const parts = given.packets.map(({ data, is_key: isKey, time_us: time }, n) => {"
        "  const { sample, sets } = taken(Uint8Array.from(atob(data), (one) => one.charCodeAt(0)), given.format.codec);"
        "  const head = n ? [] : [initSegment(given.format, configuration(sets, given.format.codec))];"
        "  return joined([...head, fragment(n + 1, { sample, isKey, time: time + 2 ** 33, duration: 40000 })]);"
        "}); return btoa(String.fromCharCode(...joined(parts)));",
        {"packets": packets, "format": square_format()},
    )
    with av.open(io.BytesIO(base64.b64decode(written))) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
    assert len(frames) == 20 and (frames[0].width, frames[0].height) == (320, 180)
    assert [frame.key_frame for frame in frames] == [n % 10 == 0 for n in range(20)]
    assert [round(frame.time * 1e6) - 2**33 for frame in frames] == [packet["time_us"] for packet in packets]


@pytest.mark.parametrize(("encoder", "codec", "box"), [("libx265", "hev1", b"hvcC"), ("libx264", "avc1", b"avcC")])
def test_the_configuration_is_that_of_another_writer(modules: ModulePage, encoder: str, codec: str, box: bytes) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(encoder, rate=25, options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(320, 192, "yuv420p")))
        container.mux(stream.encode(None))
    bare = av.CodecContext.create(encoder, "w")
    bare.width, bare.height, bare.pix_fmt = 320, 192, "yuv420p"
    bare.framerate, bare.time_base = Fraction(25), Fraction(1, 25)
    bare.options = {"x265-params": "log-level=none"}
    packets = [*bare.encode(av.VideoFrame(320, 192, "yuv420p")), *bare.encode(None)]
    made = modules.run(
        "const { configuration, taken } = await load('view/annexb.js');"
        "const { sets } = taken(Uint8Array.from(atob(given.data), (one) => one.charCodeAt(0)), given.codec);"
        "return Array.from(configuration(sets, given.codec));",
        {"data": base64.b64encode(bytes(packets[0])).decode(), "codec": codec},
    )
    written = file.getvalue()
    begin = written.index(box) + 4
    length = int.from_bytes(written[begin - 8 : begin - 4], "big") - 8
    if codec == "avc1":
        assert bytes(made) == written[begin : begin + length]
    else:
        assert bytes(made[:13]) == written[begin : begin + 13], "profile, tier and level"
        assert made[21] == written[begin + 21] and made[22] == 3
