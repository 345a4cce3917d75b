"""The demo chain (contract B): the same every time, quiet, and loaded again it adds nothing."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import psycopg
import pytest

from engage.chat.rules import Trigger, Window, opened
from engage.cli.demo.account import APP_ID, EVERYBODY, OFFERED, REMINDER
from engage.cli.demo.hanbit import HANBIT
from engage.cli.demo.kangmei import KANGMEI
from engage.cli.demo.offers import DRAFT, FINISHED, LEFT, SCHEDULED, SENT, USED_EVERY
from engage.cli.demo.people import FANS
from engage.cli.demo.talks import FAN, REFUSING, TALKS, said
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
    "conversation",
    "chat_message",
    "coupon",
    "coupon_grant",
    "campaign",
    "campaign_recipient",
    "closure",
    "store_day",
    "waiting_wish",
)
COUPON = "优惠券到账通知"
USED = len(range(1, len(EVERYBODY), USED_EVERY))


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


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_what_is_said_fits_wechats_window_at_any_hour(hour: int):
    now, staff = NOON + dt.timedelta(hours=hour), {login for login, *_ in KANGMEI.staff}
    for fan in TALKS:
        lines = list(said(fan, now, KANGMEI.zone))
        assert [line.at for line in lines] == sorted(line.at for line in lines)
        assert lines[-1].at <= now
        assert fan in EVERYBODY
        window = Window(0, None)
        for line in lines:
            if line.by == FAN:
                window = opened(Trigger.MESSAGE, line.at)
            else:
                assert line.by in staff
                assert window.is_open(line.at)
                window = Window(window.left - 1, window.until)


def test_the_chain_is_there_and_phones_are_quiet(system: System):
    of_kangmei = "tenant_id = (select id from tenant where slug = 'kangmei')"
    for table, count in {"store": 3, "doctor": 8, "item": 10, "complaint": 10, "staff": 11}.items():
        assert system.count(f"{table} where {of_kangmei}") == count
    assert system.count(f"patient where {of_kangmei}") > 50
    states = dict(system.rows("select state, count(*) from appointment group by state"))
    assert min(states[state] for state in ("completed", "no_show", "cancelled", "confirmed")) > 0
    _until_all_is_done(system)
    told = {fan: [card["title"] for card in cards(system, fan)] for fan in FANS}
    titles = {title for titles in told.values() for title in titles}
    assert {CREATED, COUPON, OFFERED} <= titles <= {CREATED, COUPON, OFFERED, REMINDER}
    for titles in told.values():
        assert titles.count(CREATED) <= 1
        assert COUPON in titles


def test_conversations_have_a_history_and_some_wait(system: System):
    _until_all_is_done(system)
    openids = [system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"] for fan in TALKS]
    talk = (
        "from conversation join fan on fan.id = conversation.fan_id "
        "join chat_message m on m.conversation_id = conversation.id where openid = any(%s)"
    )
    states = system.rows(f"select m.state, count(*) {talk} and direction = 'out' group by 1", openids)
    # One was to somebody who switched the account's messages off.
    assert dict(states) == {"sent": _lines(staff=True) - 1, "failed": 1}
    written = f"select count(*) {talk} and direction = 'in' and kind <> 'profile'"
    assert system.rows(written, openids) == [(_lines(staff=False),)]
    waiting = f"select count(distinct m.conversation_id) {talk} and waiting_since is not null"
    assert system.rows(waiting, openids) == [(6,)]  # five wrote, one handed in a profile
    pictures = f"select count(*) {talk} and kind = 'image' and direction = 'in' and file is not null"
    assert system.rows(pictures, openids) == [(2,)]
    old = f"select count(*) {talk} and m.at < now() - interval '1 day'"
    assert system.rows(old, openids)[0][0] > 30


def test_a_phone_shows_a_conversation_in_its_order(system: System):
    _until_all_is_done(system)
    shown = system.control("GET", "/fans/xiaoyu/inbox", appid=APP_ID, all="1")
    kinds = [entry["kind"] for entry in shown if entry["kind"] in {"sent", "custom"}]
    assert kinds == ["sent" if by == FAN else "custom" for _, by, _ in TALKS["xiaoyu"]]


def test_a_push_is_over_and_another_planned(system: System):
    _until_all_is_done(system)
    pushes = dict(system.rows("select name, state from campaign where name = any(%s)", [FINISHED, SCHEDULED]))
    assert pushes == {FINISHED: "finished", SCHEDULED: "scheduled"}
    told = system.rows(
        "select d.state, count(*) from notification_delivery d join campaign on campaign.id = d.subject_id "
        "where d.kind = 'coupon_arrived' and campaign.name = %s group by 1",
        FINISHED,
    )
    assert dict(told) == {"delivered": len(EVERYBODY) - len(REFUSING), "failed": len(REFUSING)}
    given = system.rows(
        "select g.state, count(*) from coupon_grant g join coupon on coupon.id = g.coupon_id "
        "where coupon.name = %s group by 1",
        SENT,
    )
    assert dict(given) == {"held": len(EVERYBODY) - USED, "redeemed": USED}
    offers = system.rows(
        "select name, state, stock - granted from coupon where name = any(%s)", [SENT, DRAFT]
    )
    assert set(offers) == {(SENT, "published", LEFT), (DRAFT, "draft", None)}


def test_the_month_lives(system: System):
    """Kept rates differ by doctor, one is below the line; days are bent; people wait, call and walk in."""
    _until_all_is_done(system)
    came = "a.state in ('completed', 'checked_in', 'in_treatment')"
    was_due = f"({came} or a.state = 'no_show' or (a.cancelled_by = 'patient' and a.late))"
    rates = dict(
        system.rows(
            f"select d.name, 100 * count(*) filter (where {came}) / count(*) from appointment a"  # noqa: S608
            f" join doctor d on d.id = a.doctor_id where {was_due} and d.name = any(%s)"
            " and a.starts_at between now() - interval '30 days' and now() group by 1",
            [doctor.name for doctor in KANGMEI.doctors],
        )
    )
    assert rates[KANGMEI.sought] <= 75 < max(rates.values())
    for lives in (
        "store_day where name = '周年店庆'",
        "closure where reason = '学术会议'",
        "appointment where state = 'requested'",
        "appointment where starts_at > now() + interval '32 days'",
        "waiting_wish where state = 'waiting'",
        "waiting_offer where state = 'open'",
        "task where kind = 'call_no_show' and state = 'done'",
        "task where kind = 'attendance_alarm'",
        "store_picture",
    ):
        assert system.count(lives), lives


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


def _lines(*, staff: bool) -> int:
    return sum((by != FAN) is staff for talk in TALKS.values() for _, by, _ in talk)


def _until_all_is_done(system: System) -> None:
    """Wait until no reaction, message or push is left to a worker."""
    for work in ("wechat_push", "outbox", "notification_delivery", "chat_message"):
        left = f"{work} where available_at is not null"
        eventually(lambda left=left: system.count(left) == 0, seconds=60)
    told = "notification_delivery where kind = 'coupon_arrived' and state = 'sent'"
    eventually(lambda: system.count("campaign where state = 'running'") + system.count(told) == 0, seconds=60)


def _load(system: System) -> None:
    """Load the demo again, as `make demo` and the next `make run` do."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")},
        "ENGAGE_HOME": str(system.home),
    }
    command = [sys.executable, "-m", "engage.cli", "demo"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
