"""A history: visits at two stores that were kept, missed, cancelled or never noted."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from engage.audit.services import OPERATOR, Actor
from engage.booking import services as booking
from engage.booking.models import Appointment
from engage.booking.services import Book
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import services as patients
from tests.booking.scenes import SLOT, Scene, make_scene, open_second
from tests.conftest import Chain

DESK = Actor("staff", 7)
HOUR = dt.timedelta(hours=1)
FATES = ("kept", "kept", "kept", "no_show", "clinic", "open")


@dataclass(frozen=True, slots=True)
class Past:
    """A scene whose time is over: `later` is when all of its visits are."""

    scene: Scene
    other_store_id: int
    other_doctor_id: int
    item_id: int
    patient_ids: tuple[int, ...]

    @property
    def later(self) -> dt.datetime:
        """The next day, when the day of the visits is yesterday."""
        return self.scene.opens_at + dt.timedelta(days=1)

    def book(self, session: Session, patient: int, slot: int, **changes: Any) -> Appointment:
        """Book a visit of one of the patients at one of the slots, by the desk unless said otherwise."""
        told = {"doctor_id": self.scene.doctor_id, "store_id": self.scene.chain.store.id, **changes}
        by = told.pop("by", DESK)
        booked_at = told.pop("at", clock.now())
        wish = Book(
            key=uuid.uuid4(),
            patient_id=self.patient_ids[patient],
            starts_at=self.scene.opens_at + slot * SLOT,
            channel="desk" if by == DESK else "wechat",
            fan_id=None if by == DESK else by.id,
            **told,
        )
        return booking.book(session, wish, by=by, now=booked_at)

    def end(self, session: Session, visit: Appointment, outcome: str) -> None:
        """Let a visit become what it is to become."""
        at = visit.starts_at
        fan = next((fan for fan in range(2) if self.scene.fan_ids[fan] == visit.fan_id), 0)
        patient = self.scene.fan(fan)
        if outcome == "kept":
            booking.act(session, visit.id, "check_in", by=DESK, now=at)
        elif outcome == "no_show":
            booking.act(session, visit.id, "no_show", by=DESK, now=at + HOUR)
        elif outcome == "late":
            booking.cancel(session, visit.id, visit.version, "", by=patient, now=at - HOUR)
        elif outcome == "early":
            booking.cancel(session, visit.id, visit.version, "", by=patient, now=at - 5 * HOUR)
        elif outcome == "clinic":
            booking.cancel(session, visit.id, visit.version, "ill", by=DESK, now=at - HOUR)


@pytest.fixture
def past(chain: Chain) -> Past:
    """Two stores, a doctor each, an item, and two patients whose fan may cancel and forty who have none."""
    scene = make_scene(chain, per_slot=30, slots=24)
    other_store_id, other_doctor_id = open_second(scene, slots=24, per_slot=30)
    told: Any = {"by": OPERATOR, "now": clock.now()}
    with tenant_scope(chain.id), unit_of_work() as session:
        category = clinic.create_category(session, name="检查", position=0, **told)
        details = clinic.ItemDetails(category_id=category.id, name="洗牙", minutes=30)
        item = clinic.create_item(session, details, position=0, **told)
        made = [
            patients.create_chart(session, patients.NewChart(f"患者{number}"), **told).id
            for number in range(40)
        ]
        return Past(scene, other_store_id, other_doctor_id, item.id, (*scene.patient_ids, *made))


def fill(past: Past, session: Session, *, visits: int, seed: int) -> None:
    """Let a random history come about, the same for the same seed."""
    chance = random.Random(seed)
    free = {patient: list(range(24)) for patient in range(len(past.patient_ids))}
    for _ in range(visits):
        patient = chance.randrange(2) if chance.random() < 0.3 else chance.randrange(2, len(past.patient_ids))
        slot = free[patient].pop(chance.randrange(len(free[patient])))
        where = chance.choice(
            (
                {},
                {"item_id": past.item_id},
                {"store_id": past.other_store_id, "doctor_id": past.other_doctor_id},
            )
        )
        by = past.scene.fan(patient) if patient < 2 else DESK
        days = 0 if by != DESK else chance.choice((0, 0, 2, 6, 20, 45))
        visit = past.book(session, patient, slot, by=by, at=clock.now() - dt.timedelta(days=days), **where)
        if chance.random() < 0.3:
            booking.act(session, visit.id, "attend", by=DESK, now=clock.now())
        fates = ("kept", "kept", "no_show", "clinic", "late", "early") if patient < 2 else FATES
        past.end(session, visit, chance.choice(fates))
