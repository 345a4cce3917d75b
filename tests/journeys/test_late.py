"""A push that cannot take effect in time is answered, and its reply follows (R10)."""

from __future__ import annotations

import threading
import time
import uuid

import psycopg
import pytest

from tests.journeys.phone import APP_ID, inbox, person
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(120)]


def test_a_welcome_that_takes_too_long_follows_as_a_message(system: System):
    fan = person(system, "己")
    system.control("POST", f"/fans/{fan}/unfollow", {"appid": APP_ID})
    last = system.control("GET", "/pushes")[-1]
    # Following twice within a second is one event to WeChat's own rule of telling them apart.
    eventually(lambda: int(time.time()) > last["at"])
    welcome = len(inbox(system, fan))
    url = system.owner_database.replace("postgresql+psycopg://", "postgresql://")
    follow = threading.Thread(target=system.control, args=("POST", f"/fans/{fan}/follow", {"appid": APP_ID}))
    with psycopg.connect(url) as slow:
        slow.execute("select from fan where openid = %s for update", [openid(system, fan)])
        follow.start()
        follow.join(20)
        (push,) = [
            entry for entry in system.control("GET", "/pushes", after=str(last["seq"])) if entry["fan"] == fan
        ]
        assert [(attempt["status"], attempt["ms"] < 4000) for attempt in push["attempts"]] == [(200, True)]
        assert len(inbox(system, fan)) == welcome
        slow.rollback()
    (late,) = eventually(lambda: inbox(system, fan)[welcome:], seconds=60)
    assert (late["kind"], late["msgtype"]) == ("custom", "text")
    assert "微信预约" in late["content"]
    assert system.count("wechat_push where late and handled_at is not null") == 1


def test_a_welcome_in_time_travels_in_the_answer(system: System):
    """The control: with nothing in the way there is one passive reply and no message after it."""
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": "庚"})
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    assert [entry["kind"] for entry in inbox(system, fan)] == ["passive"]


def openid(system: System, fan: str) -> str:
    return system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
