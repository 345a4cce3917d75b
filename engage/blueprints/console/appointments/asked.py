"""What the address of the day asks for: its view, day, store, doctor, state, and whom to book for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flask import request, url_for

from engage.blueprints.addresses import read_day
from engage.blueprints.guard import Staff
from engage.booking.rules import STATES
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.clinic.models import Store

VIEWS = ("list", "board", "week")
WEEK = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """A day or week as somebody wants to see it; what is not known filters nothing.

    `patient` is whom free places are booked for, carried over from a chat or a chart.
    """

    day: dt.date
    today: dt.date
    view: str = "list"
    store: int | None = None
    doctor: int | None = None
    state: str = ""
    patient: int | None = None

    @classmethod
    def read(cls, *, today: dt.date, stores: Collection[int], doctors: Collection[int]) -> Asked:
        """Read the address of this request."""
        words = request.args
        state, view, patient = (words.get(name, "") for name in ("state", "view", "patient"))
        return cls(
            day=read_day(words.get("day", "")) or today,
            today=today,
            view=view if view in VIEWS else "list",
            store=read_id(words.get("store", ""), stores),
            doctor=read_id(words.get("doctor", ""), doctors),
            state=state if state in STATES else "",
            patient=int(patient)
            if patient.isascii() and patient.isdecimal() and len(patient) <= 18
            else None,
        )

    @property
    def monday(self) -> dt.date:
        """The first day of the week."""
        return self.day - dt.timedelta(days=self.day.weekday())

    @property
    def filtered(self) -> bool:
        """Whether anything but the day narrows the list."""
        return bool(self.state or self.doctor or self.store)

    def kept(self) -> dict[str, str]:
        """Give what stands in the address; what is as usual is left out."""
        chosen = {
            "day": "" if self.day == self.today else self.day.isoformat(),
            "view": "" if self.view == "list" else self.view,
            "store": str(self.store or ""),
            "doctor": str(self.doctor or ""),
            "state": self.state,
            "patient": str(self.patient or ""),
        }
        return {key: value for key, value in chosen.items() if value}

    def url(self, **changed: Any) -> str:
        """Give the address of the same with something changed."""
        kept: dict[str, Any] = {**replace(self, **changed).kept()}
        return url_for("console_appointments.index", **kept)

    def on_day(self, days: int) -> str:
        """Give the address of a day before or after; the calendar's ends lead nowhere else."""
        shifted = self.day.toordinal() + days
        reachable = dt.date.min.toordinal() < shifted < dt.date.max.toordinal()
        return self.url(day=dt.date.fromordinal(shifted) if reachable else self.day)


def looked_at(
    session: Session, staff: Staff, *, now: dt.datetime
) -> tuple[Asked, Mapping[int, Store], Mapping[int, str]]:
    """Give what this request asks for, and in the clinic's order the stores within reach and the doctors."""
    scope = staff.scope("appointments.view")
    stores = {store.id: store for store in clinic.stores(session) if scope.holds(store.id)}
    doctors = {doctor.id: doctor.name for doctor in clinic.doctors(session)}
    today = clock.local(now, staff.house.zone).date()
    return Asked.read(today=today, stores=stores, doctors=doctors), stores, doctors


def read_id(written: str, known: Collection[int]) -> int | None:
    """Read an id of an address; None for what nobody has."""
    return {str(number): number for number in known}.get(written)


def options(
    asked: Asked,
    key: str,
    labels: Mapping[Any, str],
    *,
    everything: str,
    counts: Mapping[Any, int] | None = None,
) -> list[dict[str, Any]]:
    """Give the choices of one filter, the open one first."""
    current = getattr(asked, key) or None
    rows: list[tuple[Any, str]] = [(None, everything), *labels.items()]
    return [
        {
            "label": label,
            "url": asked.url(**{key: value if value is not None else ("" if key == "state" else None)}),
            "current": value == current,
            "count": None if counts is None else counts.get(value, 0),
        }
        for value, label in rows
    ]
