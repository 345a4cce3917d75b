"""The demo chain (contract B): the same every time, quiet, and loaded again it adds nothing."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import psycopg
import pytest

from engage.cli.demo.hanbit import HANBIT
from engage.cli.demo.kangmei import KANGMEI
from engage.cli.demo.people import FANS
from engage.cli.demo.visits import plan
from engage.config import ROOT
from tests.journeys.phone import CREATED, cards, inbox
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
TABLES = (
    "store",
    "doctor",
    "shift",
    "item",
    "patient",
    "binding",
    "appointment",
    "notification_delivery",
    "timeline_entry",
    "staff",
    "fan",
)


def test_the_plan_of_a_day_is_the_same_every_time():
    assert list(plan(KANGMEI, NOON)) == list(plan(KANGMEI, NOON))


def test_a_day_later_nobody_has_another_time():
    first = {visit.key: visit for visit in plan(KANGMEI, NOON)}
    later = {visit.key: visit for visit in plan(KANGMEI, NOON + dt.timedelta(days=1))}
    both = first.keys() & later.keys()
    assert len(both) > 100
    for key in both:
        assert first[key].starts_at == later[key].starts_at
        assert first[key].person == later[key].person


def test_nobody_of_the_plan_is_at_two_places_at_once():
    for chain in (KANGMEI, HANBIT):
        for day in range(60):
            visits = list(plan(chain, NOON + dt.timedelta(days=day)))
            for who in ("doctor", "person"):
                last: dict[object, dt.datetime] = {}
                for visit in sorted(visits, key=lambda visit: visit.starts_at):
                    assert last.get(getattr(visit, who), visit.starts_at) <= visit.starts_at
                    last[getattr(visit, who)] = visit.ends_at


def test_the_chain_is_there_and_phones_are_quiet(system: System):
    of_kangmei = "tenant_id = (select id from tenant where slug = 'kangmei')"
    for table, count in {"store": 3, "doctor": 8, "item": 10, "complaint": 10, "staff": 11}.items():
        assert system.count(f"{table} where {of_kangmei}") == count
    assert system.count(f"patient where {of_kangmei}") > 50
    states = dict(system.rows("select state, count(*) from appointment group by state"))
    assert min(states[state] for state in ("completed", "no_show", "cancelled", "confirmed")) > 0
    _until_all_is_done(system)
    told = {fan: [card["title"] for card in cards(system, fan)] for fan in FANS}
    assert {title for titles in told.values() for title in titles} == {CREATED}
    assert max(len(titles) for titles in told.values()) == 1


def test_the_second_tenant_has_its_own(system: System):
    of_hanbit = "tenant_id = (select id from tenant where slug = 'hanbit')"
    assert system.count(f"appointment where {of_hanbit}") > 20
    assert system.count(f"doctor where {of_hanbit}") == 2


def test_loaded_again_it_adds_nothing(system: System):
    def counts() -> dict[str, int]:
        return {table: system.count(table) for table in TABLES} | {
            fan: len(inbox(system, fan)) for fan in FANS
        }

    _until_all_is_done(system)
    before = counts()
    _load(system)
    _until_all_is_done(system)
    assert counts() == before


def test_it_is_loaded_over_doctors_and_items_that_were_changed_by_hand(system: System):
    with psycopg.connect(system.owner_database.replace("+psycopg", "")) as database:
        database.execute(
            "insert into doctor (tenant_id, name, title, introduction, position, bookable)"
            " select tenant_id, '孙九', '', '', 99, true from doctor where name = '林志远'"
        )
        database.execute("update doctor set name = '许雅琴二' where name = '许雅琴'")
        database.execute("update item set name = '补牙二' where name = '补牙'")
        database.commit()
        _load(system)
        database.execute("delete from doctor where name = '孙九'")
        database.execute("update doctor set name = '许雅琴' where name = '许雅琴二'")
        database.execute("update item set name = '补牙' where name = '补牙二'")


def _until_all_is_done(system: System) -> None:
    """Wait until no reaction, message or push is left to a worker."""
    for work in ("wechat_push", "outbox", "notification_delivery"):
        left = f"{work} where available_at is not null"
        eventually(lambda left=left: system.count(left) == 0, seconds=60)


def _load(system: System) -> None:
    """Load the demo again, as `make demo` and the next `make run` do."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")},
        "ENGAGE_HOME": str(system.home),
    }
    command = [sys.executable, "-m", "engage.cli", "demo"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
