"""Errors on patient pages: in the clinic's name, with a way on."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.booking.scenes import Scene
from tests.contracts.callers import fan_browser


@pytest.mark.parametrize("page", ["/nothing", "/nothing/at/all", "/", ""])
def test_a_page_that_does_not_exist_is_the_clinics_and_leads_to_booking(
    client: FlaskClient, scene: Scene, page: str
):
    answer = client.get(f"/p/{scene.account_slug}{page}")
    assert answer.status_code == 404
    assert "<p>康美口腔</p>" in answer.text
    assert f'href="/p/{scene.account_slug}/booking"' in answer.text


def test_a_fan_who_is_known_stays_known(app: Flask, scene: Scene):
    fan = fan_browser(app, scene.chain, scene.fan_ids[0])
    assert f'href="/p/{scene.account_slug}/me"' in fan.get(f"/p/{scene.account_slug}/nothing").text


@pytest.mark.parametrize("page", ["/p/nobody-at-all/nothing", "/p/", "/nothing"])
def test_where_no_clinic_is_known_none_is_named(client: FlaskClient, page: str):
    answer = client.get(page)
    assert answer.status_code == 404
    assert "/booking" not in answer.text
