"""What is offered to whom of the waiting list (BK-17), one at a time."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.errors import NotOpen, OfferOver, OfferStands, SlotFull
from engage.booking.models import Hold
from engage.booking.queries import waiting as queries
from engage.booking.rules.waiting import OFFER, QUEUE, Window
from engage.booking.services import Change, Time
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.notifications import queries as notifications
from engage.notifications.queries import Wanted as Messages
from engage.patients import services as patients
from engage.reactions.notifications import tell_offered
from tests.booking.scenes import SLOT, Scene
from tests.booking.wishes import (
    DESK,
    EVERY_DAY,
    Add,
    Balanced,
    fill,
    free,
    noon,
    offer,
    offered,
    wanted,
    window_of,
)
from tests.notifications.scenes import word
from workers import events, waiting


def test_a_freed_place_goes_to_who_came_first(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced
) -> None:
    visits = fill(session, scene)
    first, second = add(0), add(1)
    assert offer(session, scene) is None
    free(session, scene, visits[2])
    made = offered(session, scene)
    assert (made.wish_id, made.starts_at) == (first.id, scene.opens_at + 2 * SLOT)
    assert made.expires_at == noon(scene) + OFFER
    assert (first.state, second.state) == ("offered", "waiting")
    assert offer(session, scene) is None  # the one place is kept, and nothing else is free
    assert_balanced()


def test_what_is_offered_cannot_be_had_by_others(session: Session, scene: Scene, add: Add) -> None:
    fill(session, scene, but=(3,))
    add(0)
    assert offer(session, scene) is not None
    with session.begin_nested(), pytest.raises(SlotFull):
        services.book(session, scene.wish(fan=1, slot=3), by=scene.fan(1), now=noon(scene))
    chart = patients.create_chart(session, patients.NewChart("孙七"), by=OPERATOR, now=noon(scene))
    by_desk = scene.wish(slot=3, patient_id=chart.id, fan_id=None)
    with session.begin_nested(), pytest.raises(SlotFull):
        services.book(session, by_desk, by=DESK, now=noon(scene))


def test_who_declines_waits_on_and_the_next_is_asked(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced
) -> None:
    fill(session, scene, but=(1,))
    first, second = add(0), add(1)
    made = offered(session, scene)
    for _ in range(2):
        services.decline_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert (first.state, made.state) == ("waiting", "declined")
    again = offered(session, scene)
    assert again.wish_id == second.id  # the first is not asked for the same time twice
    with pytest.raises(OfferOver):
        services.accept_offer(session, made.id, by=scene.fan(), now=noon(scene))
    assert_balanced()


def test_no_answer_passes_it_on_and_three_end_the_wish(
    session: Session, scene: Scene, add: Add, assert_balanced: Balanced
) -> None:
    fill(session, scene, but=(0, 1, 2, 3))
    wish, at = add(0), noon(scene)
    for count in (1, 2, 3):
        made = offered(session, scene, at)
        assert services.expire_offers(session, now=at, batch=10) == 0
        at = made.expires_at
        assert services.expire_offers(session, now=at, batch=10) == 1
        assert (made.state, wish.unanswered) == ("expired", count)
    assert (wish.state, wish.reason) == ("ended", "unanswered")
    assert offer(session, scene, at) is None
    assert_balanced()


def test_what_was_answered_meanwhile_does_not_run_out(
    session: Session, scene: Scene, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker reads that an offer's time is over; until it has the wish, another offer is open."""
    fill(session, scene, but=(1, 3))
    wish = add(0)
    declined = offered(session, scene)
    services.decline_offer(session, declined.id, by=scene.fan(), now=noon(scene))
    again = offered(session, scene)
    assert again.wish_id == wish.id
    monkeypatch.setattr(queries, "overdue", lambda *_asked, **_how: [(declined.id, wish.id)])
    assert services.expire_offers(session, now=again.expires_at, batch=10) == 0
    assert (declined.state, again.state, wish.unanswered) == ("declined", "open", 0)


def test_an_offer_by_hand_runs_out_when_its_visit_begins(session: Session, scene: Scene, add: Add) -> None:
    time = Time(scene.doctor_id, scene.opens_at)
    wish, shortly_before = add(0), scene.opens_at - OFFER / 2
    made = services.offer_by_hand(session, wish.id, time, by=DESK, now=shortly_before)
    assert made.expires_at == scene.opens_at


def test_nobody_is_asked_at_night(session: Session, scene: Scene, add: Add) -> None:
    wish = add(0)
    zone = scene.chain.store.zone
    day = clock.local(noon(scene), zone).replace(hour=20, minute=59)
    for hour, minute, is_asked in ((21, 0, False), (7, 59, False), (8, 0, True)):
        at = day.replace(hour=hour, minute=minute).astimezone(dt.UTC)
        at -= dt.timedelta(days=1) if hour == 21 else dt.timedelta()
        assert (offer(session, scene, at) is not None) is is_asked, at
    assert wish.state == "offered"


def test_the_list_is_looked_at_again_in_the_morning(session: Session, scene: Scene, add: Add) -> None:
    add(0)
    zone = scene.chain.store.zone
    late = clock.local(noon(scene), zone).replace(hour=22, minute=0)
    morning = (late + dt.timedelta(days=1)).replace(hour=8)
    assert services.next_look(session, now=late.astimezone(dt.UTC)) == morning.astimezone(dt.UTC)
    by_day = late.replace(hour=14).astimezone(dt.UTC)
    assert services.next_look(session, now=by_day) == by_day + dt.timedelta(minutes=10)


@pytest.mark.parametrize(
    ("changes", "slot"),
    [
        ({}, 0),
        ({"from_minute": 19 * 60}, 2),
        ({"to_minute": 18 * 60}, None),
        ({"from_minute": 18 * 60 + 30, "to_minute": 18 * 60 + 31}, 1),
    ],
)
def test_only_what_fits_is_offered(
    session: Session, scene: Scene, add: Add, changes: dict[str, int], slot: int | None
) -> None:
    add(0, window=window_of(scene, **changes))
    made = offer(session, scene)
    assert (made and made.starts_at) == (None if slot is None else scene.opens_at + slot * SLOT)


def test_a_time_at_which_the_patient_is_elsewhere_is_not_offered(
    session: Session, scene: Scene, add: Add
) -> None:
    add(0, window=window_of(scene, from_minute=18 * 60 + 30))
    services.book(session, scene.wish(slot=2), by=scene.fan(), now=noon(scene))
    made = offered(session, scene)
    assert made.starts_at == scene.opens_at + SLOT


def test_one_offer_a_fan_at_a_time(session: Session, scene: Scene, add: Add) -> None:
    add(0)
    child = patients.create_chart(session, patients.NewChart("王小明"), by=OPERATOR, now=noon(scene))
    patients.bind(
        session, fan_id=scene.fan_ids[0], patient_id=child.id, how="desk", by=OPERATOR, now=noon(scene)
    )
    other = add(0, patient_id=child.id)
    assert offer(session, scene) is not None
    assert offer(session, scene) is None
    with pytest.raises(OfferStands):
        services.offer_by_hand(
            session, other.id, Time(scene.doctor_id, scene.opens_at + 4 * SLOT), by=DESK, now=noon(scene)
        )


def test_who_cannot_be_written_to_is_left_to_the_desk(session: Session, scene: Scene, add: Add) -> None:
    left, without = add(0), add(1, fan_id=None)
    fans.unfollow(session, scene.account_id, "openid-0", changed_at=clock.now(), now=clock.now())
    assert offer(session, scene) is None
    time = Time(scene.doctor_id, scene.opens_at)
    made = services.offer_by_hand(session, without.id, time, by=DESK, now=noon(scene))
    with pytest.raises(OfferStands):
        services.offer_by_hand(session, without.id, time, by=DESK, now=noon(scene))
    with session.begin_nested(), pytest.raises(SlotFull):
        services.offer_by_hand(session, left.id, time, by=DESK, now=noon(scene))
    with pytest.raises(NotOpen):
        services.offer_by_hand(
            session, left.id, Time(scene.doctor_id, scene.opens_at - SLOT), by=DESK, now=noon(scene)
        )
    visit = services.accept_offer(session, made.id, by=DESK, now=noon(scene))
    assert (visit.patient_id, visit.fan_id, visit.channel) == (without.patient_id, None, "desk")
    assert session.scalars(sa.select(Hold)).all() == []


def test_who_no_longer_speaks_for_the_patient_is_asked_nothing(
    session: Session, scene: Scene, add: Add
) -> None:
    fill(session, scene, but=(3,))
    first, second = add(0), add(1)
    who = {"fan_id": scene.fan_ids[0], "patient_id": scene.patient_ids[0]}
    patients.unbind(session, **who, by=OPERATOR, now=noon(scene))
    made = offered(session, scene)
    assert (made.wish_id, first.state) == (second.id, "waiting")


def test_the_desk_books_beside_an_offer_by_hand(session: Session, scene: Scene, add: Add) -> None:
    wish = add(0, fan_id=None)
    services.offer_by_hand(session, wish.id, Time(scene.doctor_id, scene.opens_at), by=DESK, now=noon(scene))
    chart = patients.create_chart(session, patients.NewChart("孙七"), by=OPERATOR, now=noon(scene))
    with pytest.raises(SlotFull):
        services.book(session, scene.wish(patient_id=chart.id, fan_id=None), by=DESK, now=noon(scene))


def test_whom_nothing_fits_holds_nobody_up(
    session: Session, scene: Scene, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits is looked through some at a time, to the end of the list."""
    monkeypatch.setattr(queries, "CONSIDERED", 1)
    fill(session, scene, but=(3,))
    day = clock.local(scene.opens_at, scene.chain.store.zone).date()
    add(window=Window(EVERY_DAY, 0, 5, day, day))
    last = add(1)
    made = offered(session, scene)
    assert made.wish_id == last.id


def test_the_fan_is_told_once_and_without_a_name(session: Session, scene: Scene, add: Add) -> None:
    add(0)
    made = offered(session, scene)
    for _ in range(2):
        tell_offered(session, {"offer_id": made.id}, now=noon(scene))
    (message,) = notifications.history(session, Messages(kind="waiting_offer"), cursor=None).items
    assert (message.state, message.reason) == ("skipped", "no_template")
    assert "王小红" not in f"{message.fields} {message.text}"


def test_what_tells_of_an_offer_is_withdrawn_with_it(session: Session, scene: Scene, add: Add) -> None:
    word(scene, "waiting_offer")
    add(0)
    made = offered(session, scene)
    tell_offered(session, {"offer_id": made.id}, now=noon(scene))
    (message,) = notifications.history(session, Messages(kind="waiting_offer"), cursor=None).items
    assert message.state == "pending"
    services.decline_offer(session, made.id, by=scene.fan(), now=noon(scene))
    session.refresh(message)
    assert (message.state, message.reason) == ("skipped", "superseded")


def test_a_cancelled_visit_reaches_the_next_by_the_workers(scene: Scene, moved_to_noon: None) -> None:
    with tenant_scope(scene.chain.id):
        with unit_of_work() as session:
            visits = fill(session, scene)
            wish_id = services.add_wish(session, wanted(scene), by=scene.fan(), now=noon(scene)).id
        with unit_of_work() as session:
            services.cancel(session, visits[4], 1, "改期", by=DESK, now=clock.now())
        events.drain()
        with unit_of_work() as session:
            assert session.scalars(sa.select(Due).where(Due.queue == QUEUE)).all()
        waiting.drain()
        with unit_of_work() as session:
            made = queries.open_offer(session, wish_id)
            assert made is not None
            assert made.starts_at == scene.opens_at + 4 * SLOT
            mine = (Due.tenant_id == session.tenant_id, Due.queue == QUEUE, Due.at > clock.now())
            assert session.scalar(sa.select(sa.func.min(Due.at)).where(*mine)) <= made.expires_at
            visit = services.accept_offer(session, made.id, by=scene.fan(), now=clock.now())
            moved = Change(visit.id, 1, visit.store_id, visit.doctor_id, made.starts_at)
            assert services.change(session, moved, by=DESK, now=clock.now()).version == 1
