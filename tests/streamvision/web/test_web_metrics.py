"""Metrics that Prometheus' own parser reads."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamvision.core.status import AdaptiveStatus
from streamvision.web.region_metrics import MAX_CLASSES, bounded
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
    for age_s in (0.04, 0.08, 200.0):
        feed.frame_ages["gate"].add(age_s)
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
    assert samples["streamvision_frame_age_seconds_count"][gate] == 3
    assert samples["streamvision_frame_age_seconds_bucket"][labels(stream="gate", le="0.05")] == 1
    assert samples["streamvision_frame_age_seconds_bucket"][labels(stream="gate", le="0.1")] == 2
    assert samples["streamvision_frame_age_seconds_bucket"][labels(stream="gate", le="+Inf")] == 3
    assert samples["streamvision_newest_frame_age_seconds"][gate] >= 0
    assert samples["streamvision_viewers"] == {gate: 1, yard: 0}
    assert samples["streamvision_stream_state"][labels(stream="yard", state="stalled")] == 1
    assert samples["streamvision_stream_state"][labels(stream="yard", state="live")] == 0
    assert samples["streamvision_stage_seconds_count"] == {labels(stage="inference"): 1}
    assert samples["streamvision_stage_seconds_bucket"][labels(stage="inference", le="0.025")] == 1
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


def test_lines_zones_and_events_are_counted(feed: LiveFeed, server: WebServer) -> None:
    counts = {
        "lines": {
            'gate "A"': {"in": {"total": 5, "classes": {"car": 3, "truck": 2}}, "out": {"total": 0, "classes": {}}}
        },
        "zones": {"yard": {"inside": 2, "entered": 9, "left": 7, "most": 4, "alarms": {"stay": 1}}},
        "event_counts": {"line": 5, "speeding": 2},
    }
    feed["gate"].counts = counts
    found = scrape(server)
    line = {"stream": "gate", "line": 'gate "A"', "direction": "in"}
    assert found["streamvision_line_crossings_total"] == {
        labels(**line, **{"class": "car"}): 3,
        labels(**line, **{"class": "truck"}): 2,
    }
    zone = labels(stream="gate", zone="yard")
    assert found["streamvision_zone_objects"] == {zone: 2}
    assert (found["streamvision_zone_entered_total"], found["streamvision_zone_left_total"]) == ({zone: 9}, {zone: 7})
    assert found["streamvision_zone_alarms_total"] == {labels(stream="gate", zone="yard", kind="stay"): 1}
    assert found["streamvision_events_total"][labels(stream="gate", kind="speeding")] == 2


def test_labels_have_a_bound_and_what_is_beyond_it_is_counted_together() -> None:
    identities = {f"class {number}": 2 for number in range(1000)}
    found = bounded(identities)
    assert len(found) == MAX_CLASSES + 1
    assert found["other"] == 2 * (1000 - MAX_CLASSES)
    assert bounded({"other": 1} | identities)["other"] == 1 + 2 * (1001 - MAX_CLASSES)


def test_streams_that_come_and_go_are_followed(feed: LiveFeed, server: WebServer) -> None:
    feed.add("attic")
    assert labels(stream="attic") in scrape(server)["streamvision_fps"]
    feed.remove("attic")
    assert labels(stream="attic") not in scrape(server)["streamvision_fps"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of Debian's package prometheus")
def test_promtool_has_nothing_to_say(feed: LiveFeed, server: WebServer) -> None:
    feed.frame_ages["gate"].add(0.05)
    with opened(server.port, "/streams/gate/mjpeg") as response:
        read_part(response)
        _, _, body = get(server.port, "/metrics")
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
