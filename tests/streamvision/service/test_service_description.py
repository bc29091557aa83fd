"""What a service's routes say of themselves is what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from streamvision.web.app import create_app
from support.serving import EVERYWHERE, serving, write_config

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OWN = ("/api/settings", "/api/models", "/api/event-log", "/api/streams", "/api/tracklets")


def test_what_is_asked_by_the_description_is_answered_as_it_says(tmp_path: Path, model: Path) -> None:
    with serving(str(tmp_path), tmp_path, write_config(tmp_path / "cameras.yaml", model)) as served:
        served.add(id="gate", analytics={"zones": [EVERYWHERE]})
        app = create_app(served.service.view)
        schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app).exclude(tag="live")
        asked = set()
        for found in schema.get_all_operations():
            operation = found.ok()
            if not operation.path.startswith(OWN):
                continue
            asked.add(operation.label)

            @settings(
                max_examples=10,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(), known=st.booleans())
            def answers(case: Any, known: bool) -> None:
                if known and "stream_id" in case.path_parameters and case.method != "DELETE":
                    case.path_parameters["stream_id"] = "gate"
                case.validate_response(case.call(), checks=CHECKS)

            answers()
        assert served.stream_ids() == ["gate"]
    assert {
        "POST /api/streams", "PATCH /api/streams/{stream_id}", "DELETE /api/streams/{stream_id}",
        "GET /api/streams/{stream_id}/config", "POST /api/streams/test-picture", "GET /api/models",
        "GET /api/settings", "PATCH /api/settings", "GET /api/event-log", "GET /api/event-log.csv",
        "GET /api/event-log/{number}/picture",
        "GET /api/tracklets", "GET /api/tracklets/{tracklet_id}/crop.jpg", "GET /api/tracklets/{tracklet_id}/similar",
        "POST /api/tracklets/similar",
    } <= asked  # fmt: skip
