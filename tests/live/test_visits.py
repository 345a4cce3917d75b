"""What changes at a store is told to whoever may see its appointments, and to nobody else."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from flask import Flask

from engage.audit.services import OPERATOR
from engage.booking import services
from engage.booking.services import Change, Wish
from engage.clinic import services as clinic
from engage.clinic.services import ClosureDetails
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.live import ANY_TIME
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.conftest import Chain
from tests.contracts.callers import log_in_directly
from tests.live.conftest import cookie_of, other_store
from tests.live.ears import Ear, Live, listening

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


def book(scene: Scene, **changes) -> int:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        wish = scene.wish(**{"fan_id": None, "channel": "desk", **changes})
        return services.book(session, wish, by=OPERATOR, now=clock.now()).id


def times(ear: Ear) -> list[tuple[int, int]]:
    """Give at which stores and when something changed, as it was told."""
    return [tuple(each) for name, data in list(ear.heard) if name == "visits" for each in data["times"]]


def test_open_boards_are_told_of_both_ends_of_a_move(app: Flask, live: Live, scene: Scene) -> None:
    desk = log_in_directly(app, scene.chain, "desk")
    store_id = scene.chain.store.id
    here, there = (
        (store_id, int(scene.opens_at.timestamp())),
        (store_id, int((scene.opens_at + SLOT).timestamp())),
    )
    with listening(live, cookie_of(app, desk)) as ear:
        visit = book(scene)
        ear.until(lambda: here in times(ear))
        assert there not in times(ear)
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            wish = Change(visit, 1, store_id, scene.doctor_id, scene.opens_at + SLOT)
            services.change(session, wish, by=OPERATOR, now=clock.now())
        ear.until(lambda: there in times(ear))
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            services.act(session, visit, "attend", by=OPERATOR, now=clock.now())
        ear.until(lambda: times(ear).count(there) >= 2)
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            version = services.act(session, visit, "attend", by=OPERATOR, now=clock.now()).version
            services.cancel(session, visit, version, "病了", by=OPERATOR, now=clock.now())
        ear.until(lambda: times(ear).count(there) >= 3)


def test_other_stores_and_chains_are_told_nothing(
    app: Flask, live: Live, scene: Scene, other_chain: Chain
) -> None:
    elsewhere = other_store(scene.chain)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        clinic.add_shift(
            session,
            doctor_id=scene.doctor_id,
            store_id=elsewhere,
            starts_at=scene.opens_at + dt.timedelta(hours=5),
            ends_at=scene.opens_at + dt.timedelta(hours=7),
            slot_minutes=30,
            per_slot=1,
        )
    mine = log_in_directly(app, scene.chain, "desk", store_id=scene.chain.store.id)
    theirs = log_in_directly(app, scene.chain, "desk", store_id=elsewhere)
    strange = log_in_directly(app, other_chain, "owner")
    at = scene.opens_at + dt.timedelta(hours=5)
    with (
        listening(live, cookie_of(app, mine)) as ear,
        listening(live, cookie_of(app, theirs)) as other,
        listening(live, cookie_of(app, strange)) as foreign,
    ):
        book(scene)
        book(scene, patient_id=scene.patient_ids[1], store_id=elsewhere, starts_at=at)
        ear.until(lambda: times(ear))
        other.until(lambda: times(other))
        assert {store_id for store_id, _ in times(ear)} == {scene.chain.store.id}
        assert {store_id for store_id, _ in times(other)} == {elsewhere}
        assert times(foreign) == []


def test_what_is_rolled_back_is_told_to_nobody(app: Flask, live: Live, scene: Scene) -> None:
    desk = log_in_directly(app, scene.chain, "owner")
    with listening(live, cookie_of(app, desk)) as ear:
        with contextlib.suppress(ZeroDivisionError), tenant_scope(scene.chain.id), unit_of_work() as session:
            wish = scene.wish(fan_id=None, channel="desk")
            services.book(session, wish, by=OPERATOR, now=clock.now())
            raise ZeroDivisionError
        book(scene, starts_at=scene.opens_at + SLOT)
        ear.until(lambda: times(ear))
        assert [at for _, at in times(ear)] == [int((scene.opens_at + SLOT).timestamp())]


def test_open_boards_are_told_of_holds_rosters_and_closures(app: Flask, live: Live, scene: Scene) -> None:
    """Whoever changes what is free or open, the board that shows it reads itself again."""
    store_id, elsewhere = scene.chain.store.id, other_store(scene.chain)
    desk = log_in_directly(app, scene.chain, "desk", store_id=store_id)
    here = (store_id, int(scene.opens_at.timestamp()))
    with listening(live, cookie_of(app, desk)) as ear, tenant_scope(scene.chain.id):
        wish = Wish(scene.fan().id, store_id, scene.doctor_id, scene.opens_at)
        with unit_of_work() as session:
            services.hold(session, wish, now=clock.now())
        ear.until(lambda: here in times(ear))
        later = clock.now() + dt.timedelta(hours=1)
        with unit_of_work() as session:
            assert services.sweep(session, now=later, batch=10) == 1
        ear.until(lambda: times(ear).count(here) == 2)
        for number, subject in enumerate(({"store_id": elsewhere}, {"doctor_id": scene.doctor_id})):
            with unit_of_work() as session:
                details = ClosureDetails(
                    starts_at=scene.opens_at, ends_at=scene.opens_at + SLOT, reason="X", **subject
                )
                made = clinic.add_closure(session, details, by=OPERATOR, now=clock.now())
            if number:
                ear.until(lambda: times(ear).count((store_id, ANY_TIME)) == 1)
                with unit_of_work() as session:
                    clinic.remove_closure(session, made.id, by=OPERATOR, now=clock.now())
                ear.until(lambda: times(ear).count((store_id, ANY_TIME)) == 2)
        with unit_of_work() as session:
            clinic.add_shift(
                session,
                doctor_id=scene.doctor_id,
                store_id=store_id,
                starts_at=scene.opens_at + dt.timedelta(hours=8),
                ends_at=scene.opens_at + dt.timedelta(hours=9),
                slot_minutes=30,
                per_slot=1,
            )
        ear.until(lambda: times(ear).count((store_id, ANY_TIME)) == 3)
        assert {store for store, _ in times(ear)} == {store_id}
