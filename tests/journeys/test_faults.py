"""The main job while something is killed: nothing is lost and nothing comes twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import requests

from tests.journeys.phone import Phone, delivered, free_times, inbox, person
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]


def _kill_worker(system: System) -> None:
    os.kill(system.pid("worker"), signal.SIGKILL)


def _kill_clock(system: System) -> None:
    os.kill(system.pid("clock"), signal.SIGKILL)


def _empty_redis(system: System) -> None:
    redis.Redis.from_url(system.redis).flushall()


def _restart_postgres(system: System) -> None:
    before = _postmaster(system)
    os.kill(before, signal.SIGINT)
    # Until its last connection has gone it answers the old way: wait for the one that follows it.
    eventually(lambda: _postmaster(system) not in {0, before}, seconds=60)


def _postmaster(system: System) -> int:
    """Give the process id of the running PostgreSQL, 0 between two."""
    lines = [line for file in system.home.glob("postgres-*/postmaster.pid") for line in _lines(file)]
    return int(lines[0]) if lines else 0


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("fault", [_kill_worker, _kill_clock, _empty_redis, _restart_postgres])
def test_a_booking_is_told_once_whatever_dies(system: System, fault: Callable[[System], None]):
    fan = person(system, "丁")
    phone = Phone(system, fan)
    page = phone.open("/p/kangmei/booking")
    done = phone.book(page, free_times(page.text)[-1], "丁")
    fault(system)
    eventually(lambda: _ready(system), seconds=30)
    eventually(lambda: delivered(system, done.url) == 1, seconds=100)
    assert len([item for item in inbox(system, fan) if item["kind"] == "template"]) == 1


@pytest.mark.parametrize(
    "effect", [{"errcode": -1}, {"http": 502}, {"drop": "before"}, {"drop": "after"}, {"errcode": 40001}]
)
def test_a_message_survives_what_wechat_does(system: System, effect: dict):
    fan = person(system, "戊")
    fault = {"match": {"path": "/cgi-bin/message/template/send"}, "effect": effect, "times": 1}
    system.control("POST", "/faults", fault)
    phone = Phone(system, fan)
    page = phone.open("/p/kangmei/booking")
    done = phone.book(page, free_times(page.text)[-1], "戊")
    eventually(lambda: delivered(system, done.url) == 1, seconds=60)
    assert len([item for item in inbox(system, fan) if item["kind"] == "template"]) == 1


def _ready(system: System) -> bool:
    try:
        return requests.get(f"{system.web}/readyz", timeout=5).ok
    except requests.RequestException:
        return False
