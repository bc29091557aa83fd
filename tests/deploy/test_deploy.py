"""Files for those who run it: they are valid, and name only metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from streamvision.core.status import OutputStatus
from streamvision.web.fanout import Fanout
from streamvision.web.metrics import build_registry
from support.live_feed import LiveFeed

METRIC = re.compile(r"\b(?:streamvision|process)_[a-z_]+")
MOST_EXPOSED = 25
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's package prometheus")


@pytest.fixture(scope="module")
def deploy(project_root: Path) -> Path:
    return project_root / "deploy"


@pytest.fixture(scope="module")
def samples() -> set[str]:
    """Name every sample that a run with lines, zones, outputs and drops gives."""
    feed = LiveFeed("gate")
    feed.frame_ages["gate"].add(0.1)
    crossed = {"in": {"total": 1, "classes": {"car": 1}}}
    inside = {"inside": 1, "entered": 1, "left": 0, "most": 1, "alarms": {"stay": 1}}
    feed["gate"].counts = {"lines": {"a": crossed}, "zones": {"b": inside}, "event_counts": {"line": 1}}
    output = OutputStatus("record", "x.mp4", "failing", "full", 1, {"disk": 1})
    feed["gate"].status = replace(
        feed["gate"].status, outputs=(output,), drops={"newer_frame": 1}, objects={"car": 1}, newest_age_s=1.0
    )
    registry: CollectorRegistry = build_registry(feed.view, Fanout(feed.view))
    return {sample.name for family in registry.collect() for sample in family.samples} | {
        # before the first frame there is no age, and where nobody was evicted no cause
        "streamvision_newest_frame_age_seconds"
    }


def dashboard_queries(deploy: Path) -> list[str]:
    document: dict[str, Any] = json.loads((deploy / "grafana" / "streamvision.json").read_text())
    queries = [target["expr"] for panel in document["panels"] for target in panel["targets"]]
    return queries + [one["query"]["query"] for one in document["templating"]["list"] if isinstance(one["query"], dict)]


def alert_queries(deploy: Path) -> list[str]:
    document = yaml.safe_load((deploy / "prometheus" / "alerts.yaml").read_text())
    return [rule["expr"] for group in document["groups"] for rule in group["rules"]]


def test_every_metric_of_the_dashboard_and_of_the_alerts_exists(deploy: Path, samples: set[str]) -> None:
    named = {name for query in dashboard_queries(deploy) + alert_queries(deploy) for name in METRIC.findall(query)}
    assert len(named) > 15
    assert named <= samples, named - samples


def test_panels_do_not_lie_on_each_other(deploy: Path) -> None:
    document = json.loads((deploy / "grafana" / "streamvision.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@needs_promtool
def test_prometheus_takes_rules_configuration_and_every_query(deploy: Path, tmp_path: Path) -> None:
    folder = deploy / "prometheus"
    queries = [one for one in dashboard_queries(deploy) if not one.startswith("label_values")]
    rules = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval", "5m", query)}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    for arguments in (
        ["rules", folder / "alerts.yaml", tmp_path / "panels.yaml"],
        ["config", "--syntax-only", folder / "prometheus.yaml"],
    ):
        done = subprocess.run(
            ["promtool", "check", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit_and_finds_it_confined(deploy: Path, tmp_path: Path) -> None:
    unit = (deploy / "systemd" / "streamvision.service").read_text()
    assert "Type=notify" in unit and "WatchdogSec=" in unit
    if "DynamicUser=yes" in unit:  # nobody but root can own the file that the documentation puts there
        (mode,) = re.findall(
            r"install -D -m (\d+) cameras.yaml", (deploy.parent / "docs" / "deployment.md").read_text()
        )
        assert int(mode, 8) & 0o004
    placed = tmp_path / "streamvision.service"
    placed.write_text(unit.replace("/opt/streamvision/bin/streamvision", sys.executable))
    verify = ["systemd-analyze", "verify", "--man=no", placed]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # systemd's measure: 0 is nothing that is not needed, 100 no confinement at all
    confined = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", placed]
    done = subprocess.run(confined, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
