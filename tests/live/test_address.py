"""Where pages are told that their streams are, and that their policy lets them go there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from engage import config
from engage.app import create_app
from engage.blueprints.live import address
from engage.kernel import clock
from tests.conftest import Chain
from tests.contracts.callers import log_in_directly


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "192.168.1.5", "[::1]"])
def test_a_page_finds_its_streams_under_its_own_name(app: Flask, chain: Chain, host: str) -> None:
    person = log_in_directly(app, chain, "agent")
    with app.test_request_context("/console/", base_url=f"http://{host}:8000"):
        assert address.origin() == f"http://{host}:8002"
    answer = person.client.get("/console/profile")
    assert 'data-live="http://localhost:8002/live/stream"' in answer.text
    assert "connect-src 'self' http://localhost:8002" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil; script-src *", "a b", "", "x'y", "[::1"])
def test_a_host_that_is_none_leads_nowhere(app: Flask, host: str) -> None:
    with app.test_request_context("/console/", headers={"Host": host}):
        told = address.origin()
    assert not {";", " ", "'", "*"} & set(told)


@pytest.fixture
def in_production(settings: config.Config):
    """Make the application as production does: `in_production(live_url)`."""

    def make(live_url: str) -> Flask:
        url = "https://clinic.example"
        return create_app(replace(settings, env="production", public_url=url, live_url=live_url))

    yield make
    clock.use_offset(settings.home / "clock-offset")


def test_patient_pages_reach_no_stream(app: Flask) -> None:
    policy = app.test_client().get("/p/nowhere/").headers["Content-Security-Policy"]
    assert "connect-src 'self'" in policy
    assert ":8002" not in policy


@pytest.mark.parametrize(
    ("live_url", "expected"),
    [("", "https://clinic.example:8002"), ("https://live.clinic.example", "https://live.clinic.example")],
)
def test_production_trusts_no_host_of_a_request(in_production, live_url: str, expected: str) -> None:
    with in_production(live_url).test_request_context("/console/", base_url="https://elsewhere.example"):
        assert address.origin() == expected
        assert address.is_ours("https://clinic.example")
        assert not address.is_ours("https://elsewhere.example")
        assert not address.is_ours("https://elsewhere.example:8000")
