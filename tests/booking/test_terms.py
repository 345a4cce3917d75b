"""What a store allows patients who book by themselves, and that staff are not kept to it (BK-2)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from engage.audit.services import OPERATOR, Actor
from engage.booking import queries, services
from engage.booking.errors import NoSelfBooking, NotOpen, TooFar, TooLate, TooSoon
from engage.booking.rules import terms as rules
from engage.booking.rules.terms import Terms
from engage.booking.services import Change
from engage.kernel import clock, settings
from engage.kernel.db import Session
from engage.kernel.errors import DomainError, Invalid, NotFound
from tests.booking.scenes import Scene

DESK = Actor("staff", 7)
ZONE = "Asia/Shanghai"
TODAY = dt.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("terms", "first", "last"),
    [
        (Terms(), 0, 14),
        (Terms(same_day=False), 1, 14),
        (Terms(notice_days=3), 3, 14),
        (Terms(notice_days=3, same_day=False), 3, 14),
        (Terms(notice_days=0, horizon_days=0), 0, 0),
        (Terms(horizon_days=0, same_day=False), 1, 0),
    ],
)
def test_the_days_that_may_be_booked(terms: Terms, first: int, last: int) -> None:
    assert rules.days(terms, TODAY) == tuple(TODAY + dt.timedelta(days=number) for number in (first, last))


@pytest.mark.parametrize(
    ("minute", "is_within"), [(539, False), (540, True), (1019, True), (1020, False), (1439, False)]
)
def test_the_times_at_which_visits_begin(minute: int, is_within: bool) -> None:
    terms = Terms(earliest=540, latest=1020)
    begin, _ = clock.day_bounds(TODAY, ZONE)
    at = begin + dt.timedelta(minutes=minute)
    assert rules.is_within(terms, at, ZONE) is is_within
    assert rules.may_begin(terms, at, ZONE, now=begin) is is_within


def test_days_are_those_of_the_store() -> None:
    """At 16:30 in UTC it is tomorrow in Shanghai already."""
    now = dt.datetime(2026, 11, 22, 16, 30, tzinfo=dt.UTC)
    terms = Terms(notice_days=1, horizon_days=1)
    assert rules.may_begin(terms, dt.datetime(2026, 11, 24, 1, tzinfo=dt.UTC), ZONE, now=now)
    assert not rules.may_begin(terms, dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC), ZONE, now=now)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"earliest": 600, "latest": 600}, "latest"),
        ({"latest": 1441}, "latest"),
        ({"slot_minutes": 7}, "slot_minutes"),
        ({"horizon_days": 366}, "horizon_days"),
        ({"notice_days": 15}, "notice_days"),
        ({"change_until": dt.timedelta(days=8)}, "change_until"),
    ],
)
def test_terms_that_cannot_be_kept_to(
    scene: Scene, session: Session, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        set_terms(session, scene, replace(Terms(), **changes))
    assert field in refusal.value.fields


def set_terms(session: Session, scene: Scene, terms: Terms) -> None:
    services.set_terms(session, scene.chain.store.id, terms, by=OPERATOR, now=clock.now())


def refused(call: object) -> type[DomainError] | None:
    try:
        call()  # type: ignore[operator]
    except DomainError as refusal:
        return type(refusal)
    return None


def test_a_store_without_terms_has_the_chains(scene: Scene, session: Session) -> None:
    store_id = scene.chain.store.id
    assert queries.terms(session, store_id) == Terms() == queries.chain_terms(session)
    settings.put(session, services.HORIZON_DAYS, 30)
    settings.put(session, services.CHANGE_UNTIL, 0)
    expected = Terms(horizon_days=30, change_until=dt.timedelta())
    assert queries.terms(session, store_id) == expected == queries.chain_terms(session)
    own = Terms(horizon_days=7, change_until=dt.timedelta(days=1), approval=True)
    set_terms(session, scene, own)
    set_terms(session, scene, own)
    assert queries.terms(session, store_id) == own
    with pytest.raises(NotFound):
        services.set_terms(session, 10**12, own, by=OPERATOR, now=clock.now())


# The scene's shift begins tomorrow at 18:00 in Shanghai.
@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        (Terms(), None),
        (Terms(same_day=False), None),
        (Terms(notice_days=1), None),
        (Terms(notice_days=2), TooSoon),
        (Terms(horizon_days=0), TooFar),
        (Terms(self_booking=False), NoSelfBooking),
        (Terms(latest=1080), NotOpen),
        (Terms(earliest=1080, latest=1081), None),
        (Terms(earliest=1085), NotOpen),
    ],
)
def test_patients_keep_to_the_terms_and_staff_do_not(
    scene: Scene, session: Session, terms: Terms, refusal: type[DomainError] | None
) -> None:
    set_terms(session, scene, terms)
    now = clock.now()
    assert refused(lambda: services.hold(session, scene.slot(), now=now)) is refusal
    wish = scene.wish(slot=1 if refusal is None and terms.latest == 1440 else 0)
    assert refused(lambda: services.book(session, wish, by=scene.fan(), now=now)) is refusal
    desk = scene.wish(fan=1, slot=2, fan_id=None, channel="desk")
    assert refused(lambda: services.book(session, desk, by=DESK, now=now)) is None


def test_a_change_keeps_to_the_terms_of_where_it_goes(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    set_terms(session, scene, Terms(latest=1100))
    wish = Change(made.id, 1, scene.chain.store.id, scene.doctor_id, scene.wish(slot=1).starts_at)
    with pytest.raises(NotOpen):
        services.change(session, wish, by=scene.fan(), now=clock.now())
    services.change(session, wish, by=DESK, now=clock.now())


def test_how_late_a_change_may_be_is_the_stores(scene: Scene, session: Session) -> None:
    set_terms(session, scene, Terms(change_until=dt.timedelta(days=7)))
    made = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    wish = Change(made.id, 1, scene.chain.store.id, scene.doctor_id, scene.wish(slot=1).starts_at)
    with pytest.raises(TooLate):
        services.change(session, wish, by=scene.fan(), now=clock.now())
    cancelled = services.cancel(session, made.id, 1, "", by=scene.fan(), now=clock.now())
    assert cancelled.late


def test_terms_of_any_number_of_stores_are_one_query(scene: Scene, session: Session, count_queries) -> None:
    with count_queries() as counted:
        found = queries.terms_of(session, [scene.chain.store.id, 10**12])
    assert counted.n == 1
    assert set(found) == {scene.chain.store.id, 10**12}
