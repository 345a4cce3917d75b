"""A desk: two stores, a doctor with places, patients, and what the browser is shown."""

from __future__ import annotations

import datetime as dt
import html
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from engage.audit.services import OPERATOR, Actor
from engage.blueprints.console.appointments.slots import written
from engage.booking import services as booking
from engage.booking.models import Appointment
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import services as patients
from tests.booking.scenes import ZONE, Scene, make_scene, open_second
from tests.conftest import Chain
from tests.contracts.callers import Person, log_in_directly

DRAWER = {"HX-Request": "true", "HX-Target": "drawer-content"}


@dataclass(frozen=True, slots=True)
class Desk:
    """The scene, a second store with a doctor of its own, and somebody who may do everything."""

    scene: Scene
    owner: Person
    other_store_id: int
    other_doctor_id: int

    def book(self, **changes: Any) -> int:
        """Book for the first patient at the first time; gives the appointment's id."""
        with tenant_scope(self.scene.chain.id), unit_of_work() as session:
            wish = replace(self.scene.wish(), **{"fan_id": None, "channel": "desk", **changes})
            return booking.book(session, wish, by=OPERATOR, now=clock.now()).id

    def book_elsewhere(self, **changes: Any) -> int:
        """Book for the second patient at the second store."""
        there = {"store_id": self.other_store_id, "doctor_id": self.other_doctor_id}
        return self.book(**{"patient_id": self.scene.patient_ids[1], **there, **changes})

    def appointment(self, appointment_id: int) -> Appointment:
        """Give an appointment as it is now."""
        return self.read(lambda session: session.get(Appointment, (self.scene.chain.id, appointment_id)))

    def read(self, ask: Callable[[Session], Any]) -> Any:
        """Ask the database; rows stay readable."""
        with tenant_scope(self.scene.chain.id), unit_of_work() as session:
            found = ask(session)
            session.expunge_all()
            return found

    def patient(self, name: str, phone: str | None = None) -> int:
        """Make a chart; gives its id."""
        with tenant_scope(self.scene.chain.id), unit_of_work() as session:
            new = patients.NewChart(name, phone, source="desk")
            return patients.create_chart(session, new, by=OPERATOR, now=clock.now()).id

    def shift(self, begin: dt.datetime, *, hours: int = 2) -> None:
        """Add a shift of the doctor."""
        with tenant_scope(self.scene.chain.id), unit_of_work() as session:
            clinic.add_shift(
                session,
                doctor_id=self.scene.doctor_id,
                store_id=self.scene.chain.store.id,
                starts_at=begin,
                ends_at=begin + dt.timedelta(hours=hours),
                slot_minutes=30,
                per_slot=1,
            )

    def form(self, **changes: str) -> dict[str, str]:
        """Give a filled form for the first patient at the first time."""
        filled = {
            "key": str(uuid.uuid4()),
            "patient": str(self.scene.patient_ids[0]),
            "store": str(self.scene.chain.store.id),
            "doctor": str(self.scene.doctor_id),
            "day": self.day,
            "starts_at": written(self.scene.opens_at),
        }
        return {**filled, **changes}

    @property
    def owner_actor(self) -> Actor:
        """The owner as who acts."""
        return Actor("staff", self.owner.id)

    @property
    def day(self) -> str:
        """The local day of the scene."""
        return clock.local(self.scene.opens_at, ZONE).date().isoformat()


@pytest.fixture
def desk(app: Flask, chain: Chain) -> Desk:
    """A clinic with two stores, and its owner's browser."""
    scene = make_scene(chain)
    other_store_id, other_doctor_id = open_second(scene, slots=6, per_slot=2)
    return Desk(scene, log_in_directly(app, chain, "owner"), other_store_id, other_doctor_id)


def words(answer: TestResponse) -> str:
    """Give what a page says, without its markup."""
    return _plain(answer.text)


def list_of(answer: TestResponse) -> str:
    """Give what the list or the board of a day says, without the filters above it."""
    (shown,) = re.findall(
        r'(?:<table class="list"|<div class="board").*</main>', answer.text, flags=re.DOTALL
    )
    return _plain(shown)


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())
