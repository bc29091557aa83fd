"""Metrics that Prometheus' own parser reads."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from streamvision.core.status import AdaptiveStatus
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import get, opened, read_part


def scrape(server: WebServer) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    status, headers, body = get(server.port, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    samples: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return samples


def labels(**pairs: str) -> frozenset[tuple[str, str]]:
    return frozenset(pairs.items())


def test_every_figure_is_there(feed: LiveFeed, server: WebServer) -> None:
    feed["yard"].enter("stalled", "silent")
    feed["yard"].status = replace(feed["yard"].status, drops={"newer frame": 7}, reconnects=2)
    with opened(server.port, "/streams/gate/mjpeg") as response:
        read_part(response)
        samples = scrape(server)
    gate, yard = labels(stream="gate"), labels(stream="yard")
    assert samples["streamvision_frames_in_total"][gate] >= samples["streamvision_frames_done_total"][gate] > 0
    assert samples["streamvision_frames_dropped_total"][labels(stream="yard", cause="newer frame")] == 7
    assert samples["streamvision_reconnects_total"] == {gate: 0, yard: 2}
    assert samples["streamvision_fps"] == {gate: 25, yard: 0}
    assert samples["streamvision_frame_age_seconds"][labels(stream="gate", quantile="0.99")] == 0.12
    assert samples["streamvision_newest_frame_age_seconds"][gate] >= 0
    assert samples["streamvision_viewers"] == {gate: 1, yard: 0}
    assert samples["streamvision_stream_state"][labels(stream="yard", state="stalled")] == 1
    assert samples["streamvision_stream_state"][labels(stream="yard", state="live")] == 0
    assert samples["streamvision_stage_seconds_count"] == {labels(stage="inference"): 1}
    assert samples["streamvision_stage_seconds"][labels(stage="inference", quantile="0.5")] == 0.02
    assert samples["streamvision_sent_age_seconds_count"][gate] >= 1
    assert samples["streamvision_objects"][labels(stream="gate", **{"class": "car"})] == 1
    assert samples["streamvision_live_connections"] == {frozenset(): 1}
    assert samples["process_resident_memory_bytes"][frozenset()] > 1e6


def test_two_pipelines_in_one_process_do_not_collide(feed: LiveFeed, serve) -> None:
    other = LiveFeed("attic")
    first, second = serve(feed), serve(other)
    assert labels(stream="attic") not in scrape(first)["streamvision_fps"]
    assert set(scrape(second)["streamvision_fps"]) == {labels(stream="attic")}


def test_inference_plans_are_counted_under_their_present_and_their_former_name(
    feed: LiveFeed, server: WebServer
) -> None:
    assert not scrape(server).get("streamvision_inference_plans_total")
    feed["gate"].status = replace(feed["gate"].status, adaptive=AdaptiveStatus({"full": 3, "partial": 40}, 0.2))
    found = scrape(server)
    plans, looks = found["streamvision_inference_plans_total"], found["streamvision_looks_total"]
    assert plans == {labels(stream="gate", kind="full"): 3, labels(stream="gate", kind="partial"): 40}
    assert looks == {labels(stream="gate", kind="whole"): 3, labels(stream="gate", kind="part"): 40}
