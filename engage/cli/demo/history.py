"""A month of appointments that were, and those to come: booked and acted on as of their days."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engage.audit.services import Actor
from engage.booking import queries, services
from engage.booking.errors import NotOpen, NotPossible, PatientBusy, SlotFull, TooManyOpen
from engage.booking.rules import ACTIONS
from engage.booking.services import Book, Change, touches
from engage.cli.demo.charts import Charts
from engage.cli.demo.visits import Step, Visit
from engage.clinic import queries as clinic
from engage.kernel.db import Session, unit_of_work
from engage.tasks import queries as tasks
from engage.tasks.rules import APPOINTMENT

if TYPE_CHECKING:
    from engage.booking.models import Appointment

CALLED: Final = "call_no_show"
# What people did by hand meanwhile: rosters, visits and limits are theirs to change.
_IN_THE_WAY = (NotOpen, NotPossible, PatientBusy, SlotFull, TooManyOpen)


@dataclass(frozen=True, slots=True)
class Known:
    """Ids by the names that a plan uses; `desk` is who acts for those who do not act themselves."""

    charts: Charts
    fans: Mapping[str, int]
    stores: Mapping[str, int]
    doctors: Mapping[str, int]
    items: Mapping[str, int]
    desk: Actor

    def has(self, visit: Visit) -> bool:
        """Whether what a visit names is there still: names are people's to change too."""
        return visit.store in self.stores and visit.doctor in self.doctors and visit.item.name in self.items

    def knows(self, *, doctors: Collection[str] = (), items: Collection[str] = ()) -> bool:
        """Whether all of these are there still."""
        return set(doctors) <= self.doctors.keys() and set(items) <= self.items.keys()


def look_up(session: Session, charts: Charts, fans: Mapping[str, int], desk: Actor) -> Known:
    """Find what plans name."""
    return Known(
        charts,
        fans,
        {store.slug: store.id for store in clinic.stores(session)},
        {doctor.name: doctor.id for doctor in clinic.doctors(session)},
        {item.name: item.id for item in clinic.items(session)},
        desk,
    )


def record(visit: Visit, known: Known) -> None:
    """Let a visit come about and take its steps; what was done before is left as it is.

    A visit that something is in the way of stays away.
    """
    if not known.has(visit):
        return
    with contextlib.suppress(*_IN_THE_WAY), unit_of_work() as session:
        appointment = queries.by_key(session, visit.key) or _book(session, visit, known)
        for step in visit.steps:
            if appointment.starts_at == visit.starts_at and _is_due(appointment, step):
                _take(session, appointment, step, _patient_or_desk(visit, known), known.desk)


def _is_due(appointment: Appointment, step: Step) -> bool:
    """Whether a step was not taken yet; a call follows from the state that it finds or leads to."""
    states = {"call": ("confirmed",), "call_off": ("confirmed",), "called": ("no_show",)}
    return appointment.state in (states.get(step.action) or ACTIONS[step.action].from_states)


def _book(session: Session, visit: Visit, known: Known) -> Appointment:
    by, starts_at = _patient_or_desk(visit, known), visit.first_at or visit.starts_at
    store_id, doctor_id = known.stores[visit.store], known.doctors[visit.doctor]
    wish = Book(
        key=visit.key,
        patient_id=known.charts[visit.phone, visit.person.name],
        store_id=store_id,
        doctor_id=doctor_id,
        starts_at=starts_at,
        item_id=known.items[visit.item.name],
        complaint=visit.item.complaint,
        channel=visit.channel,
        fan_id=known.fans[visit.fan] if visit.fan else None,
    )
    booked = services.book(session, wish, by=by, now=visit.booked_at)
    if visit.first_at is None:
        return booked
    move = Change(booked.id, booked.version, store_id, doctor_id, visit.starts_at)
    return services.change(session, move, by=by, now=visit.booked_at + dt.timedelta(minutes=5))


def _take(session: Session, appointment: Appointment, step: Step, patient: Actor, desk: Actor) -> None:
    if step.action == "cancel":
        _cancel(session, appointment, step, patient, for_patient=True)
    elif step.action == "call_off":
        _cancel(session, appointment, step, desk, for_patient=False)
    elif step.action == "call":
        touches.call(session, appointment, CALLED, now=step.at)
    elif step.action == "called":
        _called(session, appointment, step, desk)
    elif step.action == "attend":
        services.act(session, appointment.id, "attend", by=patient, now=step.at)
    else:
        services.act(session, appointment.id, step.action, by=desk, now=step.at)


def _cancel(session: Session, appointment: Appointment, step: Step, by: Actor, *, for_patient: bool) -> None:
    services.cancel(
        session,
        appointment.id,
        appointment.version,
        step.reason,
        by=by,
        now=step.at,
        for_patient=for_patient,
    )


def _called(session: Session, appointment: Appointment, step: Step, desk: Actor) -> None:
    """Write down what came of the call to somebody who did not come."""
    for task in tasks.of_subject(session, APPOINTMENT, appointment.id):
        if (task.kind, task.state) == (CALLED, "open"):
            outcome, note = ("not_coming", step.reason) if step.reason else ("not_reached", "无人接听")
            services.finish_call(session, task.id, outcome, note, by=desk, now=step.at)


def _patient_or_desk(visit: Visit, known: Known) -> Actor:
    return Actor("fan", known.fans[visit.fan]) if visit.fan else known.desk
