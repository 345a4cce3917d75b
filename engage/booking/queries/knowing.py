"""All that decides about a booking, in one statement: it comes by the hundred a second at times.

It is built once. What another feature keeps comes as a part that the feature gives.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from engage.booking import rules
from engage.booking.errors import KeyReused
from engage.booking.models import Appointment, BookingTerms, Hold, Place
from engage.booking.queries.stretches import MARGIN, stretches_of
from engage.booking.queries.terms import CHANGE_UNTIL, HORIZON_DAYS, read_terms
from engage.booking.queries.visits import by_key
from engage.booking.rules import OPEN, Slot, Span
from engage.booking.rules.terms import Terms
from engage.clinic.queries import situations
from engage.clinic.queries.situations import Situation
from engage.kernel import settings
from engage.kernel.db import Session, read_alone, scoped
from engage.kernel.errors import NotFound
from engage.kernel.settings import Setting
from engage.patients import queries as patients

OPEN_PER_PATIENT = Setting("booking.open_per_patient", 3, allowed=lambda count: 1 <= count <= 50)
OPEN_PER_FAN = Setting("booking.open_per_fan", 5, allowed=lambda count: 1 <= count <= 50)


class Wished(Protocol):
    """What of a wish decides about it."""

    @property
    def key(self) -> uuid.UUID:
        """What makes repeats one."""

    @property
    def patient_id(self) -> int:
        """Who comes."""

    @property
    def store_id(self) -> int:
        """Where to."""

    @property
    def doctor_id(self) -> int | None:
        """To whom; None: to anybody."""

    @property
    def starts_at(self) -> dt.datetime:
        """When."""

    @property
    def item_id(self) -> int | None:
        """What for."""

    @property
    def fan_id(self) -> int | None:
        """The fan who books by WeChat."""

    @property
    def hold_id(self) -> int | None:
        """The hold that keeps the place for them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when somebody books.

    `made_id` is what the key made, `is_bound` whether the fan speaks for the patient. `of_patient` and
    `of_fan` count visits to come. `taken` is what the ledger says of the first step, `may_give_way` whether
    there are holds that ran out, or the fan's own, in the way or for this.
    """

    situation: Situation
    made_id: int | None
    is_bound: bool
    of_patient: int
    of_fan: int
    taken: int
    may_give_way: bool
    terms: Terms
    open_per_patient: int
    open_per_fan: int

    def slot(self, wished: Wished, *, now: dt.datetime) -> Slot | None:
        """Give the slot that begins then, if one does; what is taken is not looked at."""
        end = wished.starts_at + rules.GRID
        opened = stretches_of(
            self.situation, wished.doctor_id, begin=wished.starts_at, end=end, item_id=wished.item_id
        )
        minutes = self.situation.item.minutes if self.situation.item else 0
        slots = rules.grid(opened, {}, now=now, minutes=minutes)
        return next((slot for slot in slots if slot.starts_at == wished.starts_at), None)

    def is_full(self, slot: Slot) -> bool:
        """Whether the ledger shows that no place is left; only the taking itself is sure."""
        return self.taken >= slot.capacity and not self.may_give_way


def known(session: Session, wished: Wished, *, now: dt.datetime) -> Known:
    """Give what is known of a wish, in one query; sure only under the locks of key, patient and fan.

    Raises:
        NotFound: there is no such store, doctor or item.
        KeyReused: nor did the wish have them that the key belongs to.
    """
    asked = _values(session, wished, now=now)
    row = session.execute(_KNOWN, asked).one_or_none()
    missing = _missing(row, wished)
    if missing and by_key(session, wished.key):
        raise KeyReused
    if row is None or missing:
        raise NotFound(**missing)
    return _read(row, asked)


def glimpsed(session: Session, wished: Wished, *, now: dt.datetime) -> Known | None:
    """Give the same as it is now, without the session's transaction; None if something is not there."""
    asked = _values(session, wished, now=now)
    row = read_alone(_GLIMPSED, asked)
    return None if row is None or _missing(row, wished) else _read(row, asked)


def _values(session: Session, wished: Wished, *, now: dt.datetime) -> Mapping[str, Any]:
    resource = rules.resource_of(wished.store_id, wished.doctor_id)
    first = wished.starts_at
    asked = situations.values_of(
        session.tenant_id,
        wished.store_id,
        wished.doctor_id,
        begin=first,
        end=first + rules.GRID,
        margin=MARGIN,
        item_id=wished.item_id,
    )
    return {
        **asked,
        "key": wished.key,
        "patient_id": wished.patient_id,
        "fan_id": wished.fan_id,
        "hold_id": wished.hold_id,
        "resource": resource,
        "starts_at": first,
        "reaches": first + rules.LONGEST,
        "step": next(Span(resource, first, first + rules.GRID).steps),
        "now": now,
    }


def _read(row: Any, asked: Mapping[str, Any]) -> Known:
    return Known(
        situation=situations.read(row, first=asked["first"], last=asked["last"]),
        made_id=row.made_id,
        is_bound=row.is_bound,
        of_patient=row.of_patient,
        of_fan=row.of_fan,
        taken=row.taken or 0,
        may_give_way=row.may_give_way,
        terms=read_terms(row.terms, row.stored),
        open_per_patient=settings.read(row.stored, OPEN_PER_PATIENT),
        open_per_fan=settings.read(row.stored, OPEN_PER_FAN),
    )


def _missing(row: Any | None, wished: Wished) -> Mapping[str, int]:
    """Say what a wish names that is not there."""
    if row is None:
        return {"store": wished.store_id}
    if wished.item_id is not None and row.item is None:
        return {"item": wished.item_id}
    if wished.doctor_id is not None and row.may_be_booked is None:
        return {"doctor": wished.doctor_id}
    return {}


def _id(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


_OPEN: Final[sa.ColumnElement[list[str]]] = sa.literal_column(
    f"ARRAY[{', '.join(repr(state) for state in OPEN)}]"
)
_KEY: Final = sa.bindparam("key", type_=sa.Uuid)


def _knowing() -> sa.Select[Any]:
    visit, hold, place, terms = (
        cast("sa.Table", model.__table__).alias(name)
        for model, name in ((Appointment, "visit"), (Hold, "hold"), (Place, "place"), (BookingTerms, "terms"))
    )
    tenant_id, fan_id, patient_id = situations.STORE.c.tenant_id, _id("fan_id"), _id("patient_id")
    resource = sa.bindparam("resource", type_=sa.Text)
    starts_at, reaches, step, now = map(situations.moment, ("starts_at", "reaches", "step", "now"))

    def to_come(whose: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return (
            sa.select(sa.func.count())
            .where(
                visit.c.tenant_id == tenant_id,
                whose,
                visit.c.state == sa.func.any(_OPEN),
                visit.c.starts_at > now,
            )
            .scalar_subquery()
        )

    in_the_way = (
        (hold.c.resource == resource)
        & (hold.c.starts_at < reaches)
        & (hold.c.ends_at > starts_at)
        & ((hold.c.expires_at <= now) | (hold.c.fan_id == fan_id))
    )
    gives_way = sa.exists().where(hold.c.tenant_id == tenant_id, in_the_way | (hold.c.id == _id("hold_id")))
    made = sa.select(visit.c.id).where(visit.c.tenant_id == tenant_id, visit.c.key == _KEY)
    taken = sa.select(place.c.taken).where(
        place.c.tenant_id == tenant_id, place.c.resource == resource, place.c.grid_start == step
    )
    own_terms = sa.select(sa.func.to_jsonb(sa.literal_column("terms"), type_=JSONB)).where(
        terms.c.tenant_id == tenant_id, terms.c.store_id == situations.STORE.c.id
    )
    stored = settings.stored_of(tenant_id, OPEN_PER_PATIENT, OPEN_PER_FAN, HORIZON_DAYS, CHANGE_UNTIL)
    return situations.situating().add_columns(
        made.scalar_subquery().label("made_id"),
        patients.bound(tenant_id, fan_id, patient_id).label("is_bound"),
        to_come(visit.c.patient_id == patient_id).label("of_patient"),
        to_come(visit.c.fan_id == fan_id).label("of_fan"),
        taken.scalar_subquery().label("taken"),
        gives_way.label("may_give_way"),
        own_terms.scalar_subquery().label("terms"),
        stored.label("stored"),
    )


_KNOWN: Final = _knowing()
_GLIMPSED: Final = scoped(_KNOWN)
