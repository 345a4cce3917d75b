"""The waiting list (BK-17): who waits, for what, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.booking import services
from engage.booking.errors import TooManyWishes, WindowOver
from engage.booking.models import Hold
from engage.booking.queries import waiting as queries
from engage.booking.rules.waiting import DAYS_AHEAD
from engage.clinic.models import Store
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from tests.booking.scenes import Scene
from tests.booking.wishes import (
    AFTER,
    DESK,
    Add,
    Balanced,
    approve_at,
    noon,
    offer,
    offered,
    wanted,
    window_of,
)


def test_nobody_waits_for_ever(session: Session, scene: Scene) -> None:
    for_ever = window_of(scene, to_date=dt.date.max)
    wish = services.add_wish(session, wanted(scene, window=for_ever), by=scene.fan(), now=noon(scene))
    today = clock.local(noon(scene), scene.chain.store.zone).date()
    assert wish.to_date == today + dt.timedelta(days=DAYS_AHEAD)
    assert offer(session, scene) is not None


def test_patients_wait_for_no_store_they_do_not_see(session: Session, scene: Scene) -> None:
    hide(session, scene)
    with pytest.raises(NotFound):
        services.add_wish(session, wanted(scene), by=scene.fan(), now=noon(scene))
    assert services.add_wish(session, wanted(scene), by=DESK, now=noon(scene)).id
    assert offer(session, scene) is None


def hide(session: Session, scene: Scene) -> None:
    """Let the scene's store miss what is required before patients see one."""
    session.execute(sa.update(Store).where(Store.id == scene.chain.store.id).values(shown_before=False))


def test_what_cannot_be_waited_for_is_refused(session: Session, scene: Scene, add: Add) -> None:
    day = clock.local(scene.opens_at, scene.chain.store.zone).date()
    other = (day.weekday() + 1) % 7
    for changes in (
        {"from_date": day - dt.timedelta(days=9), "to_date": day - dt.timedelta(days=5)},
        {"from_date": day, "to_date": day, "weekdays": (other,)},
        {"from_date": day + dt.timedelta(days=200), "to_date": day + dt.timedelta(days=210)},
    ):
        with pytest.raises(WindowOver):
            add(0, window=window_of(scene, **changes))
    with pytest.raises(NotFound):
        add(0, patient_id=scene.patient_ids[1])
    for _ in range(3):
        add(0)
    with pytest.raises(TooManyWishes):
        add(0)


def test_a_repeat_gives_the_wish_it_made(session: Session, scene: Scene) -> None:
    wish, now = wanted(scene), noon(scene)
    made = [services.add_wish(session, wish, by=scene.fan(), now=now).id for _ in range(2)]
    assert made[0] == made[1]


def test_a_visit_that_is_what_was_waited_for_ends_the_wait(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced
) -> None:
    meant = add(0, window=window_of(scene, from_minute=19 * 60))
    other = add(0, window=window_of(scene, to_minute=18 * 60 + 30))
    made = offered(session, scene)
    assert made.wish_id == meant.id
    visit = services.book(session, scene.wish(slot=3), by=scene.fan(), now=noon(scene))
    for _ in range(2):
        services.settle_wishes(session, visit, now=noon(scene))
    assert (meant.state, made.state, other.state) == ("booked", "withdrawn", "waiting")
    assert_balanced()


@pytest.mark.parametrize(
    ("days_are_over", "has_another", "expected"),
    [(False, False, "waiting"), (True, False, "booked"), (False, True, "booked")],
)
def test_who_was_declined_waits_again(
    session: Session,
    scene: Scene,
    add: Add,
    recorded: Callable[[], list[str]],
    days_are_over: bool,
    has_another: bool,
    expected: str,
) -> None:
    approve_at(session, scene)
    found = add(0)
    asked = services.book(session, scene.wish(slot=2), by=scene.fan(), now=noon(scene))
    services.settle_wishes(session, asked, now=noon(scene))
    assert (asked.state, found.state) == ("requested", "booked")
    if has_another:
        services.book(session, scene.wish(slot=4), by=DESK, now=noon(scene))
    services.decline_visit(session, asked.id, 1, "满员", by=DESK, now=noon(scene))
    now = noon(scene) + (dt.timedelta(days=9) if days_are_over else AFTER)
    for _ in range(2):
        services.resume_wishes(session, asked, now=now)
    session.refresh(found)
    assert (found.state, found.ended_at is None) == (expected, expected == "waiting")
    trail = sa.select(AuditEntry.subject_id).where(AuditEntry.action == "waiting.resumed")
    again = [found.id] if expected == "waiting" else []
    assert session.scalars(trail).all() == again
    assert recorded().count("waiting.resumed") == len(again)


def test_a_wish_that_was_met_before_the_visit_was_asked_for_does_not_come_back(
    session: Session, scene: Scene, add: Add
) -> None:
    approve_at(session, scene)
    found = add(0)
    first = services.book(session, scene.wish(slot=1), by=DESK, now=noon(scene))
    services.settle_wishes(session, first, now=noon(scene))
    services.cancel(session, first.id, 1, "改期", by=DESK, now=noon(scene))
    asked = services.book(session, scene.wish(slot=2), by=scene.fan(), now=noon(scene) + AFTER)
    services.decline_visit(session, asked.id, 1, "满员", by=DESK, now=noon(scene) + AFTER)
    services.resume_wishes(session, asked, now=noon(scene) + AFTER)
    session.refresh(found)
    assert found.state == "booked"


def test_leaving_gives_back_what_was_offered(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced
) -> None:
    wish = add(0)
    made = offered(session, scene)
    with pytest.raises(NotFound):
        services.leave_list(session, wish.id, by=scene.fan(1), now=noon(scene))
    for _ in range(2):
        services.leave_list(session, wish.id, by=scene.fan(), now=noon(scene))
    assert (wish.state, wish.reason, made.state) == ("ended", "left", "withdrawn")
    assert session.scalars(sa.select(Hold)).all() == []
    assert_balanced()


def test_days_that_are_over_end_a_wish(session: Session, scene: Scene, add: Add) -> None:
    day = clock.local(scene.opens_at, scene.chain.store.zone).date()
    over = add(0, window=window_of(scene, from_date=day, to_date=day))
    services.end_wishes(session, scene.chain.store.id, now=scene.opens_at)
    assert over.state == "waiting"
    services.end_wishes(session, scene.chain.store.id, now=scene.opens_at + dt.timedelta(days=1))
    assert (over.state, over.reason) == ("ended", "over")


def test_the_list_is_read_in_the_same_queries_however_long(
    session: Session, scene: Scene, add: Add, count_queries: Any
) -> None:
    def cost() -> int:
        session.expire_all()
        with count_queries() as counted:
            page = queries.the_list(session, None, cursor=None)
            wishes = [row.wish for row in page.items]
            queries.matches(session, scene.chain.store.id, wishes, now=noon(scene))
        return counted.n

    add(0)
    first = cost()
    for fan in (0, 0, 1, 1, 1):
        add(fan)
    session.flush()
    assert cost() == first
