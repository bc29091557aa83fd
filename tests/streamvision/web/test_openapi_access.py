"""Every route of the description, asked by nobody, by a viewer, by a scraper and by an admin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from streamvision.core.config.serve import ServeConfig
from streamvision.web.app import create_app
from streamvision.web.login import Login
from support.accounts import People, people
from support.live_feed import LiveFeed, published_after

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def _address(path: str) -> str:
    """Return an address of a path with parameters: those of streams and users name some that there are."""
    return re.sub(r"\{[a-z_]+\}", "1", path.replace("{stream_id}", "gate").replace("{name}", "bob"))


Check = Callable[[Any, Any, dict[str, Any]], None]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(Path(tmp_path_factory.mktemp("people"))) as found:
        yield found


@pytest.fixture(scope="module")
def app(known: People) -> Iterator[Flask]:
    with LiveFeed("gate", "yard") as feed:
        assert published_after(feed["gate"].channel, 0)
        yield create_app(feed.view, login=Login(known.accounts, ServeConfig()))


def ask_all(app: Flask, headers: dict[str, str], check: Check, *, examples: int, live: bool = True) -> int:
    """Ask every operation a few times, and check each answer; return how many operations there are."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app, headers=headers)
    count = 0
    for found in (schema if live else schema.exclude(tag="live")).get_all_operations():
        operation = found.ok()
        count += 1

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            if "stream_id" in case.path_parameters:
                case.path_parameters["stream_id"] = "gate"
            case.headers.pop("Authorization", None)
            check(case, case.call(headers=headers), case.operation.definition.raw)

        answers()
    return count


def test_nobody_gets_more_than_what_is_public(app: Flask, known: People) -> None:
    client = app.test_client(use_cookies=False)
    document = client.get("/api/openapi.json", headers=known.headers("ann")).get_json()
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            address = _address(path)
            response = client.open(address, method=method.upper(), json={} if method != "get" else None)
            asked += 1
            if "x-access" in operation:
                assert response.status_code == 401, (method, path, response.status_code)
                assert list(response.get_json()) == ["error"]
            else:
                assert response.status_code != 401, (method, path)
            response.close()
    assert asked > 20
    public = {path for path, one in document["paths"].items() if any("x-access" not in o for o in one.values())}
    assert {"/healthz", "/readyz"} <= public
    assert not public & {"/api/streams", "/metrics", "/api/users"}


@pytest.mark.parametrize(("who", "allowed"), [("bob", {"view"}), ("scraper", {"metrics"}), ("reader", {"view"})])
def test_a_token_opens_what_it_is_for_and_changes_nothing(
    app: Flask, known: People, who: str, allowed: set[str]
) -> None:
    client = app.test_client(use_cookies=False)
    document = client.get("/api/openapi.json", headers=known.headers("ann")).get_json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            level = operation.get("x-access")
            address = _address(path)
            if level in {None, *allowed}:
                continue
            response = client.open(
                address, method=method.upper(), json={} if method != "get" else None, headers=known.headers(who)
            )
            assert response.status_code == 403, (method, path, response.status_code)


def test_an_admin_is_answered_as_the_description_says(app: Flask, known: People) -> None:
    def check(case: Any, response: Any, _operation: dict[str, Any]) -> None:
        assert response.status_code < 500 or (case.path, response.status_code) == ("/readyz", 503)
        assert response.status_code != 401
        case.validate_response(response, checks=CHECKS)

    assert ask_all(app, known.headers("ann"), check, examples=3, live=False) > 20


@pytest.mark.parametrize("number", ["9" * 19, "9" * 40, "9" * 5000, "0", "-1", "1.5", "%00"])
def test_a_number_that_no_database_can_hold_is_nothing_that_there_is(app: Flask, known: People, number: str) -> None:
    client = app.test_client(use_cookies=False)
    answer = client.delete(f"/api/tokens/{number}", headers=known.headers("ann"))
    assert answer.status_code == 404
    assert list(answer.get_json()) == ["error"]
