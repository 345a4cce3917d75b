"""Batches of reactions that are worked on at once: what they lock, they lock in one order."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.booking import queries
from engage.booking import services as booking
from engage.booking.services import Change, holds, wishes
from engage.kernel import clock, outbox
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.leases import Claim
from engage.patients.services import facts
from tests.booking.scenes import SLOT, make_scene
from tests.booking.wishes import DESK, wanted
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain

# How long who holds one patient's facts waits for the other batch to hold the other's.
BRIEF = 1.0


def failures(app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let two batches count the facts of two patients at once, told of them the other way round."""
    scene, now = make_scene(chain), clock.now()
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            wishes = [scene.wish(fan=number, slot=number) for number in range(2)]
            visits = [
                booking.book(session, wish, by=scene.fan(number), now=now).id
                for number, wish in enumerate(wishes)
            ]
        while claim := claimed():
            with unit_of_work() as session:
                outbox.work(session, claim, now=now)
        claims = []
        for order in (visits, visits[::-1]):
            with unit_of_work() as session:
                for visit_id in order:
                    outbox.record(session, "booking.completed", now=now, appointment_id=visit_id)
            claims.append(claimed())
    hold, both, held = facts.hold, threading.Barrier(2), threading.local()

    def hold_and_wait(session: Session, patient_id: int) -> None:
        hold(session, patient_id)
        if not hasattr(held, "one"):
            held.one = patient_id
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(BRIEF)

    monkeypatch.setattr(facts, "hold", hold_and_wait)
    return sum(drained.failed for drained in race(app, chain.id, [working(claim) for claim in claims]))


def crossed(app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch, wait: float = BRIEF) -> int:
    """Let a batch end a wish to which a place is offered, and the desk move a visit to that place at once.

    The desk holds the visit that the batch tells of after the wish; gives how often PostgreSQL ended one.
    """
    scene, now, settled = make_scene(chain), clock.now(), threading.Barrier(2)
    time = booking.Time(scene.doctor_id, scene.opens_at + 4 * SLOT)
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            wish = booking.add_wish(session, wanted(scene), by=scene.fan(), now=now - SLOT)
            booking.offer_by_hand(session, wish.id, time, by=DESK, now=now)
            session.execute(sa.delete(outbox.OutboxRow))
            visits = [
                booking.book(session, scene.wish(fan=number, slot=number), by=DESK, now=now)
                for number in range(2)
            ]
        claim = claimed()
    close = wishes.close

    def close_and_wait(*told: Any, **named: Any) -> None:
        close(*told, **named)
        meet(settled, wait)

    def move(session: Session) -> str:
        queries.locked(session, visits[1].id)
        meet(settled, wait)
        there = Change(visits[1].id, 1, chain.store.id, time.doctor_id, time.starts_at)
        booking.change(session, there, by=DESK, now=now)
        return "moved"

    monkeypatch.setattr(wishes, "close", close_and_wait)
    drained, moved = race(app, chain.id, [working(claim), move])
    return drained.failed + isinstance(moved, sa.exc.OperationalError)


def meet(both: threading.Barrier, wait: float) -> None:
    with contextlib.suppress(threading.BrokenBarrierError):
        both.wait(wait)


def test_who_moves_a_visit_and_a_batch_do_not_wait_in_a_circle(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crossed(app, chain, monkeypatch) == 0


def test_control_with_places_before_visits_they_do(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def let_go(session: Session, hold_id: int, **_told: Any) -> None:
        holds.let_go(session, hold_id)

    monkeypatch.setattr(outbox, "_once", {})
    monkeypatch.setattr(holds, "run_out", let_go)
    assert crossed(app, chain, monkeypatch, wait=WAIT) >= 1


def claimed() -> Claim:
    with unit_of_work() as session:
        return outbox.claim(session, now=clock.now())


def working(claim: Claim) -> Callable[[Session], outbox.Drained]:
    return lambda session: outbox.work(session, claim, now=clock.now())


def test_batches_about_the_same_patients_do_not_wait_in_a_circle(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failures(app, chain, monkeypatch) == 0


def test_control_in_the_order_of_events_they_do(
    app: Flask, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_once", {})
    assert failures(app, chain, monkeypatch) >= 1
