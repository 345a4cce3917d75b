"""A free place is offered to one, and an offer is answered once; without the guards it is not."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import Actor
from engage.booking import services
from engage.booking.errors import SlotFull
from engage.booking.models import Appointment, Hold, Place, WaitingOffer, WaitingWish
from engage.booking.queries import waiting as queries
from engage.booking.rules import Span, moves
from engage.booking.services import Wanted, wishes
from engage.booking.services.offers import Time
from engage.kernel.db import Session, tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.booking.wishes import DESK, fill, noon, wanted
from tests.concurrency.race import WAIT, race
from tests.concurrency.unguarded import take_places_by
from tests.conftest import Chain

WORKERS = 4


def outcomes(results: Sequence[object]) -> dict[str, int]:
    """Count what came of the calls, by the refusal's name."""
    return Counter(type(one).__name__ if isinstance(one, Exception) else str(one) for one in results)


def offering(scene: Scene) -> Callable[[Session], str]:
    """Make the call of a worker that looks through the list."""

    def call(session: Session) -> str:
        return (
            "none" if services.offer_next(session, scene.chain.store.id, now=noon(scene)) is None else "made"
        )

    return call


def listed(scene: Scene, *, fans: int, free: tuple[int, ...]) -> list[int]:
    """Leave some slots free and put a fan each on the list; gives the wishes in their turn."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fill(session, scene, but=free)
        made = []
        for number in range(fans):
            at = noon(scene) - dt.timedelta(minutes=30 - number)
            made.append(services.add_wish(session, wanted(scene, number), by=scene.fan(number), now=at).id)
        return made


def state(scene: Scene) -> tuple[list[str], list[str]]:
    """Give the states of wishes and offers, once the ledger says what visits and holds do (I2)."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        kept: list[Any] = [
            *session.scalars(sa.select(Appointment).where(Appointment.state != "cancelled")),
            *session.scalars(sa.select(Hold)),
        ]
        real = {
            (one.resource, one.grid_start): -one.places
            for one in moves(Span(row.resource, row.starts_at, row.ends_at) for row in kept)
        }
        told = session.execute(
            sa.select(Place.resource, Place.grid_start, Place.taken).where(Place.taken > 0)
        )
        assert {(row.resource, row.grid_start): row.taken for row in told} == real
        wishes = session.scalars(sa.select(WaitingWish.state).order_by(WaitingWish.id)).all()
        offers = session.scalars(sa.select(WaitingOffer.state).order_by(WaitingOffer.id)).all()
        return list(wishes), list(offers)


def test_two_free_places_and_one_wish_are_one_offer(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain)
    listed(scene, fans=1, free=(1, 4))
    results = race(app, chain.id, [offering(scene)] * WORKERS)
    assert outcomes(results)["made"] == 1
    assert state(scene) == (["offered"], ["open"])


def test_control_without_the_lock_of_the_wish_it_is_offered_two(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read as if nobody else had it, and with no key behind: two places go to one wish."""
    scene = make_scene(chain)
    (wish_id,) = listed(scene, fans=1, free=(1, 4))
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.update(WaitingWish).values(fan_id=None))
        times = [
            Time(slot.doctor_id, slot.starts_at)
            for slot in queries.matches(
                session, chain.store.id, [queries.wish(session, wish_id)], now=noon(scene)
            )[wish_id][:2]
        ]
    both_have_read = threading.Barrier(2)

    def reading(session: Session, number: int) -> WaitingWish:
        found = session.scalars(unlocked(number)).one()
        both_have_read.wait(WAIT)
        return found

    monkeypatch.setattr(queries, "locked_wish", reading)
    results = race(app, chain.id, [by_hand(scene, wish_id, time) for time in times])
    # The unique key of open offers is what is left: without the lock somebody runs into it.
    assert outcomes(results) == {"made": 1, "IntegrityError": 1}


def test_one_place_and_two_wishes_go_to_the_first(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain)
    listed(scene, fans=2, free=(2,))
    results = race(app, chain.id, [offering(scene)] * WORKERS)
    assert outcomes(results)["made"] == 1
    wishes, offers = state(scene)
    assert (sorted(wishes), offers) == (["offered", "waiting"], ["open"])


def test_control_without_the_ledger_one_place_goes_to_two(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(chain)
    wishes = listed(scene, fans=2, free=(2,))
    time = Time(scene.doctor_id, scene.opens_at + dt.timedelta(minutes=60))

    take_places_by(monkeypatch)
    results = race(app, chain.id, [by_hand(scene, wish_id, time) for wish_id in wishes])
    assert outcomes(results) == {"made": 2}


def test_by_hand_one_place_goes_to_one(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain)
    wishes = listed(scene, fans=2, free=(2,))
    time = Time(scene.doctor_id, scene.opens_at + dt.timedelta(minutes=60))
    results = race(app, chain.id, [by_hand(scene, wish_id, time) for wish_id in wishes])
    assert outcomes(results) == {"made": 1, SlotFull.__name__: 1}
    assert state(scene)[1] == ["open"]


def booking(scene: Scene, fan: int, *, now: dt.datetime) -> Callable[[Session], str]:
    """Make the call of somebody who books the third time of the day."""

    def call(session: Session) -> str:
        services.book(session, scene.wish(fan=fan, slot=2), by=DESK, now=now)
        return "booked"

    return call


def test_a_place_is_offered_or_booked(app: Flask, chain: Chain) -> None:
    """What the list offers, a worker and the desk, and who books the same time reach for one place."""
    scene = make_scene(chain, fan_count=5)
    wishes = listed(scene, fans=2, free=(2,))
    time = Time(scene.doctor_id, scene.opens_at + dt.timedelta(minutes=60))
    books = [booking(scene, fan, now=noon(scene)) for fan in (2, 3, 4)]
    results = race(app, chain.id, [offering(scene), by_hand(scene, wishes[1], time), *books])
    assert sum(one in {"made", "booked"} for one in results) == 1
    assert set(outcomes(results)) <= {"made", "booked", "none", "SlotFull"}
    assert state(scene)[1] == (["open"] if "made" in results else [])


def test_control_without_the_ledger_it_is_offered_and_booked(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(chain, fan_count=3)
    (wish_id,) = listed(scene, fans=1, free=(2,))
    time = Time(scene.doctor_id, scene.opens_at + dt.timedelta(minutes=60))
    take_places_by(monkeypatch)
    calls = [by_hand(scene, wish_id, time), booking(scene, 2, now=noon(scene))]
    assert outcomes(race(app, chain.id, calls)) == {"made": 1, "booked": 1}


def test_an_offer_that_ran_out_is_taken_or_booked(app: Flask, chain: Chain) -> None:
    """Its fan, somebody else, and the worker that gives the place back, all at once."""
    scene = make_scene(chain, fan_count=4)
    listed(scene, fans=1, free=(2,))
    with tenant_scope(chain.id), unit_of_work() as session:
        made = services.offer_next(session, chain.store.id, now=noon(scene))
        assert made is not None
        offer_id, over = made.id, made.expires_at

    def accept(session: Session) -> str:
        services.accept_offer(session, offer_id, by=scene.fan(), now=over)
        return "accepted"

    def sweep(session: Session) -> str:
        services.sweep(session, now=over, batch=10)
        return "swept"

    books = [booking(scene, fan, now=over) for fan in (2, 3)]
    results = race(app, chain.id, [accept, *books, sweep])
    assert sum(one in {"accepted", "booked"} for one in results) == 1
    assert results[-1] == "swept"
    assert outcomes(results)["SlotFull"] == 2
    assert state(scene)[1] == (["taken"] if "accepted" in results else ["open"])


@pytest.mark.parametrize("turn", range(3))
def test_an_offer_is_accepted_or_runs_out(app: Flask, chain: Chain, turn: int) -> None:
    scene = make_scene(chain)
    listed(scene, fans=1, free=(2,))
    with tenant_scope(chain.id), unit_of_work() as session:
        made = services.offer_next(session, chain.store.id, now=noon(scene))
        assert made is not None
        offer_id, over = made.id, made.expires_at
    late = over + dt.timedelta(seconds=turn)

    def accept(session: Session) -> str:
        services.accept_offer(session, offer_id, by=scene.fan(), now=late)
        return "accepted"

    def expire(session: Session) -> str:
        return "expired" if services.expire_offers(session, now=late, batch=10) else "passed over"

    def sweep(session: Session) -> str:
        services.sweep(session, now=late, batch=10)
        return "swept"

    results = outcomes(race(app, chain.id, [accept, expire, sweep, accept]))
    wishes, offers = state(scene)
    if results["accepted"]:
        assert (wishes, offers) == (["booked"], ["taken"])
        assert results["accepted"] == 2  # the second tap finds the visit of the first
    else:
        assert results["OfferOver"] == 2
        assert (wishes, offers) == (["waiting"], ["expired"])


def test_control_without_the_lock_it_is_taken_and_runs_out(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fan accepts between the worker's look and what the worker writes: a constraint is what is left."""
    scene = make_scene(chain)
    listed(scene, fans=1, free=(2,))
    with tenant_scope(chain.id), unit_of_work() as session:
        made = services.offer_next(session, chain.store.id, now=noon(scene))
        assert made is not None
        offer_id, late = made.id, made.expires_at
    close, visits = wishes.close, []

    def accepted_before(session: Session, offer: WaitingOffer, state: str, *, now: dt.datetime) -> None:
        with unit_of_work() as other:
            visits.append(services.accept_offer(other, offer_id, by=scene.fan(), now=now))
        close(session, offer, state, now=now)

    monkeypatch.setattr(queries, "_keeping", unlocked)
    monkeypatch.setattr(wishes, "close", accepted_before)
    met = pytest.raises(sa.exc.IntegrityError, match="taken_has_visit")
    with tenant_scope(chain.id), met, unit_of_work() as session:
        services.expire_offers(session, now=late, batch=10)
    assert [visit.state for visit in visits] == ["confirmed"]
    assert state(scene) == (["booked"], ["taken"])


def test_an_offer_that_is_being_answered_does_not_run_out(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain)
    (wish_id,) = listed(scene, fans=1, free=(2,))
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            made = services.offer_next(session, chain.store.id, now=noon(scene))
            assert made is not None
            late = made.expires_at
        with unit_of_work() as first:
            queries.locked_wish(first, wish_id)
            with unit_of_work() as second:
                assert services.expire_offers(second, now=late, batch=10) == 0


def test_two_wishes_of_one_fan_are_offered_one(app: Flask, chain: Chain) -> None:
    scene = make_scene(chain)
    first = listed(scene, fans=1, free=(1, 4))
    with tenant_scope(chain.id), unit_of_work() as session:
        again = Wanted(
            key=uuid.uuid4(),
            patient_id=scene.patient_ids[0],
            store_id=chain.store.id,
            doctor_id=None,
            window=wanted(scene).window,
            fan_id=scene.fan_ids[0],
        )
        first.append(services.add_wish(session, again, by=Actor("staff", 7), now=noon(scene)).id)
    times = [Time(scene.doctor_id, scene.opens_at + slot * dt.timedelta(minutes=30)) for slot in (1, 4)]
    results = race(
        app, chain.id, [by_hand(scene, wish_id, time) for wish_id, time in zip(first, times, strict=True)]
    )
    assert outcomes(results) == {"made": 1, "OfferStands": 1}
    assert sorted(state(scene)[0]) == ["offered", "waiting"]


def by_hand(scene: Scene, wish_id: int, time: Time) -> Callable[[Session], str]:
    """Make the call of a desk that keeps a time for somebody."""

    def call(session: Session) -> str:
        services.offer_by_hand(session, wish_id, time, by=DESK, now=noon(scene))
        return "made"

    return call


def unlocked(wish_id: int, *, skip: bool = False) -> sa.Select[WaitingWish]:
    """Read a wish as if nobody else could have it."""
    del skip
    found = sa.select(WaitingWish).where(WaitingWish.id == wish_id)
    return found.execution_options(populate_existing=True)
