"""Closures and special days through their services."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.clinic import queries, services
from engage.clinic.errors import ClosureChanged
from engage.clinic.models import Store
from engage.clinic.rules import Special
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import Invalid, NotFound
from engage.kernel.outbox import OutboxRow
from tests.conftest import Chain, make_chain

MONDAY = dt.date(2026, 11, 23)
BEGIN = dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
FAR = BEGIN + dt.timedelta(days=400)


@pytest.fixture
def at(chain: Chain) -> ClosureDetails:
    return ClosureDetails(store_id=chain.store.id, starts_at=BEGIN, ends_at=BEGIN + HOUR, reason="停电检修")


def add(session: Session, details: ClosureDetails):
    return services.add_closure(session, details, by=OPERATOR, now=clock.now())


def test_a_closure_is_added_changed_removed_and_restored(session: Session, at: ClosureDetails) -> None:
    made = add(session, at)
    later = replace(at, ends_at=BEGIN + 2 * HOUR)
    changed = services.update_closure(session, made.id, 1, later, by=OPERATOR, now=clock.now())
    assert changed.version == 2
    with pytest.raises(ClosureChanged):
        services.update_closure(session, made.id, 1, at, by=OPERATOR, now=clock.now())
    # A repeat of what stands already is no conflict.
    services.update_closure(session, made.id, 1, later, by=OPERATOR, now=clock.now())
    assert services.remove_closure(session, made.id, by=OPERATOR, now=clock.now()) == later
    assert services.remove_closure(session, made.id, by=OPERATOR, now=clock.now()) is None
    assert add(session, later).version == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"store_id": None},
        {"ends_at": BEGIN},
        {"ends_at": None},
        {"ends_at": BEGIN + dt.timedelta(days=3000)},
        {"weekday": 0, "from_minute": 600, "to_minute": 600, "from_date": MONDAY},
        {"weekday": 0, "from_minute": 601, "to_minute": 660, "from_date": MONDAY},
        {"weekday": 0, "from_minute": 600, "to_minute": 660},
        {
            "weekday": 0,
            "from_minute": 600,
            "to_minute": 660,
            "from_date": MONDAY,
            "to_date": MONDAY - dt.timedelta(days=1),
        },
    ],
)
def test_what_no_closure_is(session: Session, at: ClosureDetails, changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        add(session, replace(at, **changes))


def test_what_another_chain_has_cannot_be_closed(session: Session, at: ClosureDetails) -> None:
    for subject in ("store_id", "doctor_id", "item_id"):
        with pytest.raises(NotFound):
            add(session, replace(at, **{subject: 10**12}))


def test_which_closures_touch_an_interval(session: Session, chain: Chain, at: ClosureDetails) -> None:
    once = add(session, at)
    weekly = ClosureDetails(
        store_id=chain.store.id, weekday=0, from_minute=600, to_minute=660, from_date=MONDAY
    )
    for_ever = add(session, weekly)
    ended = add(session, replace(weekly, to_date=MONDAY))
    doctor = services.create_doctor(session, name="李", title="", position=0, by=OPERATOR, now=clock.now())
    everywhere = add(session, replace(weekly, store_id=None, doctor_id=doctor.id))

    def found(begin: dt.datetime, end: dt.datetime, store_id: int | None = chain.store.id) -> list[int]:
        return [one.id for one in queries.closures_between(session, store_id, begin, end)]

    assert found(BEGIN, BEGIN + HOUR) == [once.id, for_ever.id, ended.id, everywhere.id]
    # Half-open: what ends where the interval begins does not touch it.
    assert once.id not in found(BEGIN + HOUR, BEGIN + 2 * HOUR)
    assert found(FAR, FAR + HOUR) == [for_ever.id, everywhere.id]
    assert found(FAR, FAR + HOUR, store_id=chain.store.id + 1) == [everywhere.id]
    assert found(FAR, FAR + HOUR, store_id=None) == [for_ever.id, everywhere.id]


def test_a_special_day_is_set_again_and_removed(session: Session, chain: Chain) -> None:
    special = Special("春节值班", ((540, 720),))

    def put(what: Special) -> bool:
        return services.set_special_day(session, chain.store.id, MONDAY, what, by=OPERATOR, now=clock.now())

    assert put(special)
    assert not put(special)
    assert put(Special("春节值班"))
    assert queries.special_days(session, chain.store.id, MONDAY, MONDAY) == {MONDAY: Special("春节值班")}
    calendar = queries.calendars(session, [chain.store.id], MONDAY, MONDAY)[chain.store.id]
    assert calendar.opening(MONDAY) == []
    gone = services.remove_special_day(session, chain.store.id, MONDAY, by=OPERATOR, now=clock.now())
    assert gone == Special("春节值班")
    assert services.remove_special_day(session, chain.store.id, MONDAY, by=OPERATOR, now=clock.now()) is None


def test_a_store_keeps_the_holidays_of_its_country(session: Session, chain: Chain) -> None:
    day, made_up = dt.date(2026, 10, 1), dt.date(2026, 10, 10)

    def day_of(date: dt.date):
        calendars = queries.calendars(session, [chain.store.id], day, made_up, language="zh_Hans")
        return calendars[chain.store.id].day(date)

    def keep(**choice: object) -> None:
        services.keep_holidays(session, chain.store.id, **choice, by=OPERATOR, now=clock.now())

    assert day_of(day).stretches == ((0, 1440),)
    keep(country="CN")
    assert (day_of(day).stretches, day_of(day).name) == ((), "国庆节")
    assert day_of(made_up).stretches == ((0, 1440),)
    keep(country="CN", on_holidays="as_usual")
    assert (day_of(day).stretches, day_of(day).name) == (((0, 1440),), "国庆节")
    for wrong in (
        {"country": "XX"},
        {"country": "CN", "on_holidays": "?"},
        {"country": "", "make_up_weekday": 7},
    ):
        with pytest.raises(Invalid):
            keep(**wrong)


def test_the_year_turns_within_a_calendar(session: Session, chain: Chain) -> None:
    services.keep_holidays(session, chain.store.id, country="CN", by=OPERATOR, now=clock.now())
    first, last = dt.date(2026, 12, 30), dt.date(2027, 1, 2)
    calendar = queries.calendars(session, [chain.store.id], first, last)[chain.store.id]
    assert calendar.day(dt.date(2026, 12, 31)).kind == "usual"
    assert calendar.day(dt.date(2027, 1, 1)).kind == "holiday"


def test_whatever_may_open_time_is_told(session: Session, chain: Chain, at: ClosureDetails) -> None:
    def told() -> int:
        opened = sa.select(sa.func.count()).select_from(OutboxRow).where(OutboxRow.event == "clinic.opened")
        return session.scalar(opened) or 0

    before = told()
    made = add(session, at)
    assert told() == before  # a closure frees nothing
    services.remove_closure(session, made.id, by=OPERATOR, now=clock.now())
    assert told() == before + 1
    services.set_special_day(
        session, chain.store.id, MONDAY, Special("加班", ((0, 600),)), by=OPERATOR, now=clock.now()
    )
    assert told() == before + 2


def test_an_item_of_another_length_may_fit_where_it_did_not(session: Session, chain: Chain) -> None:
    told = {"by": OPERATOR, "now": clock.now()}
    opened = sa.select(sa.func.count()).select_from(OutboxRow).where(OutboxRow.event == "clinic.opened")
    category = services.create_category(session, name="检查", position=0, **told)
    details = services.ItemDetails(category_id=category.id, name="洗牙", minutes=60)
    item = services.create_item(session, details, position=0, **told)
    services.update_item(session, item.id, replace(details, name="洁牙"), **told)
    assert session.scalar(opened) == 0
    services.update_item(session, item.id, replace(details, name="洁牙", minutes=30), **told)
    assert session.scalar(opened) == 1


def test_calendars_ask_one_query_for_any_number_of_stores(
    session: Session, chain: Chain, count_queries
) -> None:
    store_ids = [chain.store.id]
    for number in range(3):
        made = Store(
            slug=f"s{number}",
            name="店",
            short_name="店",
            address="",
            zone="Asia/Shanghai",
            position=number + 1,
        )
        session.add(made)
        session.flush()
        store_ids.append(made.id)
    with count_queries() as counted:
        found = queries.calendars(session, store_ids, MONDAY, MONDAY + dt.timedelta(days=365))
    assert counted.n == 1
    assert set(found) == set(store_ids)


def test_closures_of_another_chain_are_not_seen(chain: Chain, at: ClosureDetails) -> None:
    with tenant_scope(chain.id), unit_of_work() as session:
        made = add(session, at).id
    other = make_chain()
    with tenant_scope(other.id), unit_of_work() as session:
        assert queries.closures_between(session, None, BEGIN, FAR) == []
        with pytest.raises(NotFound):
            queries.closure(session, made)
        with pytest.raises(NotFound):
            add(session, at)
