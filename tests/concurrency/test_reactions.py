"""Batches of reactions that are worked on at once: what they lock, they lock in one order."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest
from flask import Flask

from engage.booking import services as booking
from engage.kernel import clock, outbox
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.leases import Claim
from engage.patients.services import facts
from tests.booking.scenes import make_scene
from tests.concurrency.race import race
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
